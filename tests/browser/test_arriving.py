"""Coming from Prolific, and from a HIT of MTurk in a real frame of another origin, which stands for MTurk here."""

import re
from urllib.parse import quote, urlencode

import pytest

from tests.browser.judging import FORM, Judge
from tests.browser.looking import assert_fits, assert_no_serious_axe_violations, take_pictures
from tests.browser.served import Served
from tests.browser.stand_in_for_mturk import StandIn

PLATFORMS = """[prolific]
study = "theirs"
completion_code = "C0DE-1"
items = 2

[mturk]
items = 2
sandbox = true
minutes = 4
pay = "We pay the reward within two days."

[wellbeing]
warning = "You may read rude words."
"""
CHANGES = (("overlap = 2", "overlap = 20"), ("[wellbeing]\n", PLATFORMS))
NOT_ACCEPTED = "ASSIGNMENT_ID_NOT_AVAILABLE"
CODE = re.compile(r"([0-9A-Z]{4}-){3}[0-9A-Z]{4}")


@pytest.fixture(scope="module")
def mturk():
    made = StandIn()
    yield made
    made.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory, mturk):
    served = Served(tmp_path_factory.mktemp("arriving"), "pairs", CHANGES, mturk=mturk.origin)
    yield served
    served.kill()


class Arrived(Judge):
    """Somebody in a browser of their own who comes from elsewhere; whatever a page's scripts complain of is noted."""

    def __init__(self, browser, served):
        self.served, self.pressed, self.complaints = served, [], []
        self.context = browser.new_context()
        self.context.set_default_timeout(15_000)
        self.context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        self.page = self.context.new_page()

    def begin(self, page=None):
        """From the page of the arrival to the first item."""
        page = page or self.page
        page.get_by_role("button", name="Begin").click()
        page.wait_for_url(f"{self.served.url}/studies/{self.served.name}")
        page.goto(self.served.work)
        page.wait_for_selector(f"{FORM} .reply, #act > section")
        if page.get_by_role("button", name="I have read this").count():
            page.get_by_role("button", name="I have read this").click()

    def finish(self, page=None):
        """One item, up to what comes next."""
        page = page or self.page
        self.wait_for_next(self.judge(2, 3, page), page)


@pytest.fixture
def somebody(browser, served):
    made = Arrived(browser, served)
    yield made
    made.context.close()
    assert made.complaints == []


def prolific(served, participant, visit, study="theirs"):
    said = urlencode({"PROLIFIC_PID": participant, "STUDY_ID": study, "SESSION_ID": visit})
    return f"{served.url}/arrive/prolific/{served.name}?{said}"


def test_from_prolific_to_the_code_and_the_link_back_over_two_visits(somebody, served, browser):
    page = somebody.page
    page.goto(prolific(served, "participant", "visit-1"))
    assert_no_serious_axe_violations(page)
    somebody.begin()
    somebody.finish()
    page.get_by_text("1 done, 1 to go").wait_for()
    # Another day, another browser, another visit: they go on where they were.
    again = Arrived(browser, served)
    again.page.goto(prolific(served, "participant", "visit-2"))
    again.begin()
    again.page.get_by_text("1 done, 1 to go").wait_for()
    again.finish()
    again.page.get_by_text("Your visit is complete").wait_for()
    assert again.page.locator("[data-slot=code]").inner_text() == "C0DE-1"
    back = again.page.get_by_role("link", name="Back to the platform")
    assert back.get_attribute("href") == "https://app.prolific.com/submissions/complete?cc=C0DE-1"
    assert again.page.get_by_text("the form of the HIT").is_hidden()
    again.page.goto(f"{served.url}/studies/{served.name}")
    again.page.get_by_text("Your visit is complete; the code is C0DE-1.").wait_for()
    again.context.close()
    assert again.complaints == []


def test_the_link_of_another_study_on_prolific_lets_nobody_in(somebody, served):
    page = somebody.page
    page.goto(prolific(served, "participant", "visit", study="another"))
    page.get_by_role("button", name="Begin").click()
    page.get_by_text("it belongs to another study on Prolific").wait_for()
    assert somebody.context.cookies() == []
    page.goto(f"{served.url}/arrive/prolific/{served.name}?PROLIFIC_PID=x")
    page.get_by_text("This link is not whole").wait_for()


def framed(page, mturk, source):
    """Opens a page of ours in a frame of the stand-in; the frame."""
    page.goto(f"{mturk.origin}/frame?source={quote(source, safe='')}")
    return page.frame_locator("iframe")


def hit(served, mturk, assignment, worker="worker"):
    said = {"assignmentId": assignment, "hitId": "hit", "turkSubmitTo": mturk.origin}
    said |= {} if assignment == NOT_ACCEPTED else {"workerId": worker}
    return f"{served.url}/arrive/mturk/{served.name}?{urlencode(said)}"


def test_a_hit_from_the_preview_to_the_form_that_the_other_origin_receives(somebody, served, mturk):
    page = somebody.page
    frame = framed(page, mturk, hit(served, mturk, NOT_ACCEPTED))
    frame.get_by_text("Accept the HIT to begin.").wait_for()
    assert "2 items, about 4 minutes" in frame.locator("main").inner_text()
    assert frame.get_by_role("link", name="Open the study").count() == frame.locator("form").count() == 0
    seen = set()
    for number in (1, 2):  # the second is another HIT of the same worker
        frame = framed(page, mturk, hit(served, mturk, f"assignment-{number}"))
        with somebody.context.expect_page() as opened:
            frame.get_by_role("link", name="Open the study").click()
        tab = opened.value
        assert tab.evaluate("() => window.opener") is None
        somebody.begin(tab)
        assert tab.evaluate("() => location.href") == served.work
        for _ in range(2):
            somebody.finish(tab)
        tab.get_by_text("Your visit is complete").wait_for()
        assert tab.get_by_text("put it into the form of the HIT").is_visible()
        assert tab.get_by_role("link", name="Back to the platform").is_hidden()
        code = tab.locator("[data-slot=code]").inner_text()
        assert CODE.fullmatch(code)
        assert_no_serious_axe_violations(tab)
        take_pictures(tab, "hit-complete")
        tab.close()
        frame.get_by_label("The completion code").fill(code.lower())
        frame.get_by_role("button", name="Submit the HIT").click()
        frame.get_by_text("Taken.").wait_for()
        fields = {"assignmentId": [f"assignment-{number}"], "code": [code.lower()]}
        assert mturk.received[-1] == ("/mturk/externalSubmit", fields)
        seen.add(code)
    assert len(seen) == len(mturk.received) == 2


def test_the_page_of_a_hit_looks_right_by_itself(somebody, served, mturk):
    for name, assignment in (("hit-preview", NOT_ACCEPTED), ("hit-accepted", "assignment-9")):
        somebody.page.goto(hit(served, mturk, assignment))
        assert_no_serious_axe_violations(somebody.page)
        assert_fits(somebody.page)
        take_pictures(somebody.page, name)


def test_no_other_page_stands_in_a_frame_and_this_one_in_no_frame_of_others(somebody, served, mturk):
    page, refused = somebody.page, "chrome-error://chromewebdata/"
    begin = f"{served.url}/arrive/mturk/{served.name}/begin"
    for source in (begin, prolific(served, "p", "v"), f"{served.url}/login", served.work):
        framed(page, mturk, source)
        page.wait_for_function("() => window.length === 1")
        page.wait_for_load_state("load")
        assert page.frame("framed").url == refused, source
    ours = hit(served, mturk, NOT_ACCEPTED)
    foreign = mturk.origin.replace("localhost", "127.0.0.1")  # the same server under another name is another origin
    page.goto(f"{foreign}/frame?source={quote(ours, safe='')}")
    page.wait_for_load_state("load")
    assert page.frame("framed").url == refused
    framed(page, mturk, ours)
    page.frame_locator("iframe").get_by_text("Accept the HIT").wait_for()
