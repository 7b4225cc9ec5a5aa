"""Preference chats from the link of an invitation to the export, by keyboard alone."""

from collections import Counter

import pytest

from tests.browser.judging import BEFORE
from tests.browser.served import Served
from tests.browser.typing_alone import Typist

HARMFUL = ("Go away", "Shout at it", "Anyone who has to ask", "Steal a bicycle")
"""How the worse replies of the training set begin."""
STEPS = 8


@pytest.fixture
def served(tmp_path, request):
    served = Served(tmp_path, *request.param)
    yield served
    served.kill()


@pytest.fixture
def typist(browser, served):
    typist = Typist(browser, served)
    yield typist
    typist.close()


def of_kind(rows, kind):
    return [row["payload"] for row in rows if row["kind"] == kind]


@pytest.mark.parametrize("served", [("preference-chat",)], indirect=True)
def test_a_chat_about_helpfulness(typist, served):
    typist.join("Mira")
    typist.begin("Chat")
    steps, went_on, said = (2, 7, 4, 5), [], []
    for turn, step in enumerate(steps, 1):
        shown = typist.say(f"Question {turn}")
        if turn == 2:
            edit_reply(typist, "B", " Yes.")
        typist.judge(step)
        went_on.append(shown[0 if step <= STEPS // 2 else 1] + (" Yes." if turn == 2 else ""))
        said += [("Human", f"Question {turn}"), ("Assistant", went_on[-1])]
        typist.wait_for_messages(2 * turn)
        assert typist.messages() == said
    typist.see("The conversation is over")
    typist.press("3")
    typist.tab_to("Comment")
    typist.type("It went well.")
    typist.press("Control+Enter")
    typist.see("1 done")
    rows = served.exported()
    assert [turn["step"] for turn in of_kind(rows, "turn")] == list(steps)
    assert [(turn["edit"] or {}).get("text") for turn in of_kind(rows, "turn")] == [None, went_on[1], None, None]
    assert of_kind(rows, "closing") == [{"rating": 3, "comment": "It went well."}]
    better = {
        row["continuations"][["first", "second"].index(row["outcome"])][-1]["text"]
        for row in served.exported("parquet")
    }
    assert set(went_on) <= better


def edit_reply(typist, letter, more):
    """Opens the disclosure under a reply and writes more at its end."""
    for _ in range("AB".index(letter) + 1):
        typist.tab_to("Edit this reply")
    typist.press("Enter")
    typist.page.wait_for_selector(f"textarea[name=edit_{letter}]:focus")
    typist.press("Control+End")
    typist.type(more)
    typist.page.wait_for_selector("summary:has-text('(changed)') >> visible=true")
    typist.press("Escape")


@pytest.mark.parametrize("served", [("preference-chat-harmlessness",)], indirect=True)
def test_a_chat_about_harmlessness_after_its_training(typist, served):
    typist.join("Noor")
    typist.see("4 training items come first.")
    typist.begin("Chat", read=False)
    typist.page.wait_for_selector(f"{BEFORE} h2:focus")
    typist.tab_to("I have read this")
    typist.press("Enter")
    for _ in HARMFUL:
        shown = typist.replies()
        worst = next(at for at, text in enumerate(shown) if text.startswith(HARMFUL))
        typist.press(str((1, STEPS)[worst]), "Enter")
        typist.page.wait_for_function(
            "text => document.querySelector('#act .reply .text')?.innerText !== text", arg=shown[0]
        )
    pairs = []
    for turn, step in enumerate((8, 1, 6), 1):
        shown = typist.say(f"Question {turn}") if turn > 1 else typist.replies()
        pairs.append((shown, shown[0 if step > STEPS // 2 else 1]))
        typist.press(str(step), "Enter")
        typist.wait_for_messages(2 * turn)
        assert typist.messages()[2 * turn - 1] == ("Assistant", pairs[-1][1])
    typist.see("The conversation is over")
    typist.press("Control+Enter")
    typist.see("1 done")
    turns = of_kind(served.exported(), "turn")
    assert [turn["step"] for turn in turns] == [8, 1, 6]
    exported = [
        (
            frozenset(side[-1]["text"] for side in row["continuations"]),
            row["continuations"][["first", "second"].index(row["outcome"])][-1]["text"],
        )
        for row in served.exported("parquet")
    ]
    assert Counter(exported) == Counter((frozenset(shown), better) for shown, better in pairs)


ENDS = (("turns = 4", "turns = 4\nleast_turns = 1"), ('continues = "better"', 'continues = "choice"'))


@pytest.mark.parametrize("served", [("preference-chat", ENDS)], indirect=True)
def test_the_worker_chooses_what_goes_on_and_ends_the_chat(typist, served):
    typist.join("Ife")
    typist.begin("Chat")
    shown = typist.say("Question")
    typist.press("1", "2", "Enter")
    typist.see("Turn 2 of at most 4")
    assert typist.messages()[-1] == ("Assistant", shown[1])
    typist.type("Not sent")
    typist.tab_to("End the chat")
    typist.press("Enter")
    typist.see("was not sent")
    typist.press("Enter")
    typist.see("The conversation is over")
    typist.press("4", "Enter")
    typist.see("1 done")
    rows = served.exported()
    assert [(turn["step"], turn["continues"]) for turn in of_kind(rows, "turn")] == [(1, "choice")]
    assert of_kind(rows, "end") == [{"turns": 1}]


@pytest.mark.parametrize("served", [("preference-chat",)], indirect=True)
def test_a_turn_is_kept_where_no_replies_come(typist, served):
    corpus = served.folder / "data" / "comparisons.jsonl"
    kept = corpus.read_text()
    corpus.unlink()
    typist.join("Ana")
    typist.begin("Chat")
    typist.page.wait_for_selector("textarea[name=text]:focus")
    typist.type("What I wrote")
    field = typist.page.locator("textarea[name=text]")
    for button, text in (("#undo", ""), ("#redo", "What I wrote")):
        typist.page.locator(button).click()
        assert field.input_value() == text
    assert typist.page.locator("#redo").is_disabled()
    field.focus()
    typist.press("Control+Enter")
    typist.see("No replies came")
    assert typist.messages() == [("Human", "What I wrote")]
    assert typist.focused == "Try again"
    typist.press("Enter")
    typist.page.reload()
    typist.see("No replies came")
    corpus.write_text(kept)
    typist.press("Enter")
    typist.replies()
    assert typist.messages() == [("Human", "What I wrote")]
