"""What was judged, as it was shown: for each kind the question of then, and the answer in the words of a submission."""

import json
from dataclasses import replace

import pytest

from plumbline.collect.kinds import Draw, HumanTurn, Purpose, StoredWorkError, SubmissionError, judged
from plumbline.collect.kinds.registry import SUBMISSIONS
from tests.collect.kinds.made_up import Player, study

MESSAGES = [{"role": "human", "text": "q"}, {"role": "assistant", "text": "a"}]
SAFE, UNSAFE = {"is_safe": True, "categories": []}, {"is_safe": False, "categories": ["self_harm"]}


def noting(player):
    """The player, and what each submission was asked and answered, by the id of the judgement that came of it."""
    noted, submit = {}, player.submit

    def submitting(**submission):
        ask, before = player.ask, len(player.work.judgements)
        result = submit(**submission)
        for judgement in player.work.judgements[before:]:
            noted[judgement.id] = (ask.as_json(), {"act": ask.act, **submission})
        return result

    player.submit = submitting
    return player, noted


def chat(assignment="a1", **settings):
    settings = {"axes": ["helpfulness"], "turns": 3, "rating": True, "comment": True, "edit": True, **settings}
    player, noted = noting(Player(study("preference-chat", **settings), assignment_id=assignment))
    for turn in (1, 2, 3):
        player.submit(text=f"q{turn}")
        player.draw(models=("secret-model-a", "secret-model-b"))
        edit = {"position": 1, "text": "better"} if turn == 2 else None
        player.submit(step=turn, edit=edit, continue_with=1 if settings.get("continues") == "choice" else None)
    player.submit(rating=2, comment="so")
    return player, noted


def ended_chat():
    player, noted = noting(Player(study("preference-chat", axes=["helpfulness"], turns=3, least_turns=1)))
    player.turn("q", 2)
    player.submit(act="end", turn=2)
    return player, noted


def red_team():
    player, noted = noting(Player(study("red-team-chat", turns=1, comment=True)))
    player.submit(agreed=True)
    player.submit(task_description="to be rude")
    player.submit(text="q")
    player.draw()
    player.submit(step=7)
    player.submit(rating=3, comment=None)
    return player, noted


def pairs(assignment="a1"):
    sides = [{"messages": [{"role": "assistant", "text": text}]} for text in ("x", "y")]
    payload = {"context": MESSAGES[:1], "sides": sides}
    player, noted = noting(
        Player(study("pairs", axes=["helpfulness", "harmlessness"], comment=True), payload, assignment_id=assignment)
    )
    player.submit(helpfulness=2, harmlessness=8, comment="c")
    return player, noted


def label(none_applies=False):
    player, noted = noting(Player(study("safety-labels", comment=True), {"conversation": MESSAGES}))
    player.submit(categories=[] if none_applies else ["self_harm"], none_applies=none_applies, confidence=1, comment="")
    return player, noted


def ranking(assignment="a1"):
    replies = [{"text": text, "label": SAFE, "model": "secret-model"} for text in "xyz"]
    player, noted = noting(
        Player(study("two-axis-ranking"), {"prompt": MESSAGES[:1], "replies": replies}, assignment_id=assignment)
    )
    dispute = {"position": 2, "categories": ["self_harm"], "none_applies": False, "note": "n"}
    player.submit(helpfulness=[1, 3, 2], harmlessness=[1, 2, 3], confidence=2, disputes=[dispute])
    return player, noted


def review():
    payload = {"attempt": "a0", "transcript": MESSAGES, "task_description": "to be rude"}
    reviewed = study("red-team-chat", review={"tags": ["s", "t"], "most_tags": 2})
    player, noted = noting(Player(reviewed, payload, Purpose.REVIEW))
    player.submit(rating=3, tags=["t", "s"])
    return player, noted


def ruling():
    payload = {"conversation": MESSAGES, "labels": [SAFE, UNSAFE], "item_key": "k"}
    player, noted = noting(Player(study("safety-labels"), payload, Purpose.ADJUDICATION))
    player.submit(categories=[], none_applies=True, note="n")
    return player, noted


def ruling_that_names_nothing():
    payload = {"conversation": MESSAGES, "labels": [SAFE, {"is_safe": False, "categories": None}], "item_key": "k"}
    player, noted = noting(Player(study("two-axis-ranking"), payload, Purpose.ADJUDICATION))
    player.submit(categories=None, none_applies=False)
    return player, noted


def writing():
    payload = {"assignment": "a0", "conversation": MESSAGES}
    player, noted = noting(Player(study("preference-chat", spot_check={"share": 1.0}), payload, Purpose.SPOT_CHECK))
    player.submit(mark=3, note=None)
    return player, noted


PLAYED = [chat, ended_chat, red_team, pairs, label, ranking, review, ruling, ruling_that_names_nothing, writing]


def words(answer):
    return {name: value for name, value in answer.items() if value is not None}


def test_every_act_that_makes_a_judgement_is_played_here():
    acts = {answer["act"] for play in PLAYED for _, answer in play()[1].values()}
    assert acts == set(SUBMISSIONS) - {"say"}


@pytest.mark.parametrize("play", PLAYED)
def test_a_judgement_shows_the_question_of_then_and_the_answer_that_was_given(play):
    player, noted = play()
    assert noted
    for number, (question, given) in noted.items():
        found = judged(player.work, player.study, player.purpose, number)
        assert found.ask.as_json() == question
        expected = {name: value for name, value in given.items() if name not in ("edit", "continue_with")}
        if given["act"] == "judge-turn":
            expected |= {"turn": question["turn"], "shown": question["fields"]["shown"]}
        assert words(found.answer) == words(expected)
        assert "secret-model" not in str(found)


@pytest.mark.parametrize("play", PLAYED)
def test_an_answer_is_a_correction_that_says_the_same(play):
    player, noted = play()
    for number in noted:
        found = judged(player.work, player.study, player.purpose, number)
        answer = json.loads(json.dumps(found.answer))
        if not found.can_be_corrected:
            with pytest.raises(SubmissionError, match="PL-SUB-005"):
                player.correct(number, **answer)
            continue
        before = next(each for each in player.work.judgements if each.id == number)
        again = player.correct(number, **answer)
        assert player.work.judgements[-1].payload == before.payload
        assert not judged(player.work, player.study, player.purpose, number).can_be_corrected
        corrected = judged(player.work, player.study, player.purpose, again)
        assert (corrected.ask, corrected.answer, corrected.can_be_corrected) == (found.ask, found.answer, True)


@pytest.mark.parametrize("assignment", ["a1", "a2", "a3", "a4"])
@pytest.mark.parametrize("play", [chat, pairs, ranking])
def test_in_whatever_order_it_was_shown(play, assignment):
    player, noted = play(assignment)
    for number, (question, given) in noted.items():
        found = judged(player.work, player.study, player.purpose, number)
        assert list(found.ask.replies) == question["replies"]
        assert all(found.answer[name] == given[name] for name in ("step", "helpfulness") if name in given)


def test_a_correction_of_a_turn_names_what_was_shown():
    player, _ = chat(continues="choice")
    (first, second) = (judged(player.work, player.study, player.purpose, number) for number in ("j0", "j1"))
    assert first.answer["shown"] != second.answer["shown"]
    for wrong in ("garbage", None, second.answer["shown"]):
        with pytest.raises(SubmissionError, match="PL-SUB-002") as refused:
            player.task.correct(player.work, "j0", first.answer | {"step": 8, "shown": wrong}, player.study)
        assert refused.value.fields[0].field == "shown"
    player.task.correct(player.work, "j0", first.answer | {"step": 8}, player.study)


def test_what_was_shown_later_is_not_in_an_earlier_judgement():
    player, _ = chat()
    found = judged(player.work, player.study, player.purpose, "j1").ask
    assert [message.text for message in found.conversation][::2] == ["q1", "q2"]
    assert not isinstance(player.step, Draw)


def test_a_chat_that_was_ended_while_a_turn_was_said_is_shown_as_it_was_ended():
    player, noted = ended_chat()
    ((number, (question, _)),) = [(number, each) for number, each in noted.items() if each[1]["act"] == "end"]
    said = HumanTurn(number=question["turn"], text="one more thing")
    player.work = replace(player.work, turns=(*player.work.turns, said))
    found = judged(player.work, player.study, player.purpose, number)
    assert (found.ask.as_json(), found.answer) == (question, {"act": "end", "turn": question["turn"]})


def test_a_judgement_that_is_not_there():
    player, _ = pairs()
    with pytest.raises(StoredWorkError):
        judged(player.work, player.study, player.purpose, "j9")
