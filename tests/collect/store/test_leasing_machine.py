"""Leases, submissions, expiries and crashes in any order, against a model in plain Python.

After every step: what the store says is what the model says, overlap is never exceeded, nobody has an item twice or
their own, no judgement is lost or doubled, and ``check_store`` finds nothing.
"""

import hashlib
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from plumbline.collect.store.checking import check_store
from plumbline.collect.store.database import Store
from plumbline.collect.store.failures import ConflictError, LeaseLostError
from plumbline.collect.store.items import enter_items, read_items
from plumbline.collect.store.judgements import read_judgements
from plumbline.collect.store.leasing import LeaseTerms, expire_leases, extend, release, take
from plumbline.collect.store.migrating import open_store
from plumbline.collect.store.people import add_person
from plumbline.collect.store.rows import NewItem, Purpose, Submission
from plumbline.collect.store.submission import list_late, submit
from plumbline.collect.store.tables import assignments
from tests.collect.store.made_up import START, a_judgement, make_study

WORKERS = 4
LEASE_MINUTES = 10
worker_numbers = st.integers(0, WORKERS - 1)


class Crash(Exception):
    """The process died before its transaction was committed."""


class CrashingStore(Store):
    """A store whose next transaction is lost just before it would be committed, where that is asked for."""

    def write(self, work):
        if not self.__dict__.pop("dies", False):
            return super().write(work)

        def dying(connection):
            work(connection)
            raise Crash

        return super().write(dying)


@dataclass
class ModelItem:
    key: str
    overlap: int
    priority: int
    author: int | None
    returned: bool = False
    position: int = 0
    holders: set[int] = field(default_factory=set)

    @property
    def order(self):
        return (-self.priority, -self.returned, self.position)


@dataclass
class ModelLease:
    item: ModelItem
    worker: int
    id: int
    expires_at: object
    state: str = "leased"
    fence: int = 1
    parts: int = 0


class AssignmentMachine(RuleBasedStateMachine):
    """The store beside its model; `make_address` gives an empty store's place."""

    make_address = None

    @initialize(
        items=st.lists(
            st.tuples(st.integers(1, 3), st.integers(0, 1), st.none() | worker_numbers), min_size=3, max_size=6
        )
    )
    def start(self, items):
        opened = open_store(self.make_address())
        self.store = CrashingStore(opened.engine, opened.writing)
        self.now = START
        self.study = make_study(self.store).id
        self.people = [add_person(self.store, now=START).id for _ in range(WORKERS)]
        self.items, self.leases, self.requests = [], {}, {}
        self.position = self.judged = self.late = 0
        self.enter(items)

    def teardown(self):
        if hasattr(self, "store"):
            self.store.close()

    def enter(self, items):
        first = len(self.items)
        new = [
            NewItem(
                f"item-{first + number}",
                {},
                overlap=overlap,
                priority=priority,
                author_id=None if author is None else self.people[author],
            )
            for number, (overlap, priority, author) in enumerate(items)
        ]
        enter_items(self.store, self.study, new + new[:1], now=self.now)  # one twice: it is known by then
        for number, (overlap, priority, author) in enumerate(items):
            self.items.append(ModelItem(f"item-{first + number}", overlap, priority, author, position=self.next()))

    def next(self):
        self.position += 1
        return self.position

    # --- the model ---

    def in_hand(self, worker):
        held = [lease for lease in self.leases.values() if lease.worker == worker and lease.state == "leased"]
        assert len(held) <= 1
        return held[0] if held else None

    def next_item(self, worker):
        def may_have(item):
            lease = self.leases.get((item.key, worker))
            new = lease is None or lease.state == "expired"
            return new and item.author != worker and len(item.holders) < item.overlap

        return min(filter(may_have, self.items), key=lambda item: item.order, default=None)

    def give_back(self, lease, state):
        lease.item.holders.remove(lease.worker)
        lease.item.returned, lease.item.position = True, self.next()
        lease.state = state

    def expire_all(self, but_of=None):
        lapsed = [
            lease
            for lease in self.leases.values()
            if lease.state == "leased" and lease.expires_at <= self.now and lease.worker != but_of
        ]
        number = {item.key: index for index, item in enumerate(self.items)}
        # Leases of one item may be ended in any order: the item is at the end of its lane either way.
        for lease in sorted(lapsed, key=lambda lease: number[lease.item.key]):
            self.give_back(lease, "expired")

    def may_reclaim(self, lease, finished):
        if len(lease.item.holders) >= lease.item.overlap:
            return False
        return finished or self.in_hand(lease.worker) is None

    # --- what may happen ---

    @rule(items=st.lists(st.tuples(st.integers(1, 2), st.integers(0, 2), st.none()), min_size=1, max_size=2))
    def enter_more(self, items):
        if len(self.items) < 12:
            self.enter(items)

    @rule(minutes=st.sampled_from([1, 4, 10, 25]))
    def time_passes(self, minutes):
        self.now += timedelta(minutes=minutes)

    @rule(worker=worker_numbers, dies=st.booleans())
    def take(self, worker, dies):
        terms = LeaseTerms(self.now + timedelta(minutes=LEASE_MINUTES))
        self.expire_all(but_of=worker)
        expire_leases(self.store, self.study, now=self.now, but_of=self.people[worker])
        if dies:
            self.store.__dict__["dies"] = True
            with suppress(Crash):
                take(self.store, self.study, self.people[worker], terms, now=self.now)
        taken = take(self.store, self.study, self.people[worker], terms, now=self.now)
        held = self.in_hand(worker)
        if held is not None:
            assert taken.resumed
            assert (taken.assignment.id, taken.assignment.fence) == (held.id, held.fence)
            if held.expires_at <= self.now:
                held.expires_at = terms.expires_at
            return
        expected = self.next_item(worker)
        assert (taken.item.key if taken else None) == (expected.key if expected else None)
        if taken is None:
            return
        assert not taken.resumed
        expected.holders.add(worker)
        lease = self.leases.get((expected.key, worker))
        if lease is None:
            self.leases[expected.key, worker] = ModelLease(expected, worker, taken.assignment.id, terms.expires_at)
        else:
            lease.state, lease.expires_at, lease.fence = "leased", terms.expires_at, lease.fence + 1
        assert taken.assignment.fence == self.leases[expected.key, worker].fence

    @rule(workers=st.permutations(range(WORKERS)))
    def everybody_takes(self, workers):
        for worker in workers:
            self.take(worker, False)

    @precondition(lambda self: self.leases)
    @rule(data=st.data())
    def one_gives_back_and_all_take(self, data):
        held = [lease for lease in self.leases.values() if lease.state == "leased"]
        if held:
            lease = data.draw(st.sampled_from(sorted(held, key=lambda lease: lease.id)))
            release(self.store, lease.id, self.people[lease.worker], lease.fence, now=self.now)
            self.give_back(lease, "released")
        for worker in data.draw(st.permutations(range(WORKERS))):
            self.take(worker, False)

    @rule()
    def leases_end(self):
        self.expire_all()
        while expire_leases(self.store, self.study, now=self.now):
            pass

    @precondition(lambda self: self.leases)
    @rule(data=st.data(), finished=st.booleans(), old_fence=st.integers(0, 2), dies=st.booleans())
    def submit(self, data, finished, old_fence, dies):
        lease = data.draw(st.sampled_from(sorted(self.leases.values(), key=lambda lease: lease.id)))
        fence = lease.fence - (old_fence == 0)
        submission = Submission(
            lease.id,
            self.people[lease.worker],
            fence,
            f"key-{len(self.requests)}",
            hashlib.sha256(b"body").hexdigest(),
            (a_judgement(f"part-{lease.parts}"),),
            finished=finished,
        )
        if dies:
            self.store.__dict__["dies"] = True
            with suppress(Crash, ConflictError):
                submit(self.store, submission, now=self.now)
        outcome = self.expected_outcome(lease, fence, finished)
        if outcome == "refused":
            with pytest.raises(ConflictError, match="PL-COL-020"):
                submit(self.store, submission, now=self.now)
            return
        receipt = submit(self.store, submission, now=self.now)
        assert (receipt.outcome, receipt.repeated) == (outcome, False)
        self.requests[submission.idempotency_key] = (submission, receipt)
        self.check_repeated(submission, receipt)
        if outcome == "late":
            self.late += 1
            return
        self.judged += 1
        lease.parts += 1
        lease.item.holders.add(lease.worker)
        lease.state = "submitted" if finished else "leased"

    def expected_outcome(self, lease, fence, finished):
        if lease.state == "submitted":
            return "refused"
        if fence != lease.fence:
            return "late"
        given_back = lease.state == "released" and not finished  # a part takes nothing in hand again
        if lease.state == "leased" or (not given_back and self.may_reclaim(lease, finished)):
            return "accepted"
        return "late"

    @precondition(lambda self: self.requests)
    @rule(data=st.data())
    def repeat(self, data):
        self.check_repeated(*self.requests[data.draw(st.sampled_from(sorted(self.requests)))])

    def check_repeated(self, submission, receipt):
        again = submit(self.store, submission, now=self.now)
        assert again.repeated
        assert (again.outcome, again.judgement_ids) == (receipt.outcome, receipt.judgement_ids)
        other = replace(submission, body_sha256=hashlib.sha256(b"changed").hexdigest())
        with pytest.raises(ConflictError, match="PL-COL-023"):
            submit(self.store, other, now=self.now)

    @precondition(lambda self: self.leases)
    @rule(data=st.data())
    def release(self, data):
        lease = data.draw(st.sampled_from(sorted(self.leases.values(), key=lambda lease: lease.id)))
        arguments = (self.store, lease.id, self.people[lease.worker], lease.fence)
        if lease.state == "submitted":
            with pytest.raises(ConflictError, match="PL-COL-020"):
                release(*arguments, now=self.now)
            return
        release(*arguments, now=self.now)
        if lease.state == "leased":
            self.give_back(lease, "released")
        lease.state = "released"

    @precondition(lambda self: self.leases)
    @rule(data=st.data())
    def extend(self, data):
        lease = data.draw(st.sampled_from(sorted(self.leases.values(), key=lambda lease: lease.id)))
        arguments = (self.store, lease.id, self.people[lease.worker], lease.fence)
        until = self.now + timedelta(minutes=LEASE_MINUTES)
        if lease.state == "submitted":
            with pytest.raises(ConflictError, match="PL-COL-020"):
                extend(*arguments, now=self.now, expires_at=until)
        elif lease.state == "released" or (lease.state != "leased" and not self.may_reclaim(lease, finished=False)):
            with pytest.raises(LeaseLostError, match="PL-COL-021"):
                extend(*arguments, now=self.now, expires_at=until)
        else:
            extend(*arguments, now=self.now, expires_at=until)
            lease.expires_at = max(until, lease.expires_at) if lease.state == "leased" else until
            lease.state = "leased"
            lease.item.holders.add(lease.worker)

    # --- what must hold ---

    @invariant()
    def store_and_model_agree(self):
        if not hasattr(self, "store"):
            return
        assert check_store(self.store) == []
        stored = read_items(self.store, self.study, purpose=Purpose.WORK)
        assert [(item.key, item.open_slots) for item in stored] == [
            (item.key, item.overlap - len(item.holders)) for item in self.items
        ]
        every = select(assignments.c.id, assignments.c.state, assignments.c.fence)
        states = {row.id: (row.state, row.fence) for row in self.store.rows(every)}
        assert states == {lease.id: (lease.state, lease.fence) for lease in self.leases.values()}
        assert len(read_judgements(self.store, self.study, counted=False)) == self.judged
        assert len(list_late(self.store, self.study)) == self.late


def _run(make_address, database, examples, steps):
    machine = type("Machine", (AssignmentMachine,), {"make_address": staticmethod(lambda: make_address(database))})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_assignment_on_sqlite(make_address):
    _run(make_address, "sqlite", examples=12, steps=20)


def test_assignment_on_postgres(make_address):
    _run(make_address, "postgres", examples=3, steps=15)
