"""Many at once, over connections that drop: the overlap is exact at the end. Nothing here depends on timing."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial

import pytest
from sqlalchemy import text

from plumbline.collect.store import leasing, splits, submission
from plumbline.collect.store.checking import check_store
from plumbline.collect.store.failures import ConflictError
from plumbline.collect.store.items import enter_items, is_withdrawn
from plumbline.collect.store.judgements import judgements_of_item
from plumbline.collect.store.leasing import LeaseTerms, expire_leases, take
from plumbline.collect.store.migrating import open_store
from plumbline.collect.store.people import add_person
from plumbline.collect.store.rows import NewItem, Outcome, Purpose
from plumbline.collect.store.splits import bring_split_up
from plumbline.collect.store.submission import submit
from tests.collect.store.dropping import all_at_once, drops, work_until_done
from tests.collect.store.made_up import LEASE, START, make_desk, make_items, make_study

THREADS = 8
ITEMS = 80
OVERLAP = 3


def _hammer(store, *, items=ITEMS, share=0.0):
    desk = make_desk(store, make_items(items, overlap=OVERLAP), workers=THREADS)
    acts = [
        lambda worker=worker, seed=seed: work_until_done(store, desk.study_id, worker, seed=seed)
        for seed, worker in enumerate(desk.workers)
    ]
    with drops(store, seed=11, share=share) as counter:
        answers = all_at_once(acts)
    return desk, [answer for part in answers for answer in part], counter["drops"]


def test_overlap_is_exact_whatever_drops(store):
    _, acknowledged, dropped = _hammer(store, share=0.01)
    assert dropped > 20
    assert len(acknowledged) == ITEMS * OVERLAP
    assert check_store(store, complete=True, acknowledged=acknowledged) == []


def test_a_planted_fault_is_found(store_to_spoil, monkeypatch):
    """Without the constraint on slots, and with a chooser of slots that does not look, the checker has to see it."""
    store_to_spoil.write(lambda connection: connection.execute(text("DROP INDEX assignments_slot")))
    monkeypatch.setattr(leasing, "_free_slot", lambda *_: 0)
    _hammer(store_to_spoil, items=12)
    kinds = {fault.kind for fault in check_store(store_to_spoil, complete=True)}
    assert kinds == {"slot_doubled"}


def test_with_the_constraint_the_same_fault_stores_nothing(store, monkeypatch):
    monkeypatch.setattr(leasing, "_free_slot", lambda *_: 0)
    desk = make_desk(store, make_items(1, overlap=2))
    desk.take(0)
    with pytest.raises(Exception, match="PL-COL-007"):
        desk.take(1)
    assert check_store(store) == []


def test_one_worker_asking_many_times_at_once_gets_one_item(store):
    desk = make_desk(store, make_items(20))
    terms = LeaseTerms(START + LEASE)
    act = partial(take, store, desk.study_id, desk.workers[0], terms, now=START)
    found = all_at_once([act] * THREADS)
    assert len({taken.assignment.id for taken in found}) == 1
    assert sum(not taken.resumed for taken in found) == 1
    assert check_store(store) == []


def test_one_submission_sent_many_times_at_once_counts_once(store):
    desk = make_desk(store, make_items(1))
    submission = desk.submission(desk.take())
    receipts = all_at_once([lambda: submit(store, submission, now=START)] * THREADS)
    assert len({receipt.judgement_ids for receipt in receipts}) == 1
    assert sum(not receipt.repeated for receipt in receipts) == 1
    assert check_store(store, complete=True) == []


def test_the_last_item_is_waited_for_and_given_to_exactly_its_overlap(store):
    desk = make_desk(store, make_items(1, overlap=THREADS - 1), workers=THREADS)
    terms = LeaseTerms(START + LEASE)
    acts = [lambda worker=worker: take(store, desk.study_id, worker, terms, now=START) for worker in desk.workers]
    found = all_at_once(acts)
    assert sum(taken is None for taken in found) == 1
    assert sorted(taken.assignment.slot for taken in found if taken) == list(range(THREADS - 1))


@pytest.fixture
def postgres_store(make_address):
    opened = open_store(make_address("postgres"))
    yield opened
    opened.close()


@contextmanager
def held(store, statement):
    """Another session that holds the locks of a statement until the block ends."""
    with store.engine.connect() as connection, connection.begin() as transaction:
        connection.execute(text(statement))
        yield
        transaction.rollback()


def wait_for_a_waiter(store):
    """Returns when some session waits for a lock."""
    waiting = text(
        "SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    for _ in range(2000):
        if store.read(lambda connection: connection.execute(waiting).scalar_one()):
            return
        time.sleep(0.01)
    raise AssertionError("nobody waits")


def test_an_item_that_another_session_holds_is_passed_over_and_not_forgotten(postgres_store):
    desk = make_desk(postgres_store, make_items(2, overlap=2))
    with held(postgres_store, "SELECT id FROM items WHERE key = 'item-0' FOR NO KEY UPDATE"):
        taken = desk.take(0)
        assert taken.item.key == "item-1"
    desk.submit(taken)
    assert desk.take(0).item.key == "item-0"
    assert check_store(postgres_store) == []


def test_where_only_held_items_are_left_it_waits_for_one(postgres_store):
    desk = make_desk(postgres_store, make_items(1))
    with ThreadPoolExecutor(1) as pool:
        with held(postgres_store, "SELECT id FROM items FOR NO KEY UPDATE"):
            found = pool.submit(desk.take, 0)
            wait_for_a_waiter(postgres_store)
        assert found.result().item.key == "item-0"


def test_ending_leases_is_left_to_whoever_is_at_it(postgres_store):
    desk = make_desk(postgres_store, make_items(2))
    desk.take(0)
    desk.wait(hours=1)
    with held(postgres_store, "SELECT study_id FROM queues FOR NO KEY UPDATE"):
        assert expire_leases(postgres_store, desk.study_id, now=desk.now) == 0
        assert desk.take(1).item.key == "item-1"
    assert desk.take(2).item.key == "item-0"


def test_who_would_be_told_that_nothing_is_left_waits_for_whoever_ends_the_leases(postgres_store):
    desk = make_desk(postgres_store, make_items(1))
    desk.take(0)
    desk.wait(hours=1)
    with ThreadPoolExecutor(1) as pool:
        with held(postgres_store, "SELECT study_id FROM queues FOR NO KEY UPDATE"):
            found = pool.submit(desk.take, 1)
            wait_for_a_waiter(postgres_store)
        assert found.result().item.key == "item-0"
    assert check_store(postgres_store) == []


def test_who_would_be_told_that_nothing_is_left_waits_for_a_lapsed_lease_in_use(postgres_store):
    """It is being submitted, say, or is not: only then is it known."""
    desk = make_desk(postgres_store, make_items(1))
    desk.take(0)
    desk.wait(hours=1)
    with ThreadPoolExecutor(1) as pool:
        with held(postgres_store, "SELECT id FROM assignments FOR NO KEY UPDATE"):
            found = pool.submit(desk.take, 1)
            wait_for_a_waiter(postgres_store)
        assert found.result().item.key == "item-0"


@pytest.fixture
def split(postgres_store):
    """A split, in somebody's hands."""
    desk = make_desk(postgres_store, [], workers=1)
    enter_items(postgres_store, desk.study_id, [NewItem("split", {"labels": [1]}, Purpose.ADJUDICATION)], now=START)
    return desk, desk.take(purpose=Purpose.ADJUDICATION)


def settle(desk):
    return bring_split_up(desk.store, desk.study_id, "split", None, now=desk.now)


def test_a_ruling_that_is_being_written_stands_though_its_split_is_settled_at_that_moment(split, monkeypatch):
    desk, taken = split
    keep, settling = submission._keep_receipt, []
    with ThreadPoolExecutor(1) as pool:

        def held_open(*about):
            keep(*about)
            settling.append(pool.submit(settle, desk))
            wait_for_a_waiter(desk.store)

        monkeypatch.setattr(submission, "_keep_receipt", held_open)
        receipt = desk.submit(taken)
        assert settling[0].result() is False
    assert not is_withdrawn(desk.store, taken.item.id)
    assert [each.id for each in judgements_of_item(desk.store, taken.item.id)] == list(receipt.judgement_ids)
    assert check_store(desk.store) == []


def test_a_ruling_that_comes_while_its_split_is_being_settled_is_refused(split, monkeypatch):
    desk, taken = split
    add, ruling = splits.add_event, []
    with ThreadPoolExecutor(1) as pool:

        def held_open(*about, **more):
            ruling.append(pool.submit(desk.submit, taken))
            wait_for_a_waiter(desk.store)
            return add(*about, **more)

        monkeypatch.setattr(splits, "add_event", held_open)
        assert settle(desk) is True
        with pytest.raises(ConflictError, match="PL-COL-029"):
            ruling[0].result()
    assert judgements_of_item(desk.store, taken.item.id) == []
    assert check_store(desk.store) == []


def test_a_file_that_is_opened_twice_in_a_process_keeps_its_locks(make_address):
    """Without them another process that closes the file believes it is the last, and removes what is written after."""
    place = make_address("sqlite")
    count = (
        f"import sqlite3; c = sqlite3.connect({place!r}); print(*c.execute('SELECT count(*) FROM people').fetchone())"
    )
    with closing(open_store(place)) as store:
        open_store(place).close()
        found = []
        for _ in range(2):
            add_person(store, now=START)
            other = subprocess.run([sys.executable, "-c", f"{count}; c.close()"], capture_output=True, text=True)
            found.append(int(other.stdout))
    assert found == [1, 2]


def test_positions_become_visible_in_their_own_order(postgres_store):
    """An entry that began first and is not committed yet holds up the next: no cursor can pass what it cannot see."""
    desk = make_desk(postgres_store, [])
    with ThreadPoolExecutor(1) as pool:
        with held(postgres_store, "UPDATE queues SET next_position = next_position + 1"):
            entry = pool.submit(enter_items, postgres_store, desk.study_id, make_items(1), now=START)
            wait_for_a_waiter(postgres_store)
            assert desk.take(0) is None
        assert entry.result().new == 1
    assert desk.take(0) is not None


def test_endings_entries_takes_and_late_submissions_at_once(store):
    desk = make_desk(store, make_items(10, overlap=2), workers=THREADS)
    lost = [desk.take(worker) for worker in range(4)]
    later = START + 2 * LEASE
    extra = make_items(20)[10:]

    def late(taken):
        return submit(store, desk.submission(taken, f"late-{taken.assignment.id}"), now=later)

    def fresh(worker):
        return take(store, desk.study_id, worker, LeaseTerms(later + LEASE), now=later)

    acts = [lambda taken=taken: late(taken) for taken in lost]
    acts += [lambda worker=worker: fresh(worker) for worker in desk.workers[4:]]
    acts += [lambda: expire_leases(store, desk.study_id, now=later)] * 2
    acts += [lambda: enter_items(store, desk.study_id, extra, now=later)]
    receipts = all_at_once(acts)[:4]
    assert all(receipt.outcome in (Outcome.ACCEPTED, Outcome.LATE) for receipt in receipts)
    assert check_store(store) == []


def test_two_entering_the_same_items_at_once_enter_each_once(store):
    study = make_study(store)
    add_person(store, now=START)
    found = all_at_once([lambda: enter_items(store, study.id, make_items(300), now=START)] * 3)
    assert sum(entered.new for entered in found) == 300
    assert sum(entered.known for entered in found) == 600
