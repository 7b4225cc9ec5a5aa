"""The door: every act, kind and purpose leads somewhere."""

import pytest

from plumbline.collect.kinds import (
    ACTS,
    KNOWN_ANSWERS,
    SUBMISSIONS,
    Purpose,
    Score,
    adjudication,
    blind_review,
    comparisons_of,
    items_from_records,
    items_from_workers,
    pairs,
    preference_chat,
    rows_per_assignment,
    safety_labels_of,
    score_of,
    spot_check,
    task_for,
)
from plumbline.collect.kinds.registry import STUDY_TASKS
from plumbline.collect.study_settings import StudyKind
from plumbline.records import UsageError
from tests.collect.kinds.made_up import HOSTILE, Player, human, study
from tests.collect.kinds.records_made import comparison, prompt, safety_label


def any_study(kind, **settings):
    axes = {"preference-chat": ["helpfulness"], "pairs": ["helpfulness"]}
    return study(kind, **({"axes": axes[kind]} if kind in axes else {}), **settings)


def test_every_act_has_a_schema_that_says_its_name():
    assert set(ACTS) == set(SUBMISSIONS)
    for act, model in SUBMISSIONS.items():
        assert model.model_fields["act"].default == act


def test_every_kind_has_a_task():
    assert set(STUDY_TASKS) == set(StudyKind)
    for kind in StudyKind:
        whole = any_study(kind.value)
        for purpose in Purpose:
            task = task_for(whole, purpose)
            assert callable(task.next_step)
            assert callable(task.accept)
            assert callable(task.correct)
        assert task_for(whole, Purpose.REVIEW) is blind_review
        assert task_for(whole, Purpose.ADJUDICATION) is adjudication
        assert task_for(whole, Purpose.SPOT_CHECK) is spot_check


def test_who_is_to_chat_is_measured_by_pairs():
    chat = any_study("preference-chat")
    assert task_for(chat, Purpose.WORK) is preference_chat
    assert {task_for(chat, purpose) for purpose in KNOWN_ANSWERS} == {pairs}


def test_chats_begin_with_prompts_or_contexts():
    chat = any_study("preference-chat", items={"prompts": "x"}, overlap=2)
    records = [
        prompt("q"),
        comparison("q", "a", "b"),
        comparison("p", "a", "b", row=1),
        safety_label("q", "r", is_safe=True),
    ]
    made = list(items_from_records(records, chat))
    assert [getattr(each, "code", "item") for each in made] == ["item", "PL-ITM-003", "item", "PL-ITM-001"]
    assert made[0].payload["opening"] == [{"role": "human", "text": "q"}]
    assert made[0].overlap == 2
    assert "outcome" not in str(made[2].payload)
    for text in HOSTILE:
        (item,) = items_from_records([prompt(text)], chat)
        assert Player.of_item(chat, item).step.conversation == (human(text),)


def test_conversations_of_the_workers_own():
    chat = any_study("red-team-chat", overlap=3)
    items = list(items_from_workers(chat, 5, 3))
    assert len({item.key for item in items}) == 3
    assert items[1].key == next(items_from_workers(chat, 6, 1)).key
    assert {(item.overlap, item.purpose) for item in items} == {(3, Purpose.WORK)}
    with pytest.raises(UsageError, match="PL-ITM-007"):
        next(items_from_workers(any_study("pairs"), 0, 1))


def test_items_that_follow_from_work_do_not_come_from_records():
    for kind, purpose in (("pairs", Purpose.REVIEW), ("red-team-chat", Purpose.GOLD)):
        with pytest.raises(UsageError, match="PL-ITM-007"):
            items_from_records([], any_study(kind), purpose)


def test_checks_are_items_of_their_own():
    whole = any_study("pairs")
    record = comparison("q", "a", "b")
    keys = {next(items_from_records([record], whole, purpose)).key for purpose in (Purpose.WORK, *KNOWN_ANSWERS)}
    assert len(keys) == 4
    gold = next(items_from_records([record], whole, Purpose.GOLD))
    assert gold.overlap >= 1_000_000


def test_priorities():
    rules = [
        {"field": "category", "equals": "self_harm", "priority": 9},
        {"field": "source", "equals": "p.jsonl", "priority": 5},
        {"field": "subset", "equals": "x", "priority": 3},
        {"field": "category", "equals": "animal_abuse", "priority": 7},
    ]
    chat = any_study("preference-chat", items={"prompts": "x"}, priorities=rules)
    harm = frozenset({"animal_abuse", "self_harm"})
    records = [
        prompt("a", categories=harm),
        prompt("b"),
        comparison("c", "x", "y", subset="x"),
        comparison("d", "x", "y"),
        comparison("e", "x", "y", categories=(frozenset(), frozenset({"animal_abuse"}))),
        comparison("f", "x", "y", categories=(None, None)),
    ]
    assert [item.priority for item in items_from_records(records, chat)] == [9, 5, 3, 0, 7, 0]
    labels = any_study("safety-labels", priorities=rules)
    (item,) = items_from_records([safety_label("q", "r", is_safe=False, categories=["animal_abuse"])], labels)
    assert item.priority == 7


def test_tasks_that_make_no_such_records():
    player = Player(any_study("red-team-chat"), {})
    assert safety_labels_of(player.work, player.study) == ()
    assert safety_labels_of(player.work, player.study, Purpose.REVIEW) == ()
    assert comparisons_of(player.work, player.study, Purpose.REVIEW) == ()
    assert score_of(player.work, player.study, {}) == Score(0, 0)


def test_the_store_speaks_of_the_same_purposes():
    rows = pytest.importorskip("plumbline.collect.store.rows")
    assert {purpose.value for purpose in Purpose} == {purpose.value for purpose in rows.Purpose}


def test_rows():
    rows = {kind.value: rows_per_assignment(any_study(kind.value)) for kind in StudyKind}
    assert rows == {
        "preference-chat": 8,
        "red-team-chat": 8,
        "safety-labels": 1,
        "two-axis-ranking": 45,
        "pairs": 1,
    }
