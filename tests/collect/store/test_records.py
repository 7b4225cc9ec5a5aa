"""Studies, guidelines, people, tokens, participation, items, turns, replies, drafts, events: what goes in comes out."""

import time
from datetime import datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import event

from plumbline.collect.store.events import log_event, read_events
from plumbline.collect.store.failures import (
    ConflictError,
    NotAllowedError,
    NotFoundError,
    StoreError,
)
from plumbline.collect.store.items import count_queues, enter_items, has_item, read_item, read_items
from plumbline.collect.store.participation import (
    read_participation,
    record_consent,
    set_qualification,
    submitted_counts,
)
from plumbline.collect.store.people import (
    add_person,
    find_by_token,
    find_person,
    issue_token,
    list_people,
    revoke_tokens,
    set_blocked,
)
from plumbline.collect.store.rows import NewItem, Purpose, Qualification, Role, StudyState
from plumbline.collect.store.studies import (
    add_guidelines,
    create_study,
    find_study,
    list_guidelines,
    list_studies,
    newest_guidelines,
    read_guidelines,
    read_study,
    set_study_state,
)
from plumbline.collect.store.tables import tokens
from tests.collect.store.dropping import all_at_once
from tests.collect.store.made_up import HOSTILE, LEASE, START, make_desk, make_items, make_study

# --- studies and guidelines ---


def test_a_study_is_found_by_name_and_number(store):
    study = make_study(store, "first")
    other = make_study(store, HOSTILE)
    assert find_study(store, HOSTILE) == read_study(store, other.id) == other
    assert list_studies(store) == [study, other]
    assert (study.state, study.file, study.created_at) == (StudyState.OPEN, 'name = "first"\n', START)
    with pytest.raises(ConflictError, match="PL-COL-025"):
        make_study(store, "first")
    with pytest.raises(NotFoundError, match="PL-COL-010"):
        find_study(store, "third")


def test_the_state_of_a_study(store):
    study = make_study(store)
    assert set_study_state(store, study.id, StudyState.CLOSED, now=START).state is StudyState.CLOSED
    assert read_study(store, study.id).state is StudyState.CLOSED
    with pytest.raises(NotFoundError):
        set_study_state(store, 99, StudyState.OPEN, now=START)


def test_guidelines_have_versions(store):
    study = make_study(store)
    second = add_guidelines(store, study.id, HOSTILE, now=START + LEASE)
    assert (second.version, second.text) == (2, HOSTILE)
    assert add_guidelines(store, study.id, HOSTILE, now=START + 2 * LEASE) == second
    assert newest_guidelines(store, study.id) == read_guidelines(store, study.id, 2) == second
    assert read_guidelines(store, study.id, 1).text == "Read both replies."
    with pytest.raises(NotFoundError):
        read_guidelines(store, study.id, 3)
    with pytest.raises(NotFoundError):
        add_guidelines(store, 99, "text", now=START)


def test_guidelines_are_made_from_the_version_that_was_read(store):
    study = make_study(store)
    second = add_guidelines(store, study.id, "Two", now=START + LEASE, after_version=1)
    assert second.version == 2
    for read in (1, 3):
        with pytest.raises(ConflictError, match="PL-COL-036"):
            add_guidelines(store, study.id, "Three", now=START, after_version=read)
    for again in (1, 2, None):
        assert add_guidelines(store, study.id, "Two", now=START, after_version=again) == second
    # Not from a version that the newest was not made from either, though the text is the newest's.
    with pytest.raises(ConflictError, match="PL-COL-036"):
        add_guidelines(store, study.id, "Two", now=START, after_version=3)
    assert newest_guidelines(store, study.id) == second
    assert list_guidelines(store, study.id) == [(2, START + LEASE), (1, START)]
    assert list_guidelines(store, study.id, limit=1) == [(2, START + LEASE)]


def test_guidelines_that_two_publish_at_once_are_one_version(store):
    study = make_study(store)

    def dawdle(*call):
        if call[2].startswith("SELECT guidelines"):
            time.sleep(0.05)  # between the look and what follows from it

    event.listen(store.engine, "after_cursor_execute", dawdle)
    acts = [lambda: add_guidelines(store, study.id, "Two", now=START) for _ in range(3)]
    assert {row.version for row in all_at_once(acts)} == {2}
    event.remove(store.engine, "after_cursor_execute", dawdle)
    assert [number for number, _ in list_guidelines(store, study.id)] == [2, 1]


# --- people ---


def test_people_have_pseudonyms_that_say_nothing(store):
    people = [add_person(store, role, now=START) for role in (Role.WORKER, Role.REVIEWER, Role.OWNER)]
    assert len({person.pseudonym for person in people}) == 3
    assert all(person.pseudonym not in person.id for person in people)
    assert list_people(store) == sorted(people, key=lambda person: person.id)
    assert list_people(store, after=list_people(store)[0].id, limit=1) == [list_people(store)[1]]
    assert find_person(store, people[1].pseudonym) == people[1]
    for nobody in ("nobody", "\ud800", "\x00", "ö"):
        with pytest.raises(NotFoundError):
            find_person(store, nobody)


def test_a_token_is_a_persons_until_it_is_over_or_revoked(store):
    person = add_person(store, now=START)
    end = START + timedelta(days=1)
    token, other = (issue_token(store, person.id, now=START, expires_at=end) for _ in range(2))
    assert token != other
    assert find_by_token(store, token, now=START) == person
    assert find_by_token(store, token, now=end) is None
    assert find_by_token(store, token + "x", now=START) is None
    assert find_by_token(store, "\ud800", now=START) is None
    assert revoke_tokens(store, person.id, now=START) == 2
    assert find_by_token(store, token, now=START) is None
    assert revoke_tokens(store, person.id, now=START) == 0


def test_a_token_is_not_stored(store):
    person = add_person(store, now=START)
    token = issue_token(store, person.id, now=START, expires_at=START + LEASE)
    rows = store.read(lambda connection: connection.execute(tokens.select()).all())
    assert token not in str(rows)
    assert len(rows) == 1


def test_blocking_is_told_and_lifted(store):
    person = add_person(store, now=START)
    token = issue_token(store, person.id, now=START, expires_at=START + LEASE)
    assert set_blocked(store, person.id, True, now=START).blocked_at == START
    assert set_blocked(store, person.id, True, now=START + LEASE).blocked_at == START
    assert find_by_token(store, token, now=START).blocked_at == START
    assert set_blocked(store, person.id, False, now=START).blocked_at is None
    kinds = [event.kind for event in read_events(store)]
    assert kinds.count("person_blocked") == kinds.count("person_unblocked") == 1


def test_consent_and_qualification_stand_apart(store):
    study, person = make_study(store), add_person(store, now=START)
    arguments = (store, study.id, person.id)
    assert read_participation(*arguments).qualification is Qualification.PENDING
    set_qualification(*arguments, Qualification.FAILED, now=START)
    consent = partial(record_consent, study_id=study.id, worker_id=person.id)
    store.write(partial(consent, now=START + LEASE))
    set_qualification(*arguments, Qualification.PASSED, now=START)
    found = read_participation(*arguments)
    assert (found.consented_at, found.qualification) == (START + LEASE, Qualification.PASSED)
    assert submitted_counts(*arguments) == {}
    set_blocked(store, person.id, True, now=START)
    with pytest.raises(NotAllowedError):
        store.write(partial(consent, now=START))


# --- items ---


def test_items_come_back_as_they_went_in(store):
    study, author = make_study(store), add_person(store, now=START)
    payload = {"z": HOSTILE, "a": [1, 2.5, None, True, {"nested": "\x00"}], "big": 2**70}
    new = NewItem(HOSTILE, payload, Purpose.GOLD, 7, 5, author.id, {"outcome": "second"})
    assert enter_items(store, study.id, [new], now=START).new == 1
    (item,) = read_items(store, study.id)
    assert [has_item(store, study.id, key) for key in (HOSTILE, "another")] == [True, False]
    assert item == read_item(store, item.id)
    assert list(item.payload) == ["z", "a", "big"]
    assert (item.payload, item.truth, item.author_id) == (payload, {"outcome": "second"}, author.id)
    assert (item.purpose, item.priority, item.overlap, item.open_slots) == (Purpose.GOLD, 7, 5, 5)


def test_the_same_item_is_entered_once_and_a_changed_one_is_told(store):
    study = make_study(store)
    enter_items(store, study.id, make_items(3), now=START)
    again = [*make_items(4), NewItem("item-0", {"number": "changed"})]
    entered = enter_items(store, study.id, again, now=START)
    assert (entered.new, entered.known, entered.differing) == (1, 4, ("item-0",))
    assert read_item(store, 1).payload == {"number": 0}
    assert len(read_items(store, study.id)) == 4
    assert enter_items(store, study.id, [], now=START).new == 0


def test_another_known_answer_or_overlap_is_told_too(store):
    """Otherwise a gold answer that was mended in the data would go on scoring people as it was, without a word."""
    study = make_study(store)

    def gold(key, truth, overlap=2):
        return NewItem(key, {"q": 1}, Purpose.GOLD, overlap=overlap, truth=truth)

    enter_items(store, study.id, [gold("a", {"is_safe": True}), gold("b", None), gold("c", None)], now=START)
    again = [gold("a", {"is_safe": False}), gold("b", None), gold("c", None, overlap=3)]
    assert enter_items(store, study.id, again, now=START).differing == ("a", "c")


def test_items_are_read_in_pages_by_purpose(store):
    study = make_study(store)
    items = [NewItem(f"{number}", {}, Purpose.GOLD if number % 2 else Purpose.WORK) for number in range(7)]
    enter_items(store, study.id, items, now=START)
    first = read_items(store, study.id, purpose=Purpose.GOLD, limit=2)
    rest = read_items(store, study.id, purpose=Purpose.GOLD, after=first[-1].id)
    assert [item.key for item in first + rest] == ["1", "3", "5"]


def test_many_items_are_entered_in_batches(store):
    study = make_study(store)
    entered = enter_items(store, study.id, make_items(12_001), now=START)
    assert (entered.new, entered.known) == (12_001, 0)
    assert count_queues(store, study.id)[Purpose.WORK].items == 12_001
    found = store.read(lambda connection: connection.exec_driver_sql("SELECT MIN(position), MAX(position) FROM items"))
    assert found is not None


@pytest.mark.parametrize(
    ("item", "code"),
    [
        (NewItem("key", {}, priority=10), "PL-COL-007"),
        (NewItem("key", {}, priority=-1), "PL-COL-007"),
        (NewItem("key", {}, overlap=0), "PL-COL-007"),
        (NewItem("key", {}, overlap=2**70), "PL-COL-009"),
        (NewItem("key", {}, author_id="nobody"), "PL-COL-007"),
        (NewItem("key\x00", {}), "PL-COL-009"),
        (NewItem("key", {"text": "\ud800"}), "PL-COL-009"),
        (NewItem("key", {"number": float("nan")}), "PL-COL-009"),
        (NewItem("key", {1, 2}), "PL-COL-009"),
    ],
)
def test_items_that_cannot_be_stored_are_refused_whole(store, item, code):
    study = make_study(store)
    with pytest.raises(StoreError, match=code):
        enter_items(store, study.id, [*make_items(2), item], now=START)
    assert read_items(store, study.id) == []


def test_the_counts_of_a_queue(store):
    desk = make_desk(store, make_items(2, overlap=2))
    desk.submit(desk.take(0))
    desk.submit(desk.take(1))
    desk.take(2)
    counts = count_queues(store, desk.study_id)[Purpose.WORK]
    assert (counts.items, counts.complete, counts.slots, counts.leased, counts.submitted) == (2, 1, 4, 1, 2)


# --- events ---


def test_the_log_tells_what_happened_in_order(store):
    desk = make_desk(store, make_items(1))
    desk.submit(desk.take())
    log_event(store, "source_failed", now=START, study_id=desk.study_id, payload={"code": "PL-REP-001"})
    events = read_events(store, limit=2)
    events += read_events(store, after=events[-1].seq)
    assert [event.seq for event in events] == sorted(event.seq for event in events)
    kinds = [event.kind for event in events if event.study_id == desk.study_id]
    expected = ["study_created", "guidelines_added", "items_entered", "leased", "submitted", "source_failed"]
    assert kinds == expected
    assert [event.kind for event in read_events(store, study_id=desk.study_id)] == expected
    assert events[-1].payload == {"code": "PL-REP-001"}
    assert events[-2].person_id == desk.workers[0]


def test_a_moment_without_a_zone_is_refused(store):
    with pytest.raises(StoreError, match="PL-COL-009"):
        add_person(store, now=datetime(2026, 11, 21))
    study = create_study(store, "zones", "pairs", "", "", now=START.astimezone())
    assert read_study(store, study.id).created_at == START
