"""Two-axis ranking: two rankings apart, safe above unsafe on harmlessness, disputes go to adjudication."""

import json
from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.collect.kinds import (
    Finished,
    InvalidSubmissionError,
    Purpose,
    Score,
    SubmissionError,
    items_from_records,
    score_of,
)
from plumbline.collect.kinds.harm_labels import HarmLabel
from plumbline.collect.kinds.ranking_records import ranked_pairs
from plumbline.collect.kinds.two_axis_ranking import dense_ranks, safety_conflicts
from plumbline.records import Axis, Outcome
from tests.collect.kinds.made_up import Player, assistant, human, study
from tests.collect.kinds.records_made import comparison, prompt, safety_label

HARM = ["self_harm"]


def payload(*is_safe):
    """Replies "0", "1" … with these labels, by stored place."""
    replies = [
        {"text": str(place), "label": {"is_safe": safe, "categories": [] if safe else HARM}, "model": f"m{place}"}
        for place, safe in enumerate(is_safe)
    ]
    return {"prompt": [{"role": "human", "text": "q"}], "replies": replies, "parents": ["p"]}


def ranker(*is_safe, assignment="a1", **settings):
    return Player(study("two-axis-ranking", **settings), payload(*is_safe), assignment_id=assignment)


def as_shown(player, by_place):
    return list(player.ask.order.as_shown(by_place))


def rank(player, helpfulness, harmlessness, **more):
    """Ranks given by stored place, sent as shown."""
    more.setdefault("confidence", 2)
    return player.submit(helpfulness=as_shown(player, helpfulness), harmlessness=as_shown(player, harmlessness), **more)


def dispute(player, place, categories):
    return {
        "position": player.ask.order.sides.index(place),
        "categories": categories,
        "none_applies": not categories,
        "note": "look again",
    }


def test_what_a_worker_sees():
    player = ranker(True, False, True)
    ask = player.ask
    assert (ask.act, ask.conversation) == ("rank", (human("q"),))
    assert sorted(ask.replies) == ["0", "1", "2"]
    for text, label in zip(ask.replies, ask.fields["labels"], strict=True):
        assert label["is_safe"] == (text != "1")
    assert '"m1"' not in json.dumps(ask.as_json())


@given(st.text(max_size=10), st.permutations([1, 2, 3]), st.permutations([1, 2, 3]))
def test_whatever_is_shown_where_the_ranks_are_stored_by_reply(assignment, helpfulness, harmlessness):
    player = ranker(True, True, True, assignment=assignment)
    rank(player, helpfulness, harmlessness)
    stored = player.work.judgements[0].payload
    assert (stored["helpfulness"], stored["harmlessness"]) == (helpfulness, harmlessness)
    assert isinstance(player.step, Finished)


def test_safe_above_unsafe_is_enforced_on_harmlessness_alone():
    allowed = {(1, 3, 2), (2, 3, 1)}
    for ranks in permutations([1, 2, 3]):
        player = ranker(True, False, True)
        if ranks in allowed:
            assert rank(player, (3, 1, 2), ranks).finished
        else:
            with pytest.raises(SubmissionError, match="PL-SUB-004") as refused:
                rank(player, (3, 1, 2), ranks)
            assert refused.value.fields[0].field == "harmlessness"
        # Helpfulness ignores harm: every order is taken.
        assert rank(ranker(True, False, True), ranks, (1, 2, 1)).finished


def test_a_safe_reply_may_not_even_share_a_rank_with_an_unsafe_one():
    with pytest.raises(SubmissionError, match="safe reply"):
        rank(ranker(True, False), (1, 1), (1, 1))
    assert rank(ranker(True, True), (1, 1), (1, 1)).finished
    assert rank(ranker(False, False), (1, 1), (1, 1)).finished


def test_the_error_names_the_replies_as_shown():
    player = ranker(True, False)
    safe, unsafe = (player.ask.order.sides.index(place) for place in (0, 1))
    with pytest.raises(SubmissionError) as refused:
        rank(player, (1, 2), (2, 1))
    assert f"{'AB'[safe]} above {'AB'[unsafe]}" in str(refused.value)


def test_a_disputed_label_is_ranked_by_as_corrected_and_goes_to_adjudication():
    for assignment in "abcd":
        player = ranker(True, False, assignment=assignment)
        with pytest.raises(SubmissionError):
            rank(player, (1, 2), (2, 1))
        accepted = rank(player, (1, 2), (2, 1), disputes=[dispute(player, 1, []), dispute(player, 0, HARM)])
        assert accepted.finished
        assert [item.payload["reply"] for item in accepted.new_items] == [0, 1]
        item = accepted.new_items[1]
        assert (item.purpose, item.author) == (Purpose.ADJUDICATION, "worker-1")
        assert item.payload["conversation"][-1] == {"role": "assistant", "text": "1"}
        assert [label["is_safe"] for label in item.payload["labels"]] == [False, True]
        assert item.payload["note"] == "look again"
        assert item.key != accepted.new_items[0].key


def test_a_corrected_label_is_enforced_as_well():
    player = ranker(True, True)
    with pytest.raises(SubmissionError, match="safe reply"):
        rank(player, (1, 2), (1, 2), disputes=[dispute(player, 0, HARM)])


def test_disputes_that_are_none():
    player = ranker(True, False)
    whole = {"none_applies": True, "categories": []}
    for disputes in (
        [dispute(player, 0, [])],
        [dispute(player, 1, HARM)],
        [dispute(player, 1, []), dispute(player, 1, [])],
        [{"position": 2, **whole}],
        [dispute(player, 1, ["nonsense"])],
        [{"position": 0, "categories": HARM, "none_applies": True}],
    ):
        with pytest.raises(SubmissionError) as refused:
            rank(player, (1, 2), (1, 2), disputes=disputes)
        assert refused.value.fields[0].field == "disputes"
        assert "nonsense" not in str(refused.value)
    with pytest.raises(InvalidSubmissionError):
        rank(player, (1, 2), (1, 2), disputes=[{"position": -1, **whole}])


@pytest.mark.parametrize("ranks", [[1], [1, 2, 3], [0, 1], [1, 11], ["1", "2"], None])
def test_ranks_that_are_none(ranks):
    with pytest.raises(SubmissionError):
        ranker(True, True).submit(helpfulness=[1, 2], harmlessness=ranks, confidence=1)
    with pytest.raises(SubmissionError):
        ranker(True, True).submit(helpfulness=ranks, harmlessness=[1, 2], confidence=1)


def test_confidence_and_comment():
    for confidence in (-1, 4, None):
        with pytest.raises(InvalidSubmissionError):
            rank(ranker(True, True), (1, 2), (1, 2), confidence=confidence)
    with pytest.raises(SubmissionError, match="does not ask"):
        rank(ranker(True, True), (1, 2), (1, 2), comment="c")
    assert rank(ranker(True, True, comment=True), (1, 2), (1, 2), comment="c").finished


def test_ranks_are_stored_without_gaps():
    assert dense_ranks((4, 9, 4, 10)) == (1, 2, 1, 3)
    player = ranker(True, True, True)
    rank(player, (3, 7, 7), (2, 2, 2))
    assert player.work.judgements[0].payload["helpfulness"] == [1, 2, 2]
    assert player.work.judgements[0].payload["harmlessness"] == [1, 1, 1]


def test_conflicts_by_hand():
    safe, unsafe = HarmLabel(is_safe=True), HarmLabel(is_safe=False)
    assert safety_conflicts((safe, unsafe, safe), (1, 1, 2)) == [(0, 1), (2, 1)]
    assert safety_conflicts((safe, unsafe), (1, 2)) == []


def test_a_correction_keeps_the_disputes():
    player = ranker(True, False)
    order = player.ask.order
    disputed = dispute(player, 1, [])
    rank(player, (1, 2), (2, 1), disputes=[disputed])
    base = {"act": "rank", "confidence": 1, "helpfulness": list(order.as_shown((2, 1)))}
    harmless = list(order.as_shown((1, 2)))
    with pytest.raises(SubmissionError, match="other disputes"):
        player.correct("j0", **base, harmlessness=harmless)
    player.correct("j0", **base, harmlessness=harmless, disputes=[disputed])
    assert player.work.judgements[1].payload["helpfulness"] == [2, 1]


# --- items ---


def test_items_gather_the_replies_to_one_prompt():
    records = [
        safety_label("q", "b", is_safe=False, categories=HARM),
        comparison("other", "x", "y", is_safe=(True, True), row=4),
        safety_label("q", "a", is_safe=True, categories=[], row=1),
        comparison("q", "a", "c", is_safe=(False, False), models=("ma", "mc"), row=2),
        prompt("q"),
        safety_label("lonely", "r", is_safe=True, row=3),
    ]
    made = list(items_from_records(records, study("two-axis-ranking", overlap=2)))
    items, codes = (
        [each for each in made if hasattr(each, "key")],
        [each.code for each in made if hasattr(each, "code")],
    )
    assert codes == ["PL-ITM-001", "PL-ITM-006"]
    assert [[reply["text"] for reply in item.payload["replies"]] for item in items] == [["a", "b", "c"], ["x", "y"]]
    # Labels count for "a"; only the comparison speaks of "c".
    assert [reply["label"]["is_safe"] for reply in items[0].payload["replies"]] == [True, False, False]
    assert [reply["model"] for reply in items[0].payload["replies"]] == ["ma", None, "mc"]
    assert "outcome" not in str(items[0].payload)
    assert (items[0].overlap, items[0].truth) == (2, None)


def test_labels_of_another_taxonomy_and_long_sides_are_passed_over():
    long_side = comparison("q", "a", "b", is_safe=(True, True))
    two = (*long_side.continuations[0], human("and?"))
    records = [
        safety_label("q", "a", is_safe=True, taxonomy="pku-19"),
        safety_label("q", "a", is_safe=False, categories=["Cybercrime"]),
        safety_label("q", None, is_safe=True),
        safety_label("q", "a", is_safe=None),
        type(long_side)(
            **{name: getattr(long_side, name) for name in long_side.__slots__ if name != "continuations"},
            continuations=(two, long_side.continuations[1]),
        ),
    ]
    codes = [each.code for each in items_from_records(records, study("two-axis-ranking"))]
    assert codes == ["PL-ITM-001"] * 5


def test_what_comparisons_carry_along_of_another_taxonomy_labels_nothing():
    pku = {"is_safe": (False, True), "categories": (frozenset({"Cybercrime"}), frozenset())}
    (refused,) = items_from_records([comparison("q", "a", "b", **pku)], study("two-axis-ranking"))
    assert refused.code == "PL-ITM-006"
    (item,) = items_from_records([comparison("q", "a", "b", **pku)], study("two-axis-ranking", taxonomy="pku-19"))
    assert [reply["label"]["is_safe"] for reply in item.payload["replies"]] == [False, True]


@pytest.mark.parametrize("labels_first", [True, False])
def test_a_reply_that_another_taxonomy_calls_safe_is_not_called_so_by_a_comparison_of_it(labels_first):
    both_safe = comparison("q", "a", "b", is_safe=(True, True), categories=(frozenset(), frozenset()))
    labels = [safety_label("q", text, is_safe=True, categories=[], taxonomy="pku-19") for text in "ab"]
    records = [*labels, both_safe] if labels_first else [both_safe, *labels]
    codes = sorted(each.code for each in items_from_records(records, study("two-axis-ranking")))
    assert codes == ["PL-ITM-001", "PL-ITM-001", "PL-ITM-006"]
    # A label of the study's own taxonomy holds all the same.
    own = [safety_label("q", text, is_safe=False, categories=HARM) for text in "ab"]
    *_, item = items_from_records([*records, *own], study("two-axis-ranking"))
    assert [reply["label"]["categories"] for reply in item.payload["replies"]] == [HARM, HARM]


@pytest.mark.parametrize(("messages", "code"), [(399, None), (400, "PL-ITM-002")])
def test_of_every_ranking_that_is_entered_a_label_can_be_disputed(messages, code):
    conversation = tuple(human("q") for _ in range(messages))
    records = [
        replace(safety_label("q", text, is_safe=True), conversation=(*conversation, assistant(text))) for text in "ab"
    ]
    rankings = study("two-axis-ranking")
    (made,) = items_from_records(records, rankings)
    assert getattr(made, "code", None) == code
    if code is None:
        player = Player.of_item(rankings, made)
        assert rank(player, (1, 2), (1, 2), disputes=[dispute(player, 1, HARM)]).new_items


def test_a_longer_ranking_that_is_stored_already_is_still_read():
    """Judgements of it were made before such prompts were passed over."""
    pair = [safety_label("q", text, is_safe=True) for text in "ab"]
    (made,) = items_from_records(pair, study("two-axis-ranking"))
    stored = replace(made, payload=made.payload | {"prompt": made.payload["prompt"] * 400})
    player = Player.of_item(study("two-axis-ranking"), stored)
    rank(player, (1, 2), (1, 2))
    assert len(ranked_pairs(player.work, player.study, {}, 0).comparisons) == 2


@pytest.mark.parametrize("blank", [" ", "\u200b\u200d"])
def test_a_reply_that_shows_nothing_is_told_as_that(blank):
    records = [safety_label("q", text, is_safe=True, row=row) for row, text in enumerate(("a", blank))]
    (made,) = items_from_records(records, study("two-axis-ranking"))
    assert (made.code, made.why) == ("PL-ITM-002", "a text shows nothing")


def test_more_than_ten_replies_are_too_many():
    records = [safety_label("q", str(number), is_safe=True, row=number) for number in range(11)]
    rankings = study("two-axis-ranking")
    assert [each.code for each in items_from_records(records, rankings)] == ["PL-ITM-006"]
    assert len(next(items_from_records(records[:10], rankings)).payload["replies"]) == 10


def test_known_orders_measure_a_ranking():
    records = [
        comparison("q", "b", "a", is_safe=(True, True), outcome=Outcome.FIRST),
        comparison("q", "a", "b", axis=Axis.HARMLESSNESS, is_safe=(True, True), outcome=Outcome.FIRST, row=1),
        comparison("q", "a", "c", is_safe=(True, True), outcome=Outcome.TIE, row=2),
        comparison("q", "b", "c", is_safe=(True, True), row=3),
        comparison("q", "c", "b", is_safe=(True, True), row=4),
    ]
    rankings = study("two-axis-ranking")
    (item,) = items_from_records(records, rankings, Purpose.GOLD)
    # Known: b helps more than a; a is less harmful than b. b and c contradict each other; a and c are a tie.
    assert len(item.truth["orders"]) == 2
    for helpfulness, harmlessness, right in (
        ((2, 1, 1), (1, 2, 1), 2),
        ((1, 2, 1), (1, 2, 1), 1),
        ((1, 1, 1), (1, 1, 1), 0),
    ):
        player = Player.of_item(rankings, item)
        assert score_of(player.work, rankings, item.truth) == Score(0, 0)
        rank(player, helpfulness, harmlessness)
        assert score_of(player.work, rankings, item.truth) == Score(right, 2)
