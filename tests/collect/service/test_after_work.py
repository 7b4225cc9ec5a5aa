"""What follows from finished work."""

import pytest
from sqlalchemy import text

from plumbline.collect.kinds import Purpose
from plumbline.collect.service import after_work
from plumbline.collect.service.after_work import enter_splits
from plumbline.collect.service.entering import enter_data
from plumbline.collect.service.submitting import Answer, Request, correct_judgement
from plumbline.collect.store.checking import check_store
from plumbline.collect.store.dashboard_rows import count_given_up, count_withdrawn
from plumbline.collect.store.failures import ConflictError
from plumbline.collect.store.items import count_items, count_queues, read_items
from plumbline.collect.store.judgements import judgements_of_worker
from plumbline.collect.store.standing import count_waiting
from tests.collect.api.client import EXAMPLES

UNSAFE = "violence,aiding_and_abetting,incitement"


def labelled(desk, given, *, overlap):
    """A study whose first item got these labels; the study."""
    return labelled_by(desk, [desk.worker() for _ in given], given, overlap=overlap)


def labelled_by(desk, workers, given, *, overlap):
    """The same by these workers."""
    study = desk.study("safety-labels", items="x.jsonl", overlap=overlap)
    enter_data(desk.collecting, study, EXAMPLES / "data/labels.jsonl")
    for worker, categories in zip(workers, given, strict=True):
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
    assert count_items(desk.store, study.id, Purpose.ADJUDICATION) == 1


def waiting(desk, study, worker):
    return count_waiting(desk.store, study.id, worker.id, Purpose.ADJUDICATION, most=9)


def test_nobody_rules_on_what_they_labelled(desk):
    """Nor later: the split is behind their cursor by then, and another's lease on it that ends brings it back."""
    labellers, other = [desk.worker(), desk.worker()], desk.worker()
    study = labelled_by(desk, labellers, [[], [UNSAFE]], overlap=2)
    (item,) = read_items(desk.store, study.id, purpose=Purpose.ADJUDICATION)
    assert [desk.next(study, worker, Purpose.ADJUDICATION) for worker in labellers * 2] == [None] * 4
    assert [waiting(desk, study, worker) for worker in (*labellers, other)] == [0, 0, 1]
    assert desk.next(study, other, Purpose.ADJUDICATION).item.id == item.id
    assert check_store(desk.store) == []
    desk.wait(hours=2)
    assert [desk.next(study, worker, Purpose.ADJUDICATION) for worker in labellers] == [None, None]
    assert check_store(desk.store) == []
    held = desk.next(study, other, Purpose.ADJUDICATION)
    assert held.item.id == item.id
    assert waiting(desk, study, other) == 0
    desk.answer(held, other, act="rule", categories=[], none_applies=True)
    assert check_store(desk.store) == []


def test_a_ruling_of_a_labeller_is_found_by_the_checker(desk):
    labellers = [desk.worker(), desk.worker()]
    study = labelled_by(desk, labellers, [[], [UNSAFE]], overlap=2)
    assert desk.next(study, desk.worker(), Purpose.ADJUDICATION) is not None
    planted = "UPDATE assignments SET worker_id = :worker WHERE purpose = 'adjudication'"
    desk.store.write(lambda connection: connection.execute(text(planted), {"worker": labellers[0].id}))
    assert [fault.kind for fault in check_store(desk.store)] == ["own_item"]


def test_labellers_pass_by_many_splits_once(desk):
    """Their cursor moves past what they labelled, as past what is theirs."""
    worker = desk.worker()
    study = desk.study("safety-labels", items="x.jsonl", overlap=2)
    enter_data(desk.collecting, study, EXAMPLES / "data/labels.jsonl")
    for labeller, categories in ((worker, []), (desk.worker(), [UNSAFE])):
        while held := desk.next(study, labeller):
            desk.answer(held, labeller, act="label", categories=categories, none_applies=not categories, confidence=1)
    splits = count_items(desk.store, study.id, Purpose.ADJUDICATION)
    assert splits > 2
    assert desk.next(study, worker, Purpose.ADJUDICATION) is None
    passed = "SELECT position FROM cursors WHERE worker_id = :worker AND purpose = 'adjudication'"
    last = "SELECT max(position) FROM items WHERE purpose = 'adjudication'"
    at, end = desk.store.read(
        lambda connection: [
            connection.execute(text(query), {"worker": worker.id}).scalar_one() for query in (passed, last)
        ]
    )
    assert at == end


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


def relabel(desk, study, worker, *categories):
    """The worker's label corrected."""
    (judgement,) = judgements_of_worker(desk.store, study.id, worker.id)
    values = {"act": "label", "categories": list(categories), "none_applies": not categories, "confidence": 1}
    request = Request(f"key-{next(desk.keys)}", "0" * 64)
    correct_judgement(desk.collecting, worker, judgement.id, Answer(1, values, 1), request)


def test_what_a_correction_settles_is_not_asked_any_more(desk):
    labellers, ruler, other = [desk.worker(), desk.worker()], desk.worker(), desk.worker()
    study = labelled_by(desk, labellers, [[], [UNSAFE]], overlap=2)
    held = desk.next(study, ruler, Purpose.ADJUDICATION)
    relabel(desk, study, labellers[1])
    queue = count_queues(desk.store, study.id)[Purpose.ADJUDICATION]
    assert (queue.items - queue.complete, queue.leased) == (0, 0)
    assert count_withdrawn(desk.store, study.id) == {Purpose.ADJUDICATION: (1, 1)}
    assert desk.next(study, other, Purpose.ADJUDICATION) is None
    with pytest.raises(ConflictError, match="PL-COL-029"):
        desk.answer(held, ruler, act="rule", categories=[], none_applies=True)
    assert count_given_up(desk.store, study.id) == {}
    assert check_store(desk.store) == []
    # Split again: asked with the labels that stand, of who has not had it.
    relabel(desk, study, labellers[0], "privacy_violation")
    asked = desk.next(study, other, Purpose.ADJUDICATION)
    assert asked.item.id == held.item.id
    assert sorted(label["categories"] for label in asked.item.payload["labels"]) == [[], ["privacy_violation"]]
    assert count_withdrawn(desk.store, study.id) == {}
    # Split otherwise while it is in hand, then ruled on: the ruling stays whatever is corrected later.
    relabel(desk, study, labellers[0], UNSAFE)
    (item,) = read_items(desk.store, study.id, purpose=Purpose.ADJUDICATION)
    assert sorted(label["categories"] for label in item.payload["labels"]) == [[], [UNSAFE]]
    desk.answer(asked, other, act="rule", categories=[], none_applies=True)
    relabel(desk, study, labellers[0])
    assert count_withdrawn(desk.store, study.id) == {}
    assert check_store(desk.store) == []


def test_a_correction_that_comes_meanwhile_is_seen(desk, monkeypatch):
    labellers = [desk.worker(), desk.worker()]
    study = labelled_by(desk, labellers, [[], [UNSAFE]], overlap=2)
    bring_up, meanwhile = after_work.bring_split_up, [lambda: relabel(desk, study, labellers[1])]

    def slow(*given, **more):
        if meanwhile:
            meanwhile.pop()()
        return bring_up(*given, **more)

    monkeypatch.setattr(after_work, "bring_split_up", slow)
    relabel(desk, study, labellers[0], "privacy_violation")
    (item,) = read_items(desk.store, study.id, purpose=Purpose.ADJUDICATION)
    assert sorted(label["categories"] for label in item.payload["labels"]) == [[], ["privacy_violation"]]
