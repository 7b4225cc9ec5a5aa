"""Manager's pages of a filled store, served as users serve it: what the server takes for one, and what Chromium does.

One page at a time, a quarter of a second apart, so that some of the requests find figures that are old and wait for newer
ones, as they do in use. The browser's files are cached, as with every page but the first. The floor: the account page,
which asks the store for as little as a page can.
"""

from __future__ import annotations

import http.client
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks import measuring
from benchmarks.collecting.servers import Server, free_ports
from benchmarks.hammer.figures import quantile
from benchmarks.measuring import PROGRAM

TARGET_MS = 300.0
FLOOR, DASHBOARD = "floor: account", "dashboard"
_PAUSE_SECONDS = 0.25
_START_SECONDS = 300.0
_TIMES = """() => ({
  load: performance.getEntriesByType('navigation')[0].loadEventEnd,
  paint: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0,
})"""


@dataclass
class PageTimes:
    """Of one page, in milliseconds.

    Attributes:
        size_kb: of its HTML, uncompressed.
        server: from the request to the last byte, over a kept connection.
        paint: until Chromium painted something first, from when it was told to go there.
        load: until everything of it was loaded.
    """

    size_kb: float = 0.0
    server: list[float] = field(default_factory=list)
    paint: list[float] = field(default_factory=list)
    load: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ServedStudy:
    """A study of a filled store, and who looks at it.

    Attributes:
        session: of an owner's cookie.
        worker: the pseudonym of somebody who judged.
    """

    name: str
    file: str
    session: str
    worker: str


def pages_of(study: ServedStudy) -> dict[str, str]:
    """Addresses by what they are called in tables."""
    from plumbline.collect.pages.panels.study import SECTION_NAMES

    base = f"/studies/{study.name}"
    return {
        FLOOR: "/account",
        DASHBOARD: f"{base}/dashboard",
        "dashboard, all open": f"{base}/dashboard?open={','.join(SECTION_NAMES)}",
        "workers": f"{base}/workers",
        "a worker": f"{base}/workers/{study.worker}",
        "disagreements": f"{base}/disagreements",
        "judgements": f"{base}/judged",
        "judgements of a worker": f"{base}/judged?worker={study.worker}",
        "export": f"{base}/export",
    }


def look_at(place: str, kind: str, *, times: int) -> dict[str, PageTimes]:
    """Every page of the study in this store, so many times.

    Raises:
        SystemExit: there is no Chromium, or the server did not start.
    """
    study = to_serve(place, kind)
    with tempfile.TemporaryDirectory(prefix="dashboard-pages-") as folder:
        (Path(folder) / "study.toml").write_text(study.file, encoding="utf-8")
        (Path(folder) / "g.md").write_text("Read.", encoding="utf-8")
        (port,) = free_ports(1)
        command = [PROGRAM, "collect", "serve", folder, "--store", place, "--port", str(port), "--no-access-log"]
        log = Path(folder) / "server.log"
        server = Server(command, port, log)
        server.start()
        try:
            _wait_for(port, study, log)
            found = asked_for(port, study, times)
            seen_in_browser(port, study, found, times)
        finally:
            server.stop()
    return found


def to_serve(place: str, kind: str) -> ServedStudy:
    """The study of this store, and an owner's session to look at it by."""
    from plumbline.collect.kinds import Purpose
    from plumbline.collect.service.collecting import utc_now
    from plumbline.collect.store.items import read_items
    from plumbline.collect.store.judgements import judgements_of_item
    from plumbline.collect.store.migrating import open_store
    from plumbline.collect.store.people import add_person, issue_session, list_people
    from plumbline.collect.store.rows import Role
    from plumbline.collect.store.studies import find_study

    store = open_store(place)
    try:
        study, now = find_study(store, "chat" if kind == "preference-chat" else kind), utc_now()
        owner = add_person(store, Role.OWNER, now=now)
        ends = now + timedelta(days=1)
        session = issue_session(store, owner.id, now=now, expires_at=ends)
        (item,) = read_items(store, study.id, purpose=Purpose.WORK, limit=1)
        (judged, *_) = judgements_of_item(store, item.id, limit=1)
        names = {person.id: person.pseudonym for person in list_people(store)}
        return ServedStudy(study.name, study.file, session, names[judged.worker_id])
    finally:
        store.close()


# --- over HTTP ---


def asked_for(port: int, study: ServedStudy, times: int) -> dict[str, PageTimes]:
    """Each page in turn, `times` over."""
    found = {name: PageTimes() for name in pages_of(study)}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for _ in range(times):
        for name, path in pages_of(study).items():
            begun = time.perf_counter()
            body = _get(connection, path, study.session)
            found[name].server.append((time.perf_counter() - begun) * 1000)
            found[name].size_kb = len(body) / 1000
            time.sleep(_PAUSE_SECONDS)
    connection.close()
    return found


def _get(connection: http.client.HTTPConnection, path: str, session: str) -> bytes:
    connection.request("GET", path, headers={"Cookie": f"plumbline={session}", "Accept": "text/html"})
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise SystemExit(f"{path}: {answer.status}")
    return body


def _wait_for(port: int, study: ServedStudy, log: Path) -> None:
    """Until there are figures: the first are made when a server starts, or when somebody asks."""
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_START_SECONDS)
        try:
            _get(connection, pages_of(study)[DASHBOARD], study.session)
        except OSError:
            time.sleep(0.1)
        else:
            return
        finally:
            connection.close()
    raise SystemExit(f"the server did not start:\n{log.read_text(encoding='utf-8', errors='replace')[-3000:]}")


# --- in a browser ---


def seen_in_browser(port: int, study: ServedStudy, found: Mapping[str, PageTimes], times: int) -> None:
    """Each page in Chromium, `times` over, and once before that counts for nothing: it fills the browser's cache."""
    from playwright.sync_api import sync_playwright

    from benchmarks.pages import ARGUMENTS

    program = shutil.which("chromium")
    if program is None:
        raise SystemExit("there is no chromium on PATH; on Debian: apt-get install chromium")
    base = f"http://127.0.0.1:{port}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        context.add_cookies([{"name": "plumbline", "value": study.session, "url": base}])
        page = context.new_page()
        for turn in range(times + 1):
            for name, path in pages_of(study).items():
                page.goto(f"{base}{path}", wait_until="load")
                page.wait_for_function(
                    f"() => {{ const seen = ({_TIMES})(); return seen.load > 0 && seen.paint > 0; }}"
                )
                seen = page.evaluate(_TIMES)
                if turn:
                    found[name].paint.append(float(seen["paint"]))
                    found[name].load.append(float(seen["load"]))
        browser.close()


# --- told ---


def print_pages(found: Mapping[str, Mapping[str, PageTimes]]) -> None:
    """A line for each page of each store."""
    rows: list[list[str]] = []
    for store, pages in found.items():
        for name, seen in pages.items():
            ways = (seen.server, seen.paint, seen.load)
            told = [f"{quantile(values, percent):.0f}" for values in ways for percent in (50, 95)]
            rows.append([f"{store}, {name}", f"{seen.size_kb:,.0f}", *told])
    titles = ["ms", "KB", *(f"{way} p{percent}" for way in ("server", "paint", "load") for percent in (50, 95))]
    measuring.print_table(titles, rows)


def page_targets(found: Mapping[str, Mapping[str, PageTimes]]) -> Sequence[tuple[str, float, str, float]]:
    """The figures asked for: the whole page, in the browser."""
    return [
        (f"{store}: dashboard page, load p95, ms", quantile(pages[DASHBOARD].load, 95), "<=", TARGET_MS)
        for store, pages in found.items()
    ]


def as_json(found: Mapping[str, Mapping[str, PageTimes]]) -> dict[str, Any]:
    """Quantiles in milliseconds, by store and page."""
    return {
        store: {
            name: {"size_kb": round(seen.size_kb, 1)}
            | {
                f"{way}_p{percent}_ms": round(quantile(getattr(seen, way), percent), 1)
                for way in ("server", "paint", "load")
                for percent in (50, 95)
            }
            for name, seen in pages.items()
        }
        for store, pages in found.items()
    }
