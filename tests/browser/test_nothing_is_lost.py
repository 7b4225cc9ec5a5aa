"""Whatever happens to the network, the tab, the lease or the server: what was pressed is exported, once, and as pressed."""

import pytest

from tests.browser.judging import FORM, Judge, draft_saved, drafts_held, exported_rows, pressed_rows
from tests.browser.served import Served

ONE_EACH = (("overlap = 2", "overlap = 1"), ("lease_minutes = 15", "lease_minutes = 1"))
NO_STORAGE = """
Object.defineProperty(window, "localStorage", { get() { throw new DOMException("forbidden", "SecurityError"); } });
"""
FULL_STORAGE = """
Storage.prototype.setItem = () => { throw new DOMException("full", "QuotaExceededError"); };
"""
WRONG_CLOCK = """
const right = Date.now;
let ahead = 3e11;
Date.now = () => right() + ahead;
setTimeout(() => { ahead = -3e11; }, 300);
"""


@pytest.fixture
def served(tmp_path):
    served = Served(tmp_path, "pairs", ONE_EACH)
    yield served
    served.kill()


@pytest.fixture
def judge(browser, served):
    judge = Judge(browser, served)
    yield judge
    judge.context.close()


def assert_nothing_lost(served, *judges):
    pressed = [each for judge in judges for each in judge.pressed]
    assert pressed
    assert exported_rows(served) == pressed_rows(pressed)


def test_without_a_network_an_answer_waits_and_is_sent_when_it_is_back(judge, served):
    judge.context.set_offline(True)
    chosen = judge.judge(2, 7)
    judge.page.wait_for_selector("#connection:visible")
    assert judge.page.locator("#act form").get_attribute("inert") is not None
    judge.context.set_offline(False)
    judge.wait_for_next(chosen)
    assert judge.page.locator("#connection").is_hidden()
    assert_nothing_lost(served, judge)


def test_an_answer_of_a_tab_that_was_closed_offline_is_sent_by_the_next_one(judge, served):
    judge.context.set_offline(True)
    chosen = judge.judge(8, 3)
    judge.page.wait_for_selector("#connection:visible")
    judge.page.close()
    judge.context.set_offline(False)
    judge.page = judge.open()
    judge.wait_for_next(chosen)
    assert "is sent now" in judge.page.locator("#notice").inner_text()
    judge.wait_for_next(judge.judge(1, 1))
    assert_nothing_lost(served, judge)


def test_it_is_sent_from_the_home_page_too(judge, served):
    judge.context.set_offline(True)
    judge.judge(8, 3)
    judge.page.wait_for_selector("#connection:visible")
    judge.page.close()
    judge.context.set_offline(False)
    home = judge.context.new_page()
    home.goto(served.url)
    home.locator("#notice", has_text="is sent now").wait_for()
    assert_nothing_lost(served, judge)


def test_a_draft_and_its_time_survive_its_tab_and_its_browser(judge, served, browser):
    judge.page.locator("#clock", has_text="0:03").wait_for()
    with draft_saved(judge.page, helpfulness=5, harmlessness=6):
        chosen = judge.choose(5, 6)
    judge.page.close()
    judge.page = judge.open()
    assert (judge.shown(), judge.checked()) == chosen
    assert judge.page.locator("#clock").inner_text() >= "0:03"
    session = {"name": "plumbline", "value": judge.context.cookies()[0]["value"], "url": served.url}
    elsewhere = Judge(browser, served, session)
    elsewhere.page.wait_for_selector("#act :checked")
    assert (elsewhere.shown(), elsewhere.checked()) == chosen
    elsewhere.send(chosen)
    elsewhere.wait_for_next(chosen)
    elsewhere.context.close()
    assert_nothing_lost(served, elsewhere)
    assert [row["seconds"] >= 3 for row in served.exported()] == [True]


@pytest.mark.parametrize("is_saving", [True, False])
def test_a_draft_does_not_go_beside_its_answer_and_goes_when_that_was_refused(is_saving, judge, served):
    sent, given_up, seen = [], [], []
    judge.page.on("request", lambda request: sent.append((request.method, request.url.rsplit("/", 1)[1])))
    judge.page.on("requestfailed", lambda request: given_up.append(request.url.rsplit("/", 1)[1]))

    def refuse_late(route):
        judge.page.wait_for_timeout(1500)  # longer than a draft waits before it is saved
        seen.extend((sent[sent.index(("POST", "submit")) :], list(given_up)))
        route.fulfill(status=422, json={"code": "PL-SUB-004", "detail": "no"})

    judge.page.route("**/submit", refuse_late)
    if is_saving:
        judge.page.route("**/draft", lambda route: sent.append(route))  # it is not answered
        with judge.page.expect_request("**/draft"):
            judge.choose(2, 2)
    else:
        judge.page.route("**/draft", lambda route: route.fulfill(status=503))
        judge.choose(2, 2)
    judge.page.keyboard.press("Enter")
    judge.page.locator("#problem", has_text="No").wait_for()
    assert seen == [[("POST", "submit")], ["draft"] if is_saving else []]
    with draft_saved(judge.page, helpfulness=2, harmlessness=2):
        judge.page.unroute_all(behavior="ignoreErrors")
    judge.wait_for_next(judge.judge(4, 5))
    assert_nothing_lost(served, judge)


def test_a_receipt_that_was_lost_on_its_way_does_not_double_the_answer(judge, served):
    lost = []

    def lose(route):
        if lost:
            return route.continue_()
        lost.append(route.fetch().json()["judgements"])
        return route.abort()

    judge.page.route("**/submit", lose)
    judge.wait_for_next(judge.judge(4, 5))
    assert lost
    assert judge.page.locator("#notice").is_hidden()  # the same key: the same answer, and nothing to tell
    assert len(served.exported()) == 1
    assert_nothing_lost(served, judge)


def test_a_server_that_is_killed_amid_answers_and_started_again_has_each_once(judge, served):
    for step in (1, 4, 8):
        chosen = judge.choose(step, 9 - step)
        if step == 4:  # it dies with the request in its hands
            judge.page.route("**/submit", lambda route: (served.kill(), route.continue_()))
        else:
            served.kill()
        judge.send(chosen)
        judge.page.wait_for_selector("#connection:visible")
        judge.page.unroute_all(behavior="wait")
        served.start()
        # Pressed by a program: the page may have tried by itself just now, and the button be gone.
        judge.page.evaluate("document.querySelector('#connection button').click()")
        judge.wait_for_next(chosen)
    assert_nothing_lost(served, judge)


def test_tabs_show_one_draft_and_one_answer_counts(judge, served):
    other = judge.open()
    chosen = judge.choose(3, 6)
    other.wait_for_function("() => document.querySelectorAll('#act :checked').length === 2")
    assert judge.checked(other) == chosen[1]
    other.bring_to_front()
    changed = judge.choose(7, 6, other)
    judge.page.wait_for_selector("[name=helpfulness][value='7']:checked", state="attached")
    judge.send(changed, other)
    judge.wait_for_next(changed, other)
    judge.wait_for_next(changed)
    assert "another tab" in judge.page.locator("#notice").inner_text()
    assert judge.shown() == judge.shown(other)
    assert_nothing_lost(served, judge)


def test_two_devices_that_say_different_things_are_shown_both(judge, served, browser):
    session = {"name": "plumbline", "value": judge.context.cookies()[0]["value"], "url": served.url}
    elsewhere = Judge(browser, served, session)
    with draft_saved(judge.page, helpfulness=2, harmlessness=2):
        mine = judge.choose(2, 2)
    with drafts_held(elsewhere.page):
        elsewhere.choose(7, 7)
    dialog = elsewhere.page.locator("#conflict")
    dialog.wait_for(state="visible")
    here, there = (dialog.locator(f"[data-slot={side}]").inner_text() for side in ("here", "there"))
    assert "B is clearly more helpful" in here
    assert "A is clearly more helpful" in there
    for _ in range(2):
        elsewhere.page.keyboard.press("Escape")
        # The second one closes any dialog; it is opened again when the browser tells of that, a task later.
        elsewhere.page.evaluate("() => new Promise((told) => requestAnimationFrame(() => setTimeout(told)))")
        dialog.wait_for(state="visible")
    dialog.get_by_role("button", name="Take the other").focus()
    elsewhere.page.keyboard.press("Enter")
    dialog.wait_for(state="hidden")
    assert elsewhere.checked() == mine[1]
    elsewhere.page.locator("[name=helpfulness]:checked").focus()
    elsewhere.send(mine)
    elsewhere.wait_for_next(mine)
    # The first device still shows it, and says something else: that comes second, and is told.
    with drafts_held(judge.page):
        judge.choose(8, 8)
        judge.page.keyboard.press("Enter")
    judge.page.wait_for_selector("#notice:visible")
    assert "answered before" in judge.page.locator("#notice").inner_text()
    elsewhere.context.close()
    assert_nothing_lost(served, elsewhere)


def test_an_answer_after_the_item_went_to_somebody_else_is_kept_and_does_not_count(served, browser):
    served.set_ahead(-3600)
    judge = Judge(browser, served)
    chosen = judge.choose(6, 6)
    served.set_ahead(0)
    other = Judge(browser, served)
    others = []
    while True:  # they get what has lapsed first, and everything else
        others.append(other.judge(1, 8))
        if set(others[-1][0]) == set(chosen[0]):
            break
        other.wait_for_next(others[-1])
    other.wait_for_next(others[-1])
    judge.page.keyboard.press("Enter")
    judge.page.wait_for_selector("#notice:visible")
    assert "does not count" in judge.page.locator("#notice").inner_text()
    judge.context.close()
    other.context.close()
    assert_nothing_lost(served, other)


def test_a_lease_that_lapsed_while_nobody_wanted_the_item_costs_nothing(served, browser):
    served.set_ahead(-3600)
    judge = Judge(browser, served)
    chosen = judge.choose(6, 3)
    served.set_ahead(0)
    judge.send(chosen)
    judge.wait_for_next(chosen)
    assert judge.page.locator("#notice").is_hidden()
    judge.context.close()
    assert_nothing_lost(served, judge)


def test_a_session_that_is_over_loses_nothing(judge, served):
    cookie = judge.context.cookies()[0]["value"]
    chosen = judge.choose(1, 2)
    judge.context.clear_cookies()
    judge.send(chosen)
    judge.page.wait_for_url("**/login?next=**")
    judge.context.add_cookies([{"name": "plumbline", "value": cookie, "url": served.url}])
    judge.page = judge.open()
    judge.wait_for_next(chosen)
    assert_nothing_lost(served, judge)


def test_who_logged_in_again_in_another_tab_goes_on_in_this_one(judge, served):
    chosen = judge.choose(3, 8)
    judge.context.add_cookies([served.session(like=judge.context.cookies()[0])])
    judge.send(chosen)  # the page's token is of the session before
    judge.page.wait_for_selector("#notice:visible")
    assert "is sent now" in judge.page.locator("#notice").inner_text()
    judge.wait_for_next(chosen)
    assert_nothing_lost(served, judge)


@pytest.mark.parametrize("script", [NO_STORAGE, FULL_STORAGE], ids=["forbidden", "full"])
def test_a_browser_that_keeps_nothing_still_sends_everything(script, served, browser):
    judge = Judge(browser, served, script=script)
    judge.context.set_offline(True)
    chosen = judge.choose(2, 3)
    assert judge.page.locator("#storage").is_visible()
    judge.send(chosen)
    judge.page.wait_for_selector("#connection:visible")
    judge.context.set_offline(False)
    judge.wait_for_next(chosen)
    assert judge.page.locator("#storage").is_hidden()
    judge.context.close()
    assert_nothing_lost(served, judge)


def test_a_wrong_clock_changes_nothing(served, browser):
    judge = Judge(browser, served, script=WRONG_CLOCK)
    for step in (2, 7):
        judge.wait_for_next(judge.judge(step, step))
        judge.page.wait_for_timeout(400)
    judge.context.close()
    assert all(0 <= row["seconds"] < 60 for row in served.exported())
    assert_nothing_lost(served, judge)


def test_what_was_sent_can_be_changed(judge, served):
    first = judge.judge(2, 7)
    judge.wait_for_next(first)
    judge.page.locator("#main").focus()
    judge.page.keyboard.press("c")
    judge.page.wait_for_url("**/mine/*")
    judge.page.wait_for_selector(FORM)
    assert (judge.shown(), judge.checked()) == first
    judge.pressed = [judge.choose(8, 7)]
    judge.page.reload()  # a correction that is not sent is kept, too
    judge.page.wait_for_selector("#act :checked")
    assert (judge.shown(), judge.checked()) == judge.pressed[0]
    said = judge.page.locator(".step:has(:checked) [data-slot=meaning]").all_inner_texts()
    judge.page.locator("[name=helpfulness]:checked").focus()
    judge.page.keyboard.press("Enter")
    judge.page.wait_for_selector("#act > section h2")
    judge.page.goto(f"{served.url}/studies/{served.name}/mine")
    assert judge.page.locator(".own-answer").inner_text() == f"{'. '.join(said)}."
    assert "can be changed" in judge.page.locator(".own li").inner_text()
    assert [row["counts"] for row in served.exported()] == [False, True]
    assert_nothing_lost(served, judge)


def test_a_correction_of_a_tab_that_was_closed_is_sent_by_another_page_and_nothing_of_it_stays(judge, served):
    judge.wait_for_next(judge.judge(2, 7))
    judge.page.goto(f"{served.url}/studies/{served.name}/mine/1")
    judge.page.wait_for_selector(FORM)
    judge.context.set_offline(True)
    judge.pressed = [judge.choose(8, 7)]
    judge.page.keyboard.press("Enter")
    judge.page.wait_for_selector("#connection:visible")
    judge.page.close()
    judge.context.set_offline(False)
    home = judge.context.new_page()
    home.goto(served.url)
    home.locator("#notice", has_text="is sent now").wait_for()
    kept = "Object.keys(localStorage).filter((name) => /:(draft|answer):/.test(name))"
    assert home.evaluate(kept) == []
    assert_nothing_lost(served, judge)


def test_nobody_else_sees_it(judge, served, browser):
    judge.wait_for_next(judge.judge(2, 7))
    mine = f"{served.url}/studies/{served.name}/mine"
    assert judge.page.goto(f"{mine}/1").status == 200
    judge.page.goto(mine)
    assert judge.page.locator(".own li").count() == 1
    other = Judge(browser, served)
    assert other.page.goto(f"{mine}/1").status == 404
    other.page.goto(mine)
    assert other.page.locator(".own li").count() == 0
    other.context.close()
