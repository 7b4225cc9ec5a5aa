"""Pictures of every page for the documentation: `make pictures` writes them, of the examples' studies and simulated people.

Not a test: the tests look at pages too, but with hardly anything on them. Here simulated workers fill the studies first, over
the API, with answers that lean to one side and differ; what stands on the pictures means nothing.
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from tests.browser.conftest import ARGUMENTS
from tests.browser.judging import FORM, read_first
from tests.browser.looking import pictures_of
from tests.browser.site import Site, start_studies
from tests.browser.visiting import Visitor
from tests.cli import collect_client

WORKERS = 6
COLOURS = 64


class Simulated(collect_client.Client):
    """A worker who leans to what a reader would answer, and often answers something else."""

    def __init__(self, server: Site, token: str, seed: int):
        super().__init__(server, token)
        self.draws = random.Random(seed)

    def submission(self, work: dict, step: dict) -> tuple[str, dict, str]:
        path, body, key = super().submission(work, step)
        self._vary(step, body["submission"])
        return path, body | {"seconds": round(self.draws.lognormvariate(3.3, 0.5), 1)}, key

    def _vary(self, step: dict, given: dict) -> None:
        draws, fields = self.draws, step["fields"]
        if step["act"] == "judge-pair" and not any(reply in collect_client.HARMFUL for reply in step["replies"]):
            given |= {axis: min(max(round(draws.gauss(3.5, 2)), 1), fields["steps"]) for axis in fields["questions"]}
        elif step["act"] == "judge-turn":
            given["step"] = min(max(round(draws.gauss(3.5, 2)), 1), 8)
        elif step["act"] == "label" and draws.random() < 0.35:
            given |= {"categories": draws.sample(sorted(_names(fields["categories"])), draws.choice((1, 1, 2)))}
            given |= {"none_applies": False, "confidence": draws.randint(1, 3)}
        elif step["act"] == "rank":
            draws.shuffle(given["helpfulness"])
        elif step["act"] in {"review", "rate-self"}:
            given["rating"] = draws.randint(0, 4)


def _names(categories: list) -> list[str]:
    return [each["name"] if isinstance(each, dict) else each for each in categories]


def fill(site: Site) -> None:
    """Some work in every study; the server's `url` is followed by the API's path for these clients."""
    site_api = type("Api", (), {"url": f"{site.url}/api/v1", "clients": []})()
    people = [site.send("POST", "/people", {"role": "worker", "token_days": 1}) for _ in range(WORKERS)]
    for seed, person in enumerate(people):
        worker = Simulated(site_api, person["token"], seed)
        for study, most in (("pairs", 9), ("safety-labels", 12), ("two-axis-ranking", 3), ("preference-chat", 2)):
            worker.do_all(study, most=most)
        worker.do_all("red-team-chat", most=1)
        worker.do_all("red-team-chat", "review", most=2)


def worker_pages(visitor: Visitor) -> Iterator[str]:
    """Each page of somebody who judges, shown in their browser: its name for the picture. Nobody has judged anything yet."""
    page = visitor.page
    for name, path in (("home", "/"), ("study", "/studies/pairs"), ("account", "/account")):
        page.goto(path)
        yield name
    page.goto("/studies/safety-labels/work?queue=work")
    page.wait_for_selector(f"{FORM}, #act > section h2")
    yield "before-the-first-item"
    for study in ("pairs", "safety-labels", "two-axis-ranking", "preference-chat", "red-team-chat"):
        page.goto(f"/studies/{study}/work?queue=work")
        read_first(page)
        if study == "red-team-chat":
            yield "consent"
            continue
        if study == "preference-chat":
            page.wait_for_selector(f"{FORM} textarea[name=text]")
            page.locator(f"{FORM} textarea[name=text]").fill("How do I keep bread fresh for longer?")
            page.keyboard.press("Control+Enter")
            page.wait_for_selector(f"{FORM} .reply")
            page.keyboard.press("3")
        if page.locator("[data-do=unveil]").count():
            page.locator("[data-do=unveil]").first.click()
        yield f"work-{study}"
        if study == "pairs":
            page.locator("[name=helpfulness]").first.focus()
            page.keyboard.press("2")
            page.locator("[name=harmlessness]").first.focus()
            page.keyboard.press("6")
            yield "work-pairs-answered"
            page.keyboard.press("Enter")
            page.get_by_text("Undo").or_(page.locator(f"{FORM} .reply")).first.wait_for()
            page.goto("/studies/pairs/mine")
            yield "own-judgements"


def manager_pages(visitor: Visitor, worker: str) -> Iterator[str]:
    """Each page of somebody who runs the studies."""
    page = visitor.page
    pages = {
        "dashboard-pairs": "/studies/pairs/dashboard",
        "dashboard-safety-labels": "/studies/safety-labels/dashboard",
        "dashboard-preference-chat": "/studies/preference-chat/dashboard",
        "workers": "/studies/pairs/workers",
        "worker": f"/studies/pairs/workers/{worker}",
        "disagreements": "/studies/pairs/disagreements",
        "guidelines-editor": "/studies/pairs/guidelines/edit",
        "export": "/studies/pairs/export",
        "people": "/people",
        "webhooks": "/webhooks",
    }
    for name, path in pages.items():
        page.goto(path)
        yield name
    page.goto(pages["disagreements"])
    page.locator(".row-head a").first.click()
    page.get_by_role("heading", name="Who said what").wait_for()
    yield "disagreement"


def take_all(browser: Browser, site: Site, folder: Path) -> list[Path]:
    """Every page in light, dark and at 400 px."""
    taken = []
    owner = site.add("owner")
    nobody, worker, manager = Visitor(browser, site), Visitor(browser, site, site.add()), Visitor(browser, site, owner)
    for name, path in (("login", "/login"), ("join", site.invite())):
        nobody.page.goto(path)
        nobody.page.wait_for_load_state("networkidle")
        taken += pictures_of(nobody.page, folder, name)
    for name in worker_pages(worker):
        taken += pictures_of(worker.page, folder, name)
    fill(site)
    worker.page.goto("/studies/red-team-chat/work?queue=review")
    read_first(worker.page)
    taken += pictures_of(worker.page, folder, "work-review")
    somebody = next(line["pseudonym"] for line in site.get("/studies/pairs/workers")["workers"])
    for name in manager_pages(manager, somebody):
        taken += pictures_of(manager.page, folder, name)
    return taken


def make_small(path: Path) -> None:
    """Few colours: pages have few, and a repository keeps every version of a picture."""
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


def main() -> None:
    """Writes the folder anew."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as aside, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(ARGUMENTS))
        with Site.of_copy(start_studies(Path(aside, "started")), Path(aside, "site")) as site:
            taken = take_all(browser, site, Path(aside, "pictures"))
        browser.close()
        for path in taken:
            make_small(path)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(Path(aside, "pictures"), folder)
    print(f"{len(taken)} pictures in {folder}, {sum(path.stat().st_size for path in folder.iterdir()) >> 10} KiB")


if __name__ == "__main__":
    main()
