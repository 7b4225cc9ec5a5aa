"""A submission whose connection broke: what follows from it is done by its repetition, and that stores nothing twice."""

from contextlib import contextmanager

import pytest
from sqlalchemy import event

from plumbline.collect.kinds import Purpose
from plumbline.collect.service import after_work
from plumbline.collect.service.entering import enter_data
from plumbline.collect.service.samplers import SourceRules
from plumbline.collect.service.submitting import Answer, Request, correct_judgement
from plumbline.collect.store.checking import check_store
from plumbline.collect.store.failures import ConflictError, StoreUnavailableError
from plumbline.collect.store.items import count_items
from plumbline.collect.store.participation import read_participation
from tests.collect.api.client import EXAMPLES

UNSAFE = "violence,aiding_and_abetting,incitement"


def label(is_safe):
    return {"act": "label", "categories": [] if is_safe else [UNSAFE], "none_applies": is_safe, "confidence": 1}


def corrected(desk, worker, judgement, is_safe, key):
    answer = Answer(1, label(is_safe), 1)
    return correct_judgement(desk.collecting, worker, judgement, answer, Request(key, "0" * 64))


@contextmanager
def writes_of(desk):
    """Counts transactions that write."""
    begun = []

    def note(connection, cursor, statement, *_):
        begun.extend([statement] * (statement == "BEGIN IMMEDIATE"))

    event.listen(desk.store.engine, "before_cursor_execute", note)
    yield begun
    event.remove(desk.store.engine, "before_cursor_execute", note)


@pytest.fixture
def study(desk):
    made = desk.study("safety-labels", items="x.jsonl", overlap=2)
    enter_data(desk.collecting, made, EXAMPLES / "data/labels.jsonl")
    return made


@pytest.fixture
def broken_off(monkeypatch):
    """Within it, entering items fails, as where the database is busy."""

    def busy(*_, **__):
        raise StoreUnavailableError("PL-COL-001", "store", "busy", advice="make the call again")

    @contextmanager
    def breaking():
        with monkeypatch.context() as patched:
            patched.setattr(after_work, "enter_items", busy)
            with pytest.raises(StoreUnavailableError):
                yield

    return breaking


def test_a_split_that_broke_off_is_entered_by_the_repeated_request(desk, study, broken_off):
    first, second = desk.worker(), desk.worker()
    desk.answer(desk.next(study, first), first, **label(True))
    held = desk.next(study, second)
    with broken_off():
        desk.answer(held, second, key="one-key-0", **label(False))
    assert count_items(desk.store, study.id, Purpose.ADJUDICATION) == 0
    assert desk.answer(held, second, key="one-key-0", **label(False)).receipt.repeated
    assert count_items(desk.store, study.id, Purpose.ADJUDICATION) == 1
    with writes_of(desk) as writes:
        assert desk.answer(held, second, key="one-key-0", **label(False)).receipt.repeated
    assert writes == []
    assert check_store(desk.store) == []


def test_a_split_by_a_correction_that_broke_off_is_entered_by_the_repeated_request(desk, study, broken_off):
    first, second = desk.worker(), desk.worker()
    desk.answer(desk.next(study, first), first, **label(True))
    (judgement,) = desk.answer(desk.next(study, second), second, **label(True)).receipt.judgement_ids
    with broken_off():
        corrected(desk, second, judgement, False, "one-key-0")
    assert corrected(desk, second, judgement, False, "one-key-0").repeated
    assert count_items(desk.store, study.id, Purpose.ADJUDICATION) == 1
    with writes_of(desk) as writes:
        assert corrected(desk, second, judgement, False, "one-key-0").repeated
    assert writes == []
    assert check_store(desk.store) == []


def test_a_correction_under_a_known_key_with_another_body_is_refused(desk, study):
    worker = desk.worker()
    (judgement,) = desk.answer(desk.next(study, worker), worker, **label(True)).receipt.judgement_ids
    corrected(desk, worker, judgement, False, "one-key-0")
    request = Request("one-key-0", "1" * 64)
    with pytest.raises(ConflictError, match="PL-COL-023"):
        correct_judgement(desk.collecting, worker, judgement, Answer(1, label(False), 1), request)


def test_consent_stands_where_its_judgement_does(desk):
    desk.rules = SourceRules(EXAMPLES)
    replies = {"sampler": "two-samples", "sources": ["retrieval:data/comparisons.jsonl"]}
    study = desk.study("red-team-chat", items={"from_workers": True}, replies=replies, warning="It may upset you.")
    worker = desk.worker()
    held = desk.next(study, worker)
    with writes_of(desk) as writes:
        desk.answer(held, worker, act="consent", agreed=True)
    assert len(writes) == 1
    assert read_participation(desk.store, study.id, worker.id).consented_at == desk.now
