"""What a manager does in a browser: watch, pause, read, write guidelines, invite, block. Judgements are simulated."""

import re
from itertools import count

import httpx2
import pytest

from tests.browser.looking import assert_fits, assert_no_serious_axe_violations, take_pictures

STUDY = "/studies/pairs"
KEYS = count(1)


class Simulated:
    """A worker who judges pairs without a browser: a program that answers as it is told."""

    def __init__(self, site):
        self.site = site
        made = site.send("POST", "/people", {"role": "worker", "token_days": 1})
        self.pseudonym, self.token = made["pseudonym"], made["token"]

    def next(self):
        return self.site.http("POST", "/studies/pairs/next", token=self.token)

    def judge(self, helpfulness, times=1):
        for _ in range(times):
            work = self.next().json()
            submission = {"act": "judge-pair", "helpfulness": helpfulness, "harmlessness": 4, "comment": "<b>so</b>"}
            body = {"fence": work["fence"], "guidelines_version": 1, "submission": submission, "seconds": 20}
            answer = httpx2.post(
                f"{self.site.url}/api/v1/assignments/{work['assignment']}/submit",
                headers={"Authorization": f"Bearer {self.token}", "Idempotency-Key": f"key-{next(KEYS):08}"},
                json=body,
            )
            assert answer.status_code == 200, answer.text


def read_count(page):
    """Of how many judgements the figures are; an older snapshot than the newest is shown for a while."""
    page.locator("#as-of").wait_for()
    return int(page.locator("#as-of").inner_text().partition("from ")[2].split()[0].replace(",", ""))


@pytest.fixture
def manager(visit, site):
    """Somebody at the manager's pages."""
    return visit(site.add("manager"))


def open_hurried_dashboard(page):
    """One that looks for newer figures each second, and each other where there is no answer."""

    def hurry(route):
        came = route.fetch()
        seconds = re.search(r'data-seconds="\d+"', came.text())[0]
        route.fulfill(response=came, body=came.text().replace(seconds, 'data-seconds="1"'))

    page.route(f"**{STUDY}/dashboard", hurry)
    page.goto(f"{STUDY}/dashboard")
    page.unroute_all(behavior="wait")


def test_a_dashboard_follows_what_happens_and_disturbs_nobody(manager, site):
    page, worker = manager.page, Simulated(site)
    worker.judge(2)
    open_hurried_dashboard(page)
    before = read_count(page)
    page.locator("#queues-summary").click()
    page.locator("#days-summary").focus()
    page.evaluate("document.querySelector('#queues').dataset.marked = 'yes'; scrollTo(0, 40)")
    worker.judge(7, times=2)
    page.wait_for_function(
        "least => Number(document.getElementById('as-of').textContent.match(/from ([0-9,]+)/)[1]) >= least",
        arg=before + 2,
    )
    assert page.locator("#queues-numbers").get_attribute("open") is not None
    assert page.evaluate("document.activeElement.id") == "days-summary"
    assert page.evaluate("scrollY") == 40
    assert "judgements" in page.locator("#days").inner_text()


def test_a_study_is_paused_and_opened_again(manager, site):
    page, worker = manager.page, Simulated(site)
    page.goto(f"{STUDY}/dashboard")
    page.get_by_role("button", name="Pause").click()
    assert "can still finish" in page.locator("#change-says").inner_text()
    page.get_by_role("button", name="Cancel").click()
    assert page.locator("#state").inner_text() == "open"
    page.get_by_role("button", name="Pause").click()
    page.locator("#change-do").click()
    page.locator("#state", has_text="paused").wait_for()
    assert worker.next().status_code == 409
    page.get_by_role("button", name="Resume").click()
    page.locator("#change-do").click()
    page.locator("#state", has_text="open").wait_for()
    assert worker.next().status_code == 200


def by_keyboard(page, wanted):
    """Tab until the focus is on it, then Enter."""
    page.locator(wanted).first.wait_for()
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("wanted => document.activeElement.matches(wanted)", wanted):
            return page.keyboard.press("Enter")
    raise AssertionError(f"the focus never came to {wanted}")


def test_from_the_dashboard_it_is_two_steps_to_what_is_done_there(manager, site):
    page, workers = manager.page, [Simulated(site) for _ in range(2)]
    for worker, step in zip(workers, (1, 8), strict=True):
        worker.judge(step)
    page.goto(f"{STUDY}/dashboard")
    by_keyboard(page, "#reading-1")
    by_keyboard(page, ".row-head a")
    page.get_by_role("heading", name="Who said what").wait_for()
    for state, change in (("paused", "#change-paused"), ("open", "#change-open")):
        page.goto(f"{STUDY}/dashboard")
        by_keyboard(page, change)
        page.locator("#change[open]").wait_for()
        by_keyboard(page, "#change-do")
        page.locator("#state", has_text=state).wait_for()


def test_a_dashboard_says_that_the_server_is_gone_and_goes_on_afterwards(visit, own_site):
    page = visit(own_site.add("manager")).page
    open_hurried_dashboard(page)
    own_site.kill()
    page.locator("#connection", has_text="The server does not answer since").wait_for(timeout=30_000)
    own_site.start()
    page.locator("#connection").wait_for(state="hidden", timeout=60_000)


def test_every_page_is_legible_to_all(manager, site, visit):
    workers = [Simulated(site) for _ in range(2)]
    for worker, step in zip(workers, (1, 8), strict=True):
        worker.judge(step, times=4)
    owner = visit(site.add("manager"))
    pages = {
        "dashboard": f"{STUDY}/dashboard",
        "workers": f"{STUDY}/workers?sort=finished&descending=true",
        "worker": f"{STUDY}/workers/{workers[0].pseudonym}",
        "disagreements": f"{STUDY}/disagreements",
        "judged": f"{STUDY}/judged",
        "guidelines-editor": f"{STUDY}/guidelines/edit",
        "export": f"{STUDY}/export",
        "people": "/people",
    }
    page = owner.page
    for name, path in pages.items():
        assert page.goto(path).status == 200
        take_pictures(page, name)
        page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        assert_no_serious_axe_violations(page)
        assert_fits(page)
    page.goto(pages["disagreements"])
    page.locator(".row-head a").first.click()
    page.get_by_role("heading", name="Who said what").wait_for()
    assert page.locator(".said").all_inner_texts() == ["<b>so</b>", "<b>so</b>"]
    take_pictures(page, "disagreement")
    assert_no_serious_axe_violations(page)
    assert_fits(page)


def test_guidelines_are_previewed_published_and_never_overwritten(manager, site):
    page = manager.page
    page.goto(f"{STUDY}/guidelines/edit")
    version = int(page.locator("#editor").get_attribute("data-version"))
    text = page.locator("#text")
    text.fill("# Better\n\n<img src=x onerror=alert(1)>\n\n* only this")
    page.get_by_role("button", name="Preview").click()
    page.locator("#previewed li", has_text="only this").wait_for()
    assert page.locator("#previewed img").count() == 0
    assert "onerror=alert(1)" in page.locator("#previewed").inner_text()
    page.get_by_role("button", name="Publish").click()
    page.locator("#sure[open] button[value=no]").click()
    page.get_by_role("button", name="Publish").click()
    page.locator("#sure[open] button[value=yes]").click()
    page.locator(f"#editor[data-version='{version + 1}']").wait_for()
    assert page.locator(".diff-line.came").count() > 0
    site.send("POST", f"{STUDY}/guidelines", {"text": "Somebody else's."})
    text.fill("Mine")
    page.get_by_role("button", name="Publish").click()
    page.locator("#sure[open] button[value=yes]").click()
    page.locator("#problem", has_text="Somebody else published").wait_for()
    assert text.input_value() == "Mine"
    assert site.get(f"{STUDY}/guidelines")["text"] == "Somebody else's."
    manager.expects("409")
    page.on("dialog", lambda dialog: dialog.accept())


def test_what_was_collected_is_downloaded(manager, site):
    Simulated(site).judge(1)
    page = manager.page
    page.goto(f"{STUDY}/export")
    page.get_by_label("judgements").check()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "pairs-judgements.zip"
    page.goto(f"{STUDY}/dashboard")
    page.locator("#days-summary").click()
    with page.expect_download() as download:
        page.locator("#days-csv").click()
    assert download.value.path().read_text().splitlines()[0] == "day,judgements,all up to its end"


def test_somebody_is_invited_comes_in_and_is_blocked(manager, site, visit):
    page = manager.page
    page.goto("/people")
    page.get_by_label("into").select_option("pairs")
    page.get_by_role("button", name="Make a link").click()
    page.locator("#link[open]").wait_for()
    link = page.locator("#link-text").input_value()
    assert link.startswith(f"{site.url}/join#")
    page.get_by_role("button", name="Done").click()
    page.locator("[data-revoke]", has_text="worker in pairs").wait_for()
    assert link.partition("#")[2] not in page.content()
    visitor = visit()
    guest = visitor.page
    guest.goto(link)
    guest.get_by_label("Your name here").fill("Gast")
    guest.get_by_label("Password").fill("four plain words here")
    guest.get_by_role("button", name="Begin").click()
    guest.wait_for_url(f"{site.url}/")
    page.reload()
    row = page.locator("tr", has_text="Gast")
    row.get_by_role("button", name="Block").click()
    page.locator("#sure-yes").click()
    row.get_by_text("blocked").wait_for()
    assert (
        page.locator("[data-revoke]").count() == 0
    )  # used up; the owner's, which is open, is out of a manager's reach
    visitor.expects("403")
    guest.goto("/studies/pairs/work")
    assert "ask the study's manager" in guest.content() or "they may not work" in guest.content()
