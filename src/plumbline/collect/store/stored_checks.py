"""What must hold of what stands beside something it follows from: digests, positions, states."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sqlalchemy import Connection, and_, func, or_, select

from plumbline.collect.store.faults import Fault
from plumbline.collect.store.rows import AssignmentState
from plumbline.collect.store.studies import text_digest
from plumbline.collect.store.tables import (
    accounts,
    arrivals,
    assignments,
    guidelines,
    items,
    moods,
    outside_identities,
    people,
    preferences,
    queues,
    studies,
    tokens,
)


def _digests(connection: Connection) -> Iterator[Fault]:
    """Judgements name guidelines by version; were the text another now, it would say what nobody was shown."""
    of_studies = select(studies.c.id, studies.c.file, studies.c.digest)
    for study_id, file, digest in connection.execute(of_studies):
        if text_digest(file) != digest:
            yield Fault("digest_wrong", f"study {study_id}", "its file is not the one that was entered")
    of_guidelines = select(guidelines.c.study_id, guidelines.c.version, guidelines.c.text, guidelines.c.sha256)
    for study_id, version, text, digest in connection.execute(of_guidelines):
        if text_digest(text) != digest:
            place = f"study {study_id}, guidelines {version}"
            yield Fault("digest_wrong", place, "their text is not the one that was entered")


def _positions(connection: Connection) -> Iterator[Fault]:
    """An item entered at a position that was given out before may stand behind cursors, and nobody would get it."""
    last = func.max(items.c.position)
    query = select(queues.c.study_id, queues.c.next_position, last).join(items, items.c.study_id == queues.c.study_id)
    query = query.group_by(queues.c.study_id, queues.c.next_position).having(last >= queues.c.next_position)
    for study_id, following, found in connection.execute(query):
        yield Fault("queue_behind", f"study {study_id}", f"the next position is {following}, and {found} is given out")


def _states(connection: Connection) -> Iterator[Fault]:
    submitted = assignments.c.state == AssignmentState.SUBMITTED.value
    wrong = or_(
        assignments.c.state.not_in([state.value for state in AssignmentState]),
        and_(submitted, assignments.c.ended_at.is_(None)),
    )
    for assignment_id in connection.execute(select(assignments.c.id).where(wrong)).scalars():
        yield Fault("state_wrong", f"assignment {assignment_id}", "of no state there is, or submitted at no moment")


def _erased(connection: Connection) -> Iterator[Fault]:
    """Of who was erased nothing stays by which somebody could come in as them, or that says who they are elsewhere."""
    for table in (accounts, arrivals, outside_identities, preferences, moods, tokens):
        query = select(table.c.person_id).join(people, people.c.id == table.c.person_id)
        for person_id in connection.execute(query.where(people.c.erased_at.is_not(None)).distinct()).scalars():
            yield Fault("erased_kept", f"person {person_id}", f"they were erased, and the table {table.name} has them")


STORED_CHECKS: tuple[Callable[[Connection], Iterator[Fault]], ...] = (_digests, _positions, _states, _erased)
"""Each gives what it finds, within the transaction at hand."""
