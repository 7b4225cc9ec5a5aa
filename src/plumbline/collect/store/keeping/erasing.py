"""Erasing a person: their words and what identifies them go, everywhere in the store, in one transaction.

What stays is a tombstone (the pseudonym, which was drawn and names nobody, and which released data carry) and the
study's figures: choices, ratings, labels, times. Afterwards the bytes go too, see ``remove_bytes``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Table, delete, func, insert, or_, select, text, update

from plumbline.collect.kinds.free_text import MADE_OF_WORDS, item_without_words, judgement_without_words
from plumbline.collect.store import row_maps
from plumbline.collect.store.database import Store
from plumbline.collect.store.events import EventKind, add_event
from plumbline.collect.store.failures import NotAllowedError, StoreUnavailableError, not_found
from plumbline.collect.store.keeping.erasing_identity import erase_identity
from plumbline.collect.store.leasing import log
from plumbline.collect.store.queue import give_slot_back, take_positions
from plumbline.collect.store.rows import AssignmentState, Event, Person, Purpose, Role
from plumbline.collect.store.tables import (
    IS_LEASED,
    accounts,
    arrivals,
    assignments,
    drafts,
    erasing,
    events,
    invitations,
    items,
    judgements,
    late,
    login_attempts,
    metadata,
    moods,
    never,
    outside_identities,
    people,
    preferences,
    replies,
    requests,
    studies,
    tokens,
    turns,
)

_BATCH = 500
AS_STORED_FORM = "judgements"
"""The form of an export that holds unfinished work too."""
ERASED_KEY = "erased"
"""Stands where a key was that the person's client had drawn."""


@dataclass(frozen=True, slots=True)
class ErasedRows:
    """How much was taken away.

    Attributes:
        turns, replies, judgements, late, drafts, requests, tokens: rows that were emptied or removed.
        identity: account, arrivals, logins elsewhere, preferences, moods: rows that were emptied or removed.
        items_withdrawn: items made of the person's words; nobody gets them any more.
        items_cleared: other items of theirs that held words.
        leases_ended: the person's own, and those of others on items that were withdrawn.
    """

    turns: int = 0
    replies: int = 0
    judgements: int = 0
    late: int = 0
    drafts: int = 0
    requests: int = 0
    tokens: int = 0
    identity: int = 0
    items_withdrawn: int = 0
    items_cleared: int = 0
    leases_ended: int = 0


def erase_person(store: Store, pseudonym: str, *, now: datetime) -> tuple[Person, ErasedRows | None]:
    """Erases a person; None where that was done before.

    Raises:
        NotFoundError: PL-COL-010, nobody has this pseudonym.
        NotAllowedError: PL-COL-033, they are the only owner.
    """

    def work(connection: Connection) -> tuple[Person, ErasedRows | None]:
        """Within one transaction: everything of the person."""
        hold_writers(connection)
        query = select(*row_maps.PERSON.columns).where(people.c.pseudonym == pseudonym)
        # What a terminal made of other bytes is nobody's pseudonym, and no database takes it.
        row = connection.execute(query).one_or_none() if pseudonym.isascii() and pseudonym.isprintable() else None
        if row is None:
            raise not_found("person", "of this pseudonym")
        person = row_maps.PERSON.of(row)
        if person.erased_at is not None:
            return person, None
        _refuse_only_owner(connection, person)
        with gate_open(connection):
            return person, erase_in(connection, person.id, now)

    return store.write(work)


def erase_in(connection: Connection, person_id: str, now: datetime) -> ErasedRows:
    """Erases within the transaction at hand, which holds up writers and has opened the gate."""
    theirs = select(assignments.c.id).where(assignments.c.worker_id == person_id)
    about = select(items.c.id).where(items.c.author_id == person_id)
    withdrawn = _withdraw(connection, person_id, now)
    counts = ErasedRows(
        leases_ended=_end_leases(connection, person_id, now),
        items_withdrawn=withdrawn,
        items_cleared=_clear_items(connection, person_id) - withdrawn,
        turns=_changed(connection, turns, {"human": ""}, turns.c.assignment_id.in_(theirs), turns.c.human != ""),
        replies=_clear_replies(connection, theirs),
        judgements=_clear_judgements(connection, person_id, about),
        late=_clear_late(connection, person_id, about),
        drafts=_removed(connection, drafts, drafts.c.assignment_id, theirs)
        + _removed(connection, drafts, drafts.c.assignment_id, _assignments_on(about)),
        requests=connection.execute(delete(requests).where(requests.c.worker_id == person_id)).rowcount,
        tokens=connection.execute(delete(tokens).where(tokens.c.person_id == person_id)).rowcount,
        identity=erase_identity(connection, person_id, now),
    )
    connection.execute(update(people).where(people.c.id == person_id).values(erased_at=now))
    told = {name: getattr(counts, name) for name in ErasedRows.__slots__}
    add_event(connection, EventKind.PERSON_ERASED, now, person_id=person_id, payload=told)
    return counts


def hold_writers(connection: Connection) -> None:
    """Nobody else writes until the transaction ends. SQLite's transactions do so; readers go on in both.

    On Postgres every table is locked, since whatever was written meanwhile into one that is not would be lost without a
    word by a restore. Those that writers lock first come first: most wait there, and hold nothing that we want. Where two
    hold each other up all the same, the database ends one of the transactions, which is then tried again. EXCLUSIVE, not
    ACCESS EXCLUSIVE: it lets readers be.
    """
    if connection.dialect.name == "postgresql":
        first, last = ("invitations", "people", "queues", "items", "assignments"), ("tokens", "events")
        others = sorted(metadata.tables.keys() - {*first, *last, never.name, erasing.name})
        names = ", ".join((*first, *others, *last))
        connection.execute(text(f"LOCK TABLE {names} IN EXCLUSIVE MODE"))


@contextmanager
def gate_open(connection: Connection) -> Iterator[None]:
    """The append-only tables take changes within this block; the row that opens them could not be committed."""
    connection.execute(insert(erasing), {"person_id": "-", "until_commit": 0})
    yield
    connection.execute(delete(erasing))


def remove_bytes(store: Store) -> bool:
    """Writes the database anew without what was removed or overwritten; False where others kept it from its end.

    What no program reads any more still stands in freed space, in the write-ahead log and in Postgres' statistics,
    which hold samples of the columns. Afterwards the database's own files hold none of it. Servers go on, and wait as
    long as it takes.
    """
    of_work = (items, assignments, turns, replies, judgements, late, drafts, requests)
    of_identity = (accounts, arrivals, invitations, outside_identities, preferences, moods, login_attempts)
    names = (*of_work, tokens, events, *of_identity)
    try:
        if not store.is_sqlite:
            store.run_alone(f"VACUUM (FULL, ANALYZE) {', '.join(table.name for table in names)}")
            return True
        store.run_alone("VACUUM")
        ((busy, _, _),) = store.run_alone("PRAGMA wal_checkpoint(TRUNCATE)")
    except StoreUnavailableError:
        return False
    return not busy


def exports_with_work_of(store: Store, person_id: str) -> list[tuple[str, Event]]:
    """What was exported of studies in which the person had finished work by then: the study's name, the event.

    Of what a form holds of some work alone (``purposes``), only where they had finished such work: labels that reviewers
    give, say, hold nothing of the workers who ranked.

    Of what was exported as it is stored (`AS_STORED_FORM`) also where they had begun any: it holds unfinished work too.

    Also what was exported of work that a restore removed since: whose it was is not known any more.
    """

    def work(connection: Connection) -> list[tuple[str, Event]]:
        """Within one snapshot: each export, compared with the first thing that the person finished in its study."""
        study_and_purpose = (assignments.c.study_id, assignments.c.purpose)
        ended = select(*study_and_purpose, func.min(assignments.c.ended_at)).where(
            assignments.c.worker_id == person_id, assignments.c.state == AssignmentState.SUBMITTED.value
        )
        ended = ended.group_by(*study_and_purpose)
        first = {(study_id, purpose): moment for study_id, purpose, moment in connection.execute(ended)}
        begun = _first_moments(connection, person_id)
        query = select(*row_maps.EVENT.columns, studies.c.name).join(studies, studies.c.id == events.c.study_id)
        query = query.where(events.c.kind == EventKind.EXPORTED.value).order_by(events.c.seq)
        found = []
        rows: Any = connection.execute(query)
        for row in rows:
            event = row_maps.EVENT.of(row)
            is_as_stored = event.payload.get("form") == AS_STORED_FORM
            moment = begun.get(event.study_id) if is_as_stored else _first_held(event, first)
            is_of_theirs = moment is not None and moment <= _as_of(event)
            if is_of_theirs or event.payload.get("before_restore"):
                found.append((str(row.name), event))
        return found

    return store.read(work)


def _first_held(event: Event, first: Mapping[tuple[int, str], datetime]) -> datetime | None:
    """When the person first finished work such as an export holds; of exports logged without ``purposes``, any work.

    Args:
        first: by study and purpose.
    """
    held = event.payload.get("purposes")
    return min(
        (
            moment
            for (study_id, purpose), moment in first.items()
            if study_id == event.study_id and (held is None or purpose in held)
        ),
        default=None,
    )


def _first_moments(connection: Connection, person_id: str) -> dict[int | None, datetime]:
    """By study, when the person first said or judged anything, whatever became of it."""
    said = select(assignments.c.study_id, func.min(turns.c.created_at)).join(
        turns, turns.c.assignment_id == assignments.c.id
    )
    said = said.where(assignments.c.worker_id == person_id).group_by(assignments.c.study_id)
    judged = select(judgements.c.study_id, func.min(judgements.c.created_at))
    judged = judged.where(judgements.c.worker_id == person_id).group_by(judgements.c.study_id)
    found: dict[int | None, datetime] = {}
    for study_id, moment in (*connection.execute(said), *connection.execute(judged)):
        found[study_id] = min(moment, found.get(study_id, moment))
    return found


def _as_of(event: Event) -> datetime:
    try:
        moment = datetime.fromisoformat(event.payload["as_of"])
    except (KeyError, TypeError, ValueError):
        return event.at
    return event.at if moment.tzinfo is None else moment


def _refuse_only_owner(connection: Connection, person: Person) -> None:
    if person.role is not Role.OWNER:
        return
    others = select(func.count()).where(people.c.role == Role.OWNER.value, people.c.id != person.id)
    others = others.where(people.c.erased_at.is_(None), people.c.blocked_at.is_(None))
    if connection.execute(others).scalar_one() == 0:
        raise NotAllowedError(
            "PL-COL-033",
            f"person {person.pseudonym}",
            "they are the only owner of the store",
            expected="another owner, who is not blocked",
            advice="add one: plumbline collect token STUDY --role owner",
        )


def _withdraw(connection: Connection, person_id: str, now: datetime) -> int:
    """Closes items made of the person's words; leases of others on them end."""
    of_words = (items.c.author_id == person_id, items.c.purpose.in_([purpose.value for purpose in MADE_OF_WORDS]))
    taken_back = [*of_words, items.c.withdrawn_at.is_(None)]
    return connection.execute(update(items).where(*taken_back).values(withdrawn_at=now, open_slots=0)).rowcount


def _end_leases(connection: Connection, person_id: str, now: datetime) -> int:
    """The person's own leases, whose items go back to the queue, and those on items that are withdrawn."""
    withdrawn = select(items.c.id).where(items.c.author_id == person_id, items.c.withdrawn_at.is_not(None))
    query = select(*row_maps.ASSIGNMENT.columns).where(
        IS_LEASED, or_(assignments.c.worker_id == person_id, assignments.c.item_id.in_(withdrawn))
    )
    is_withdrawn = select(items.c.withdrawn_at).where(items.c.withdrawn_at.is_not(None))
    held = [row_maps.ASSIGNMENT.of(row) for row in connection.execute(query.order_by(assignments.c.item_id))]
    for assignment in held:
        if connection.execute(is_withdrawn.where(items.c.id == assignment.item_id)).one_or_none() is None:
            give_slot_back(connection, assignment.item_id, take_positions(connection, assignment.study_id, 1))
        ended = {"state": AssignmentState.RELEASED.value, "ended_at": now, "excused": 1}
        connection.execute(update(assignments).where(assignments.c.id == assignment.id).values(**ended))
        log(connection, EventKind.RELEASED, assignment, now, erased=True)
    return len(held)


def _clear_items(connection: Connection, person_id: str) -> int:
    query = select(items.c.id, items.c.purpose, items.c.payload).where(items.c.author_id == person_id)
    for row in connection.execute(query).all():
        purpose = Purpose(row.purpose)
        values: dict[str, Any] = {"payload": item_without_words(purpose, row.payload), "truth": None}
        if purpose in MADE_OF_WORDS:
            values["key"] = f"{ERASED_KEY}-{row.id}"
        connection.execute(update(items).where(items.c.id == row.id).values(**values))
    return connection.execute(select(func.count()).where(items.c.author_id == person_id)).scalar_one()


def _clear_replies(connection: Connection, theirs: Any) -> int:
    """Replies quote what they answer; what was drawn and not shown stands beside them."""
    count = 0
    for row in _pages(connection, replies.c.id, [replies.c.parameters], replies.c.assignment_id.in_(theirs)):
        left = {name: value for name, value in row.parameters.items() if name != "others"}
        connection.execute(update(replies).where(replies.c.id == row.id).values(text="", parameters=left))
        count += 1
    return count


def _clear_judgements(connection: Connection, person_id: str, about: Any) -> int:
    """The person's words, and what others wrote about theirs."""
    where = or_(judgements.c.worker_id == person_id, judgements.c.item_id.in_(about))
    columns = [judgements.c.worker_id, judgements.c.kind, judgements.c.payload]
    count = 0
    for row in _pages(connection, judgements.c.id, columns, where):
        left = judgement_without_words(row.kind, row.payload)
        values: dict[str, Any] = {"payload": left} if left != row.payload else {}
        count += bool(values)
        if row.worker_id == person_id:
            values["idempotency_key"] = ERASED_KEY
        if values:
            connection.execute(update(judgements).where(judgements.c.id == row.id).values(**values))
    return count


def _clear_late(connection: Connection, person_id: str, about: Any) -> int:
    """All of the person's, which nothing counts; of others' on items of theirs, the words."""
    where = or_(late.c.worker_id == person_id, late.c.assignment_id.in_(_assignments_on(about)))
    count = 0
    for row in _pages(connection, late.c.id, [late.c.worker_id, late.c.payload], where):
        own = row.worker_id == person_id
        told = [] if own else [_cleared(each) for each in row.payload.get("judgements", [])]
        values: dict[str, Any] = {"payload": {**row.payload, "judgements": told}}
        if own:
            values["idempotency_key"] = ERASED_KEY
        connection.execute(update(late).where(late.c.id == row.id).values(**values))
        count += 1
    return count


def _cleared(judgement: dict[str, Any]) -> dict[str, Any]:
    return {**judgement, "payload": judgement_without_words(judgement["kind"], judgement["payload"])}


def _assignments_on(about: Any) -> Any:
    return select(assignments.c.id).where(assignments.c.item_id.in_(about))


def _pages(connection: Connection, key: Column[Any], columns: list[Column[Any]], where: Any) -> Iterator[Any]:
    """Rows by ascending number, a page at a time: texts of a lifetime need not fit into memory."""
    after = 0
    query = select(key, *columns).where(where).order_by(key).limit(_BATCH)
    while rows := connection.execute(query.where(key > after)).all():
        yield from rows
        after = rows[-1][0]


def _changed(connection: Connection, table: Table, values: dict[str, Any], *where: Any) -> int:
    return connection.execute(update(table).where(*where).values(**values)).rowcount


def _removed(connection: Connection, table: Table, column: Column[Any], those: Any) -> int:
    return connection.execute(delete(table).where(column.in_(those))).rowcount
