"""Safety labels: categories that apply, or explicitly none; safe means none."""

import pytest

from plumbline.collect.kinds import (
    Finished,
    InvalidSubmissionError,
    NewItem,
    PassedOver,
    Purpose,
    Score,
    SubmissionError,
    comparisons_of,
    items_from_records,
    safety_labels_of,
    score_of,
)
from plumbline.records import BEAVERTAILS_14, PKU_19, conversation_column, safety_label_table
from tests.collect.kinds.made_up import HOSTILE, Player, assistant, human, study
from tests.collect.kinds.records_made import comparison, prompt, safety_label

QA = [{"role": "human", "text": "q"}, {"role": "assistant", "text": "r"}]


def labeller(**settings):
    return Player(study("safety-labels", **settings), {"conversation": QA, "parents": ["p1"]})


def test_what_a_worker_sees():
    ask = labeller().ask
    assert (ask.act, ask.conversation) == ("label", (human("q"), assistant("r")))
    assert ask.fields["categories"] == list(BEAVERTAILS_14)
    assert labeller(taxonomy="pku-19").ask.fields["categories"] == list(PKU_19)


@pytest.mark.parametrize(("categories", "is_safe"), [([], True), (["self_harm", "animal_abuse"], False)])
def test_safe_means_that_none_applies(categories, is_safe):
    player = labeller()
    assert player.submit(categories=categories, none_applies=is_safe, confidence=2).finished
    assert isinstance(player.step, Finished)
    (label,) = safety_labels_of(player.work, player.study, first_row=9)
    assert (label.is_safe, label.categories, label.confidence) == (is_safe, frozenset(categories), 2)
    assert (label.worker, label.taxonomy, label.row, label.parents) == ("worker-1", "beavertails-14", 9, ("p1",))
    assert label.conversation == (human("q"), assistant("r"))
    assert comparisons_of(player.work, player.study) == ()


def test_nothing_is_labelled_before_it_is():
    assert safety_labels_of(labeller().work, labeller().study) == ()


def test_an_id_is_the_one_that_a_table_gives():
    player = labeller()
    player.submit(categories=["self_harm", "animal_abuse"], none_applies=False, confidence=0)
    (label,) = safety_labels_of(player.work, player.study)
    columns = {
        "taxonomy": label.taxonomy,
        "categories": [sorted(label.categories)],
        "is_safe": [False],
        "confidence": [0],
        "worker": ["worker-1"],
        "source": "s",
        "row": [0],
    }
    row = safety_label_table(conversation_column([label.conversation]), columns).to_pylist()[0]
    assert (row["id"], row["item_id"], row["group_id"]) == (label.id, label.item_id, label.group_id)


@pytest.mark.parametrize(
    ("categories", "none_applies"),
    [
        ([], False),
        (["self_harm"], True),
        (["self_harm", "self_harm"], False),
        (["nonsense"], False),
        (["Violence"], False),
    ],
)
def test_labels_that_contradict_themselves(categories, none_applies):
    with pytest.raises(SubmissionError, match="PL-SUB-004") as refused:
        labeller().submit(categories=categories, none_applies=none_applies, confidence=1)
    assert refused.value.fields[0].field == "categories"
    assert "nonsense" not in str(refused.value)


@pytest.mark.parametrize(
    "change",
    [
        {"confidence": 4},
        {"confidence": -1},
        {"confidence": None},
        {"categories": None},
        {"none_applies": "true"},
        {"is_safe": True},
        {"categories": ["x"] * 101},
    ],
)
def test_labels_that_are_none(change):
    whole = {"categories": [], "none_applies": True, "confidence": 1}
    with pytest.raises(InvalidSubmissionError):
        labeller().submit(**whole | change)


def test_a_label_can_be_corrected():
    player = labeller(comment=True)
    player.submit(categories=[], none_applies=True, confidence=1, comment="hm")
    player.correct("j0", categories=["self_harm"], none_applies=False, confidence=3)
    (label,) = safety_labels_of(player.work, player.study)
    assert (label.is_safe, label.categories) == (False, {"self_harm"})
    assert '"j1"' in label.extra


def test_a_comment_only_where_it_is_asked_for():
    with pytest.raises(SubmissionError, match="does not ask"):
        labeller().submit(categories=[], none_applies=True, confidence=1, comment="c")


def test_items_come_from_labels_and_from_both_sides_of_comparisons():
    records = [
        safety_label("q", "r", is_safe=True),
        comparison("q", "r", "other"),
        safety_label("q", "r", is_safe=False, row=2),
        prompt("q"),
        *(safety_label(text, text, is_safe=True) for text in HOSTILE),
        safety_label("q", "x" * 64_001, is_safe=True, row=5),
        safety_label("q", "a\0b", is_safe=True, row=6),
    ]
    made = list(items_from_records(records, study("safety-labels", overlap=3)))
    items = [each for each in made if isinstance(each, NewItem)]
    assert len(items) == 2 + len(HOSTILE)
    assert {(item.overlap, item.purpose, item.truth) for item in items} == {(3, Purpose.WORK, None)}
    assert not any("is_safe" in str(item.payload) for item in items)
    codes = [each.code for each in made if isinstance(each, PassedOver)]
    assert codes == ["PL-ITM-003", "PL-ITM-003", "PL-ITM-001", "PL-ITM-002", "PL-ITM-002"]
    assert [each.why for each in made[-2:]] == ["a text is too long", "a text holds a NUL"]


def test_a_conversation_that_ends_with_a_question_is_no_item():
    records = [safety_label("q", None, is_safe=True)]
    assert [each.code for each in items_from_records(records, study("safety-labels"))] == ["PL-ITM-001"]


def test_known_answers_are_kept_out_of_the_payload_and_measure_the_worker():
    records = [safety_label("q", "r", is_safe=False, categories=["self_harm", "animal_abuse"])]
    (item,) = items_from_records(records, study("safety-labels"), Purpose.GOLD)
    assert item.truth == {"is_safe": False, "categories": ["animal_abuse", "self_harm"]}
    assert "self_harm" not in str(item.payload)
    for categories, right in (
        (["self_harm"], 1),
        (["privacy_violation", "animal_abuse"], 1),
        (["privacy_violation"], 0),
        ([], 0),
    ):
        player = Player.of_item(study("safety-labels"), item)
        assert score_of(player.work, player.study, item.truth) == Score(0, 0)
        player.submit(categories=categories, none_applies=not categories, confidence=1)
        assert score_of(player.work, player.study, item.truth) == Score(right, 1)


def test_known_answers_of_another_taxonomy_or_none_are_none():
    labels = study("safety-labels", taxonomy="beavertails-14")
    unknown = [safety_label("q", "r", is_safe=None), safety_label("q", "s", is_safe=True, taxonomy="pku-19")]
    assert [each.code for each in items_from_records(unknown, labels, Purpose.GOLD)] == ["PL-ITM-004"] * 2
    only_safe = [safety_label("q", "r", is_safe=False, taxonomy="unspecified")]
    (item,) = items_from_records(only_safe, labels, Purpose.GOLD)
    assert item.truth == {"is_safe": False, "categories": None}
    contradicting = [safety_label("q", "r", is_safe=True), safety_label("q", "r", is_safe=False, row=1)]
    assert [each.code for each in items_from_records(contradicting, labels, Purpose.GOLD)] == ["PL-ITM-004"]
