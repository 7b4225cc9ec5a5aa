"""What must hold of judgements and of the replies they are about; each check goes through a table once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sqlalchemy import Connection, and_, func, or_, select

from plumbline.collect.store.events import EventKind
from plumbline.collect.store.faults import Fault
from plumbline.collect.store.rows import AssignmentState
from plumbline.collect.store.tables import IS_SHOWN, assignments, events, guidelines, judgements, replies

_NAMING = (EventKind.JUDGED.value, EventKind.SUBMITTED.value, EventKind.CORRECTED.value)


def _judgements(connection: Connection) -> Iterator[Fault]:
    first = judgements.c.corrects.is_(None)
    # As a difference of two sets: asked row by row, SQLite reads all judgements for each.
    submitted = select(assignments.c.id).where(assignments.c.state == AssignmentState.SUBMITTED.value)
    missing = submitted.except_(select(judgements.c.assignment_id).where(first))
    for assignment_id in connection.execute(missing).scalars():
        yield Fault("judgement_lost", f"assignment {assignment_id}", "submitted, without a judgement")
    doubled = select(judgements.c.assignment_id, judgements.c.part, func.count()).where(first)
    doubled = doubled.group_by(judgements.c.assignment_id, judgements.c.part).having(func.count() > 1)
    for assignment_id, part, count in connection.execute(doubled):
        yield Fault("judgement_doubled", f"assignment {assignment_id}", f"part {part} is judged {count} times")
    foreign = (
        select(judgements.c.id)
        .join(assignments, assignments.c.id == judgements.c.assignment_id)
        .where(
            or_(
                judgements.c.item_id != assignments.c.item_id,
                judgements.c.study_id != assignments.c.study_id,
                and_(first, judgements.c.worker_id != assignments.c.worker_id),
            )
        )
    )
    for judgement_id in connection.execute(foreign).scalars():
        yield Fault("judgement_foreign", f"judgement {judgement_id}", "of another item, study or person than its lease")


def _corrections(connection: Connection) -> Iterator[Fault]:
    """Corrections form lines: each takes the place of an earlier judgement of its assignment and part, and none of two."""
    old = judgements.alias("old")
    pairs = select(judgements.c.id, judgements.c.corrects).outerjoin(old, old.c.id == judgements.c.corrects)
    astray = or_(
        old.c.id.is_(None),
        old.c.id >= judgements.c.id,
        old.c.assignment_id != judgements.c.assignment_id,
        old.c.part != judgements.c.part,
    )
    for judgement_id, corrects in connection.execute(pairs.where(judgements.c.corrects.is_not(None), astray)):
        found = f"corrects {corrects}, which is no earlier judgement of its assignment and part"
        yield Fault("correction_wrong", f"judgement {judgement_id}", found)
    twice = select(judgements.c.corrects, func.count()).where(judgements.c.corrects.is_not(None))
    for judgement_id, count in connection.execute(twice.group_by(judgements.c.corrects).having(func.count() > 1)):
        yield Fault("correction_wrong", f"judgement {judgement_id}", f"corrected {count} times, each of them counts")


def _logged(connection: Connection) -> Iterator[Fault]:
    """What the log names stands there: also where the receipt is gone with the judgement."""
    stored = set(connection.execute(select(judgements.c.id)).scalars())
    query = select(events.c.seq, events.c.payload).where(events.c.kind.in_(_NAMING))
    for seq, payload in connection.execute(query):
        named = [payload.get("judgement"), *payload.get("judgements", ())]
        for judgement_id in named:
            if judgement_id is not None and judgement_id not in stored:
                yield Fault("judgement_lost", f"event {seq}", f"names judgement {judgement_id}, which is not there")


def _guidelines(connection: Connection) -> Iterator[Fault]:
    named = select(judgements.c.study_id, judgements.c.guidelines_version)
    for study_id, version in connection.execute(named.except_(select(guidelines.c.study_id, guidelines.c.version))):
        yield Fault("guidelines_missing", f"study {study_id}", f"judged under version {version}, which is not there")


def _shown(connection: Connection) -> Iterator[Fault]:
    turn = (replies.c.assignment_id, replies.c.turn)
    draws = func.count(replies.c.draw.distinct())
    query = select(*turn, draws).where(IS_SHOWN).group_by(*turn).having(draws > 1)
    for assignment_id, number, count in connection.execute(query):
        yield Fault(
            "draw_doubled", f"assignment {assignment_id}, turn {number}", f"replies of {count} draws were shown"
        )


JUDGEMENT_CHECKS: tuple[Callable[[Connection], Iterator[Fault]], ...] = (
    _judgements,
    _corrections,
    _logged,
    _guidelines,
    _shown,
)
"""Each gives what it finds, within the transaction at hand."""
