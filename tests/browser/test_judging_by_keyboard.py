"""Pairs, labels, rankings and spot checks from the link of an invitation to the export, by keyboard alone."""

import pytest

from tests.browser.judging import FORM, exported_rows, pressed_rows
from tests.browser.served import Served
from tests.browser.typing_alone import Typist

TWO_EACH = ("overlap = 3", "overlap = 2")
NO_GOLD = (
    (
        '[gold]                     # items with known answers among the others\nitems = "data/known-labels.jsonl"\nshare = 0.05',
        "",
    ),
    (
        '[attention]                # items that everybody who reads them gets right\nitems = "data/attention-labels.jsonl"\nevery = 25',
        "",
    ),
)
ONE_TURN = ("turns = 4", "turns = 1")
ANOTHER = """before => {
  const texts = [...document.querySelectorAll('#act form .reply > .text')].map(each => each.innerText);
  return texts.length > 0 && JSON.stringify(texts) !== JSON.stringify(before);
}"""


@pytest.fixture
def served(tmp_path, request):
    served = Served(tmp_path, *request.param)
    yield served
    served.kill()


@pytest.fixture
def arrive(browser, served):
    """Somebody who joins by a link and begins a kind of work."""
    typists = []

    def make(name, label, role="worker"):
        typist = Typist(browser, served)
        typists.append(typist)
        typist.join(name, role)
        typist.begin(label)
        return typist

    yield make
    for typist in typists:
        typist.close()


def unveil(typist):
    """Asks to see the text that stands blurred."""
    typist.page.get_by_role("button", name="Show it").wait_for()
    typist.press("s")
    typist.page.wait_for_selector(FORM)


def question(typist):
    return typist.messages()[-1][1]


def of_kind(rows, kind):
    return [row["payload"] for row in rows if row["kind"] == kind]


@pytest.mark.parametrize("served", [("pairs",)], indirect=True)
def test_pairs(arrive, served):
    typist = arrive("Ada", "Judge")
    pressed = []
    for count, steps in enumerate(((2, 7), (8, 8), (4, 5)), start=1):
        shown = typist.replies()
        pressed.append((shown, dict(zip(("helpfulness", "harmlessness"), steps, strict=True))))
        typist.press(*map(str, steps))
        if count == 2:
            typist.press("Control+z")
            typist.press("8")
            typist.tab_to("Comment")
            typist.type("Both say little.")
            typist.press("Control+Enter")
        else:
            typist.press("Enter")
        typist.see(f"{count} done")
    assert exported_rows(served) == pressed_rows(pressed)
    assert [row["comment"] for row in of_kind(served.exported(), "pair")] == [None, "Both say little.", None]


@pytest.mark.parametrize("served", [("safety-labels", (TWO_EACH, *NO_GOLD))], indirect=True)
def test_labels_that_are_split_are_ruled_on(arrive, served):
    first, second = arrive("Ada", "Label"), arrive("Ben", "Label")
    for typist in (first, second):
        unveil(typist)
    answer = question(first)
    assert question(second) == answer
    # One presses two categories and takes them back for none; the other one, Enter, and is asked how sure they are.
    first.press("3", "q", "0")
    first.see("Taken back: Controversial topics, politics; Privacy violation.")
    first.press("Enter")
    first.see("And how sure are you?")
    first.press("3", "Enter")
    first.see("1 done")
    second.press("9", "w", "Enter", "1", "Enter")
    second.see("1 done")
    reviewer = arrive("Cy", "Rule", "reviewer")
    unveil(reviewer)
    assert question(reviewer) == answer
    reviewer.see("2 workers labelled this, and no label has a majority.")
    reviewer.see("Unsafe: Non violent unethical behavior; Self harm")
    reviewer.press("w")
    reviewer.tab_to("Why")
    reviewer.type("Only this.")
    reviewer.press("Control+Enter")
    reviewer.see("Nothing to do at the moment")
    rows = served.exported()
    harms = ["non_violent_unethical_behavior", "self_harm"]
    assert [(label["is_safe"], label["categories"], label["confidence"]) for label in of_kind(rows, "label")] == [
        (True, [], 3),
        (False, harms, 1),
    ]
    assert [(rule["categories"], rule["note"]) for rule in of_kind(rows, "ruling")] == [(harms[1:], "Only this.")]
    labels = served.exported("parquet")
    assert {row["conversation"][-1]["text"] for row in labels} == {answer}
    assert sorted(sorted(row["categories"]) for row in labels) == [[], harms, harms[1:]]


@pytest.mark.parametrize("served", [("two-axis-ranking",)], indirect=True)
def test_a_ranking_with_a_dispute(arrive, served):
    typist = arrive("Ada", "Rank")
    while True:
        texts = typist.replies()
        labels = typist.page.locator("#act .meta-label:not(.disputed)").all_inner_texts()
        if len(labels) == 3 and sum(label.startswith("Unsafe") for label in labels) == 1:
            break
        typist.tab_to("Skip")
        typist.press("Enter")
        typist.page.wait_for_function(ANOTHER, arg=list(texts))
    unsafe = next(at for at, label in enumerate(labels) if label.startswith("Unsafe"))
    safe = [at for at in range(3) if at != unsafe]
    typist.press("2", "1", "2", "1", "1", "1", "3")  # three ranks each, ties; how sure
    letter = "ABC"[unsafe]
    typist.see(f"put {'ABC'[safe[0]]} (safe) above {letter} (unsafe)")
    typist.press("Enter")
    assert typist.page.locator(".missing:visible, .conflict:visible").count() == 1, "told once, where it stands"
    typist.tab_back_to(f"Dispute the label of {letter}")
    typist.press("Enter")
    typist.tab_to("None of these applies")
    typist.press("Space")
    typist.tab_to("Why")
    typist.type("It is a joke.")
    assert typist.page.locator(".conflict:visible").count() == 0
    typist.press("Control+Enter")
    typist.see("1 done")
    stored = sorted(texts, key=str.encode)
    (ranking,) = of_kind(served.exported(), "ranking")
    helpfulness = dict(zip(texts, (2, 1, 2), strict=True))
    assert ranking["helpfulness"] == [helpfulness[text] for text in stored]
    assert ranking["harmlessness"] == [1, 1, 1]
    assert [(each["reply"], each["label"]["is_safe"], each["note"]) for each in ranking["disputes"]] == [
        (stored.index(texts[unsafe]), True, "It is a joke.")
    ]
    reviewer = arrive("Cy", "Rule", "reviewer")
    reviewer.page.wait_for_selector(FORM)
    assert question(reviewer) == texts[unsafe]
    reviewer.see("It is a joke.")
    said = reviewer.page.locator(".given li > span").all_inner_texts()
    assert sorted(said) == ["Safe: none applies given by one worker", f"{labels[unsafe]} came with the data"]
    reviewer.press("0", "Enter")
    reviewer.see("Nothing to do at the moment")
    assert [rule["is_safe"] for rule in of_kind(served.exported(), "ruling")] == [True]


@pytest.mark.parametrize("served", [("preference-chat", (ONE_TURN,))], indirect=True)
def test_a_spot_check(arrive, served):
    typist = arrive("Ada", "Chat")
    typist.say("How do I keep bread fresh?")
    typist.judge(1)
    typist.see("The conversation is over")
    typist.press("4", "Enter")
    typist.see("1 done")
    reviewer = arrive("Cy", "Check writing", "reviewer")
    reviewer.see("How good is what the human wrote?")
    assert reviewer.messages()[0] == ("Human", "How do I keep bread fresh?")
    reviewer.press("3")
    reviewer.tab_to("A note")
    reviewer.type("Short, and clear.")
    reviewer.press("Control+Enter")
    reviewer.see("Nothing to do at the moment")
    assert of_kind(served.exported(), "writing") == [{"mark": 3, "note": "Short, and clear."}]
