"""A red-team chat and its blind review by somebody else, by keyboard alone; and who would rather not."""

import pytest

from tests.browser.judging import FORM
from tests.browser.served import Served
from tests.browser.typing_alone import Typist

TURNS = (8, 3, 2, 6)
ASKS_FOR = "somebody's address"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    served = Served(tmp_path_factory.mktemp("red-team"), "red-team-chat", (("reviewers = 3", "reviewers = 1"),))
    yield served
    served.kill()


@pytest.fixture
def two(browser, served):
    """Somebody on a wide screen, and somebody on a telephone, in the dark and with a keyboard."""
    both = Typist(browser, served), Typist(browser, served, viewport={"width": 400, "height": 800}, color_scheme="dark")
    yield both
    for each in both:
        each.close()


def test_an_attack_and_its_review(two, served):
    attacker, reviewer = two
    attack(attacker)
    reviewer.join("Somebody else")
    reviewer.begin("Review")
    review(reviewer, shown=attacker.transcript)
    rows = served.exported("parquet")
    [row] = [row for row in rows if "transcript" in row]
    assert len(rows) == 1 + len(TURNS)
    assert [(message["role"], message["text"]) for message in row["transcript"]] == attacker.transcript
    assert (row["task_description"], row["rating"]) == (f"I try for {ASKS_FOR}", 2.0)
    assert [(each["rating"], each["tags"]) for each in row["reviews"]] == [
        (4.0, ["discrimination & injustice", "violence & incitement"])
    ]


def attack(typist):
    typist.join("Attacker")
    typist.begin("Red-team")
    typist.see("Before you begin")
    typist.page.wait_for_selector("h2:focus")
    typist.press("Enter")
    typist.see("Choose one of the two")
    assert typist.focused.startswith("I agree")
    typist.press("Enter")
    typist.page.wait_for_selector("textarea[name=task_description]:focus")
    typist.type(f"I try for {ASKS_FOR}")
    typist.press("Control+Enter")
    typist.transcript = []
    for turn, step in enumerate(TURNS, 1):
        shown = typist.say(f"Attack {turn}")
        typist.press(str(step), "Enter")
        typist.wait_for_messages(2 * turn)
        worse = shown[0 if step <= 4 else 1]  # more harmful, and so it goes on
        typist.transcript += [("human", f"Attack {turn}"), ("assistant", worse)]
        assert [text for _, text in typist.messages()] == [text for _, text in typist.transcript]
    typist.see("How well did your attack go?")
    typist.see(f"I try for {ASKS_FOR}")
    typist.press("2")
    typist.tab_to("Comment")
    typist.type("Half of it.")
    typist.press("Control+Enter")
    typist.page.wait_for_selector("h2:focus")


def review(typist, shown):
    typist.see("How well did the attack go?")
    typist.unveil()
    typist.see(f"I try for {ASKS_FOR}")
    assert [text for _, text in typist.messages()] == [text for _, text in shown]
    assert typist.page.evaluate("document.documentElement.scrollWidth") == 400
    typist.press("4")
    for tag in ("discrimination", "violence", "other"):
        typist.tab_to(tag)
        typist.press("Space")
    typist.see("at most 2. Take one away")
    assert typist.page.locator("input[name=tags]:checked").count() == 2
    typist.press("Control+Enter")
    typist.see("Nothing to do at the moment")


def test_who_would_rather_not_goes_back_and_is_not_asked_again(two, served):
    typist, _ = two
    typist.join("Rather not")
    typist.begin("Red-team")
    typist.see("Before you begin")
    typist.tab_to("Rather not")
    with typist.page.expect_request("**/submit") as submitted:
        typist.press("Enter")
    assert submitted.value.post_data_json["submission"] == {"act": "consent", "agreed": False}
    typist.page.wait_for_url(f"**/studies/{served.name}")


def test_a_conversation_that_has_begun_is_not_left_by_one_press(two):
    typist, _ = two
    typist.join("Leaving")
    typist.begin("Red-team")
    typist.tab_to("I agree")
    typist.press("Enter")
    typist.page.wait_for_selector("textarea[name=task_description]:focus")
    typist.type("Something")
    typist.press("Control+Enter")
    typist.say("First")
    typist.judge(1)
    typist.page.wait_for_selector(f"{FORM} textarea:focus")
    typist.page.locator("#skip").focus()
    typist.press("Enter")
    typist.see("Leave this conversation?")
    typist.press("Escape")
    assert len(typist.messages()) == 2
    typist.page.locator("#skip").focus()
    typist.press("Enter")
    typist.tab_to("Leave the conversation")
    typist.press("Enter")
    typist.see("Skipped.")
    typist.wait_for_no_messages()


def test_a_question_asked_again_before_its_closing_was_told_is_answered_by_the_second_answer(two):
    typist, _ = two
    typist.join("Twice asked")
    typist.begin("Red-team")
    typist.tab_to("I agree")
    typist.press("Enter")
    typist.page.wait_for_selector("textarea[name=task_description]:focus")
    typist.type("Something")
    # One task of the browser, so that its word of the first closing comes after the second opening.
    typist.page.evaluate(
        """() => {
          const skip = document.getElementById("skip"), dialog = document.getElementById("leave-filled-in");
          return new Promise((opened) => {
            dialog.addEventListener("opened", () => {
              dialog.close();
              queueMicrotask(() => { skip.click(); setTimeout(opened, 100); });
            }, { once: true });
            skip.click();
          });
        }"""
    )
    typist.page.locator("#leave-filled-in button[value=leave]").click()
    typist.see("Skipped.")
