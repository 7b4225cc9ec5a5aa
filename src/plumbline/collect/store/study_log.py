"""The log of one study, read in bulk: people by pseudonym, up to a moment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select

from plumbline.collect.store.column_types import JsonValue
from plumbline.collect.store.database import Store
from plumbline.collect.store.tables import events, people


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """One line of a study's log; `person` is a pseudonym."""

    seq: int
    at: datetime
    kind: str
    person: str | None
    item_id: int | None
    assignment_id: int | None
    payload: JsonValue


_EVENTS = (
    select(
        *(events.c.seq, events.c.at, events.c.kind, people.c.pseudonym),
        *(events.c.item_id, events.c.assignment_id, events.c.payload),
    )
    .outerjoin(people, people.c.id == events.c.person_id)
    .where(
        events.c.study_id == bindparam("study_id"),
        events.c.seq > bindparam("after"),
        events.c.at <= bindparam("as_of", type_=events.c.at.type),
    )
    .order_by(events.c.seq)
    .limit(bindparam("most"))
)
_OF_KINDS = _EVENTS.where(events.c.kind.in_(bindparam("kinds", expanding=True)))


def stream_study_log(
    store: Store, study_id: int, *, as_of: datetime, kinds: Sequence[str] | None = None, batch: int = 2000
) -> Iterator[list[LoggedEvent]]:
    """A study's events, oldest first, in batches; no transaction is open between two of them.

    Args:
        as_of: later ones are left out.
        kinds: only events of these kinds; None = all.
    """
    query = _EVENTS if kinds is None else _OF_KINDS
    values = {"study_id": study_id, "as_of": as_of, "most": batch, "after": 0}
    if kinds is not None:
        values["kinds"] = [str(kind) for kind in kinds]
    while True:
        rows = store.rows(query, values)
        if not rows:
            return
        yield [LoggedEvent(*row) for row in rows]
        values["after"] = rows[-1][0]
