"""What is written into the outbox with what it tells, on both databases; and that nothing of words is in it."""

import json
import threading
import time
from dataclasses import replace
from datetime import timedelta

import pytest

from plumbline.collect.store.events import EventKind, read_events
from plumbline.collect.store.items import enter_items
from plumbline.collect.store.keeping.erasing import erase_person
from plumbline.collect.store.outbox import MEANINGS, WebhookEvent, tell_submitted
from plumbline.collect.store.people import add_person
from plumbline.collect.store.rows import NewItem, NewJudgement, Purpose, StudyState
from plumbline.collect.store.splits import bring_split_up
from plumbline.collect.store.studies import add_guidelines, create_study, set_study_state
from plumbline.collect.store.submission import submit
from plumbline.collect.store.webhooks import NewWebhook, add_webhook, remove_webhook
from tests.collect.service.wellbeing.made_up import statements
from tests.collect.store.dropping import all_at_once
from tests.collect.store.filled import contents
from tests.collect.store.made_up import START, make_desk, make_items, make_study, person_of

ALL = [event for event in WebhookEvent if event is not WebhookEvent.PING]
HOSTILE = "zz<script>alert(1)</script>\u202e'; DROP TABLE deliveries; --"


def hook(store, events=ALL, study=None):
    return add_webhook(store, NewWebhook(study, "https://receiver.example", "whsec_zz", events, None), now=START).id


def messages(store, webhook=None):
    rows = sorted(contents(store)["deliveries"], key=lambda row: row["id"])
    return [json.loads(row["payload"]) for row in rows if webhook in (None, row["webhook_id"])]


def told(store, webhook=None):
    """Type and data of each, without the study's name, which all have."""
    found = [(each["type"], dict(each["data"])) for each in messages(store, webhook)]
    for _, data in found:
        data.pop("study", None)
    return found


def dispute(key, about, **values):
    return NewItem(key, {"item_key": about, "note": HOSTILE}, purpose=Purpose.ADJUDICATION, **values)


# --- no webhook ---


def test_without_a_webhook_not_one_statement_more_is_made(store):
    """Also where there is one, for another study or for other things, but for the look at what it wants."""
    desk = make_desk(store, make_items(6), workers=1)
    other = create_study(store, "other", "pairs", "", "Read.", now=START)

    def count():
        taken = desk.take()
        with statements(store) as sent:
            desk.submit(taken, follow_ups=(dispute(f"key {desk.keys}", taken.item.key),))
            set_study_state(store, desk.study_id, StudyState.OPEN, now=START)
        asked = [each for each in sent if "webhooks" in each and not each.startswith("INSERT INTO events")]
        return len(sent), asked

    first = count()
    assert first[1] == []
    assert count() == first
    webhook = hook(store, study=other.id)
    assert count() == first
    remove_webhook(store, webhook, by=None, now=START)
    assert count() == first
    hook(store, [WebhookEvent.GUIDELINES_CHANGED])
    more, asked = count()
    assert (more - first[0], len(asked)) == (4, 2)
    assert messages(store) == []


# --- what is told ---


def test_a_study_from_its_start_to_its_end(store):
    webhook = hook(store)
    study = make_study(store).id
    for state in (StudyState.OPEN, StudyState.PAUSED, StudyState.PAUSED, StudyState.OPEN, StudyState.CLOSED):
        set_study_state(store, study, state, now=START)
    for text in ("Read both replies.", HOSTILE):
        add_guidelines(store, study, text, now=START)
    assert told(store) == [
        *(("study.started", {}), ("study.paused", {}), ("study.resumed", {}), ("study.closed", {})),
        ("guidelines.changed", {"version": 2}),
    ]
    first = messages(store)[0]
    assert first["data"] == {"study": "pairs"}
    assert first["timestamp"] == "2026-11-21T09:00:00.123Z"
    assert len({each["id"] for each in messages(store, webhook)}) == 5


def test_items_are_finished_by_their_last_judgement_and_a_study_by_its_last_item(store):
    desk = make_desk(store, make_items(2, overlap=2), workers=3)
    enter_items(store, desk.study_id, [NewItem("t", {}, purpose=Purpose.TRAINING, overlap=9)], now=START)
    hook(store)
    first = [desk.take(worker) for worker in (0, 1)]
    assert first[0].item.id == first[1].item.id
    desk.submit(first[0])
    desk.submit(desk.take(0, purpose=Purpose.TRAINING))
    assert told(store) == []
    receipt = desk.submission(first[1])
    for _ in range(2):  # sent twice, told once
        submit(store, receipt, now=START)
    finished = {"purpose": "work", "judgements": 2}
    assert told(store) == [("item.finished", {"item": first[0].item.id, **finished})]
    second = [desk.take(worker) for worker in (0, 1)]
    for taken in second:
        desk.submit(taken)
    assert told(store)[1:] == [("item.finished", {"item": second[0].item.id, **finished}), ("study.finished", {})]


def test_disputes_and_rulings_name_the_item_and_what_it_is_about(store):
    desk = make_desk(store, make_items(1), workers=2)
    enter_items(store, desk.study_id, [dispute("known", "item-0")], now=START)
    hook(store)
    taken = desk.take(0)
    desk.submit(taken, follow_ups=(dispute("known", "item-0"), dispute("new", "item-0")))
    found = told(store)
    assert [kind for kind, _ in found] == ["item.disputed", "item.finished"]
    assert found[0][1]["about"] == taken.item.id
    for _ in range(2):
        desk.submit(desk.take(1, purpose=Purpose.ADJUDICATION))
    ruled = told(store)[2:]
    assert [kind for kind, _ in ruled] == ["item.ruled", "item.ruled", "study.finished"]
    assert [data["about"] for _, data in ruled[:2]] == [taken.item.id] * 2
    assert found[0][1]["item"] in {data["item"] for _, data in ruled[:2]}


@pytest.mark.parametrize(("mark", "is_told"), [(1, True), (2, True), (3, False)])
def test_a_spot_check_that_failed_names_whose_writing_it_was(store, mark, is_told):
    desk = make_desk(store, [], workers=2)
    author = desk.workers[0]
    item = NewItem("w", {"text": HOSTILE}, purpose=Purpose.SPOT_CHECK, author_id=author)
    enter_items(store, desk.study_id, [item], now=START)
    hook(store, [WebhookEvent.SPOT_CHECK_FAILED])
    taken = desk.take(1, purpose=Purpose.SPOT_CHECK)
    desk.submit(taken, judgements=(NewJudgement("writing", "writing", {"mark": mark, "note": HOSTILE}, 1),))
    about = {"item": taken.item.id, "worker": person_of(store, author).pseudonym, "mark": mark}
    assert told(store) == ([("spot_check.failed", about)] if is_told else [])


def test_each_webhook_is_told_what_it_asked_for_of_the_studies_that_it_asked_for(store):
    desk = make_desk(store, make_items(1), workers=1)
    other = create_study(store, "other", "pairs", "", "Read.", now=START)
    of_all, of_study, of_other = hook(store), hook(store, [WebhookEvent.ITEM_FINISHED], desk.study_id), None
    of_other = hook(store, study=other.id)
    desk.submit(desk.take())
    assert [kind for kind, _ in told(store, of_all)] == ["item.finished", "study.finished"]
    assert [kind for kind, _ in told(store, of_study)] == ["item.finished"]
    assert told(store, of_other) == []
    assert len({each["id"] for each in messages(store)}) == 3


def test_the_last_two_judgements_of_an_item_at_once_tell_it_once(store, monkeypatch):
    """The first has counted and not committed yet when the second counts; neither may miss the other."""
    desk = make_desk(store, make_items(1, overlap=2), workers=2)
    hook(store, [WebhookEvent.ITEM_FINISHED, WebhookEvent.STUDY_FINISHED])
    counted = threading.Event()

    def held_open(*about):
        tell_submitted(*about)
        if not counted.is_set():
            counted.set()
            time.sleep(0.5)  # a lock that works lets nobody by; without one the second is done by then

    monkeypatch.setattr("plumbline.collect.store.submission.tell_submitted", held_open)
    first, second = (desk.submission(desk.take(worker)) for worker in (0, 1))

    def after():
        counted.wait()
        return submit(store, second, now=START)

    all_at_once([lambda: submit(store, first, now=START), after])
    assert sorted(kind for kind, _ in told(store)) == ["item.finished", "study.finished"]


def test_a_study_whose_last_split_is_settled_by_a_correction_is_finished_once(store):
    desk = make_desk(store, [], workers=1)
    enter_items(store, desk.study_id, [dispute("one", "item-0"), dispute("two", "item-1")], now=START)
    hook(store, [WebhookEvent.STUDY_FINISHED])
    found = []
    for key in ("one", "two", "two"):
        bring_split_up(store, desk.study_id, key, None, now=START)
        found.append(told(store))
    assert found == [[], [("study.finished", {})], [("study.finished", {})]]


def test_what_was_not_stored_is_not_told(store):
    """A transaction that breaks off after its message was written takes the message with it."""
    desk = make_desk(store, make_items(1), workers=1)
    hook(store)
    submission = desk.submission(desk.take())
    broken = replace(submission, answer={"x": float("nan")})
    with pytest.raises(Exception, match="PL-COL-009"):
        submit(store, broken, now=START)
    assert told(store) == []
    submit(store, submission, now=START)
    assert len(told(store)) == 2


def test_nothing_is_told_but_what_the_table_says(store):
    """Hostile words in every field that somebody writes: none of them, and no field that is not in the table."""
    desk = make_desk(store, [], workers=3)
    item = NewItem(f"key {HOSTILE}", {"text": HOSTILE}, truth=HOSTILE, author_id=desk.workers[2])
    enter_items(store, desk.study_id, [item], now=START)
    hook(store)
    judgement = NewJudgement(HOSTILE, HOSTILE, {"comment": HOSTILE}, 1)
    values = {"judgements": (judgement,), "answer": {"x": HOSTILE}, "body": HOSTILE}
    desk.submit(desk.take(), HOSTILE, follow_ups=(dispute(f"d {HOSTILE}", item.key),), **values)
    check = NewItem("w", {"text": HOSTILE}, purpose=Purpose.SPOT_CHECK, author_id=desk.workers[2])
    enter_items(store, desk.study_id, [check], now=START)
    desk.submit(desk.take(1, purpose=Purpose.ADJUDICATION), judgements=(judgement,))
    writing = NewJudgement("writing", "writing", {"mark": 1, "note": HOSTILE}, 1)
    desk.submit(desk.take(1, purpose=Purpose.SPOT_CHECK), judgements=(writing,))
    add_guidelines(store, desk.study_id, HOSTILE, now=START)
    for state in (StudyState.PAUSED, StudyState.OPEN, StudyState.CLOSED):
        set_study_state(store, desk.study_id, state, now=START)
    create_study(store, "next", HOSTILE, HOSTILE, HOSTILE, now=START)
    sent = messages(store)
    assert {each["type"] for each in sent} == {event.value for event in ALL}
    assert "zz" not in json.dumps(sent)
    assert "script" not in json.dumps(sent)
    for each in sent:
        assert each.keys() == {"id", "type", "timestamp", "data"}
        assert each["data"].keys() == {"study", *MEANINGS[WebhookEvent(each["type"])][1]}
    people = {row["id"] for row in contents(store)["people"]}
    assert not any(person in json.dumps(sent) for person in people)


def test_the_table_is_whole():
    assert set(MEANINGS) == set(WebhookEvent)


def test_who_made_a_webhook_may_be_erased(store):
    make_desk(store, make_items(1), workers=1)
    owner = add_person(store, now=START)
    new = NewWebhook(None, "https://receiver.example", "whsec_zz", [WebhookEvent.STUDY_PAUSED], owner.id)
    webhook = add_webhook(store, new, now=START)
    erase_person(store, owner.pseudonym, now=START + timedelta(hours=1))
    kinds = [event.kind for event in read_events(store)]
    assert EventKind.WEBHOOK_ADDED in kinds
    assert webhook.created_by == owner.id
    assert "whsec" not in repr([read_events(store), webhook])
