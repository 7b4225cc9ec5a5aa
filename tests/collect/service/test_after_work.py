"""What follows from finished work."""

import pytest

from plumbline.collect.kinds import Purpose
from plumbline.collect.service import after_work
from plumbline.collect.service.after_work import enter_splits
from plumbline.collect.service.entering import enter_data
from plumbline.collect.store.items import count_items, read_items
from tests.collect.api.client import EXAMPLES

UNSAFE = "violence,aiding_and_abetting,incitement"


def labelled(desk, given, *, overlap):
    """A study whose first item got these labels; the study."""
    study = desk.study("safety-labels", items="x.jsonl", overlap=overlap)
    enter_data(desk.collecting, study, EXAMPLES / "data/labels.jsonl")
    for categories in given:
        worker = desk.worker()
        held = desk.next(study, worker)
        desk.answer(held, worker, act="label", categories=categories, none_applies=not categories, confidence=1)
    return study


@pytest.mark.parametrize(
    ("given", "overlap", "splits"),
    [
        ([[], [UNSAFE]], 2, 1),
        ([[], [UNSAFE]], 3, 0),
        ([[], []], 2, 0),
        ([[], [UNSAFE], [UNSAFE]], 3, 0),
        ([[], [UNSAFE], [UNSAFE], []], 4, 1),
        ([[UNSAFE]], 1, 0),
    ],
)
def test_an_item_goes_to_adjudication_once_its_labels_are_split(desk, given, overlap, splits):
    study = labelled(desk, given, overlap=overlap)
    assert count_items(desk.store, study.id, Purpose.ADJUDICATION) == splits
    enter_splits(desk.collecting, study)
    assert count_items(desk.store, study.id, Purpose.ADJUDICATION) == splits


def test_a_split_that_a_crash_left_out_is_made_good(desk, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(after_work, "_enter_split", lambda *_: None)
        study = labelled(desk, [[], [UNSAFE]], overlap=2)
    assert count_items(desk.store, study.id, Purpose.ADJUDICATION) == 0
    enter_splits(desk.collecting, study)
    (item,) = read_items(desk.store, study.id, purpose=Purpose.ADJUDICATION)
    assert item.author_id is None


def test_whoever_disputes_a_label_does_not_rule_on_it(desk):
    study = desk.study("two-axis-ranking", items="x.jsonl")
    enter_data(desk.collecting, study, EXAMPLES / "data/comparisons.jsonl")
    worker = desk.worker()
    held = desk.next(study, worker)
    labels = held.step.fields["labels"]
    disputed = next(place for place, label in enumerate(labels) if not label["is_safe"])
    ranks = [1 if label["is_safe"] or place == disputed else 2 for place, label in enumerate(labels)]
    dispute = {"position": disputed, "categories": [], "none_applies": True}
    desk.answer(
        held, worker, act="rank", helpfulness=[1] * len(labels), harmlessness=ranks, confidence=3, disputes=[dispute]
    )
    (item,) = read_items(desk.store, study.id, purpose=Purpose.ADJUDICATION)
    assert item.author_id == worker.id
    assert desk.next(study, worker, Purpose.ADJUDICATION) is None
    assert desk.next(study, desk.worker(), Purpose.ADJUDICATION) is not None


def test_a_late_submission_has_no_followers(desk):
    study = labelled(desk, [], overlap=1)
    worker, other = desk.worker(), desk.worker()
    held = desk.next(study, worker)
    desk.wait(hours=2)
    taken = desk.next(study, other)
    assert taken.item.id == held.item.id
    desk.answer(taken, other, act="label", categories=[], none_applies=True, confidence=1)
    done = desk.answer(held, worker, act="label", categories=[UNSAFE], none_applies=False, confidence=1)
    assert done.receipt.outcome == "late"
    assert count_items(desk.store, study.id, Purpose.ADJUDICATION) == 0
