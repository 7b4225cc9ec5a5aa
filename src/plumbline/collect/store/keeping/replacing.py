"""The rows of a backup in the place of a store's, in one transaction; what must not come back stays away.

Running servers remember studies by number and versions of guidelines by count, and clients the numbers of assignments.
So the studies must be the same ones, versions that were added since stay, and no number is given a second time. Whoever
was erased since is erased again, whoever was blocked or lost their tokens stays so, also those of whom the backup knows
nothing: another backup, restored after it, may. Whoever was unblocked since stays unblocked; a study that was paused or
closed by then or since stays so. And what was exported since is still known to have been.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, or_, select, text, update

from plumbline.collect.store.column_types import format_json
from plumbline.collect.store.events import EventKind, add_event
from plumbline.collect.store.failures import ConflictError
from plumbline.collect.store.keeping.carrying_identity import IdentityNow, carry_identity, identity_now, stay_within
from plumbline.collect.store.keeping.carrying_webhooks import Rows, carry_webhooks, webhooks_now
from plumbline.collect.store.keeping.copying import Advance, copy_rows, key_batches, stored_tables
from plumbline.collect.store.keeping.erasing import erase_in, gate_open, hold_writers
from plumbline.collect.store.rows import StudyState
from plumbline.collect.store.tables import events, guidelines, metadata, people, studies, tokens

_MARK = "before_restore"
_TOLD = ("studies", "people", "items", "assignments", "turns", "replies", "judgements", "late", "drafts", "events")
# Postgres looks for rows that point to a removed one; without these it would read the whole table for each of them.
_HELPFUL = {"requests": "assignment_id", "judgements": "assignment_id", "items": "author_id"}


@dataclass(frozen=True, slots=True)
class Replaced:
    """What became of a store whose rows were replaced.

    Attributes:
        lost: by table, rows that stood there and are not in the backup; judgements made since, say.
        erased_again: people of the backup who were erased since.
        blocked_still: people who were blocked since.
        unblocked_still: people who were unblocked since.
        studies_still: studies that were paused or closed since.
        tokens_revoked_still: tokens that were revoked since.
        people_kept: people whom the backup does not know and who were erased, blocked or lost a token.
        guidelines_kept: versions that were added since.
        exports_kept: exports that were made since.
    """

    lost: dict[str, int]
    erased_again: int
    blocked_still: int
    unblocked_still: int
    studies_still: int
    tokens_revoked_still: int
    people_kept: int
    guidelines_kept: int
    exports_kept: int


@dataclass(frozen=True)
class _Since:
    """What was done to a store since a backup and outlasts its restore."""

    erased: dict[str, datetime] = field(default_factory=dict)
    blocked: dict[str, datetime | None] = field(default_factory=dict)
    states: dict[int, StudyState] = field(default_factory=dict)
    revoked: dict[str, datetime] = field(default_factory=dict)
    people: list[dict[str, Any]] = field(default_factory=list)
    tokens: list[dict[str, Any]] = field(default_factory=list)
    guidelines: list[dict[str, Any]] = field(default_factory=list)
    exports: list[dict[str, Any]] = field(default_factory=list)
    identity: IdentityNow = field(default_factory=IdentityNow)
    webhooks: Rows = field(default_factory=list)


def replace_rows(
    source: Connection,
    target: Connection,
    *,
    now: datetime,
    keep: Callable[[], dict[str, Any]],
    advance: Advance | None = None,
) -> Replaced:
    """All rows of the source in the place of the target's, within the target's transaction.

    Args:
        source: a backup, of the newest revision.
        keep: called once nobody else writes and before anything is changed: it keeps what stands there, and gives what
            the log is to say of it.
    Raises:
        ConflictError: PL-COL-054, the studies are others.
    """
    hold_writers(target)
    _may_be_silent(target)
    _refuse_other_studies(source, target)
    kept = keep()
    since = _since(source, target, now)
    lost = _lost(source, target)
    lost["people"] -= len(since.people)
    with gate_open(target):
        _remove_all(target)  # removing takes no number back, in neither database
        copy_rows(source, target, advance)
        _carry_over(target, since, now)
    add_event(target, EventKind.RESTORED, now, payload={**kept, "lost": lost})
    return Replaced(
        lost=lost,
        erased_again=len(since.erased),
        blocked_still=sum(moment is not None for moment in since.blocked.values()),
        unblocked_still=sum(moment is None for moment in since.blocked.values()),
        studies_still=len(since.states),
        tokens_revoked_still=len(since.revoked) + len(since.tokens),
        people_kept=len(since.people),
        guidelines_kept=len(since.guidelines),
        exports_kept=len(since.exports),
    )


def _may_be_silent(target: Connection) -> None:
    """While the other connection reads what is kept, this one has nothing to say for as long as it takes."""
    if target.dialect.name == "postgresql":
        target.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))


def _refuse_other_studies(source: Connection, target: Connection) -> None:
    """Servers that go on know studies by number and by name: both must mean the same study as before."""
    query = select(studies.c.id, studies.c.name, studies.c.digest)
    theirs = {row.id: (row.name, row.digest) for row in source.execute(query)}
    ours = {row.id: (row.name, row.digest) for row in target.execute(query)}
    numbers = {name: number for number, (name, _) in ours.items()}
    other = [number for number in theirs.keys() & ours.keys() if theirs[number] != ours[number]]
    other += [number for number, (name, _) in theirs.items() if numbers.get(name, number) != number]
    if not other and not _differing_guidelines(source, target):
        return
    raise ConflictError(
        "PL-COL-054",
        f"study {min(other)}" if other else "guidelines",
        "the backup's is another one than the store's",
        expected="a backup of this store: running servers remember its studies",
        advice="restore into an empty place, and start the servers on that",
    )


def _differing_guidelines(source: Connection, target: Connection) -> bool:
    query = select(guidelines.c.study_id, guidelines.c.version, guidelines.c.sha256)
    theirs = {(row.study_id, row.version): row.sha256 for row in source.execute(query)}
    return any(theirs.get((row.study_id, row.version), row.sha256) != row.sha256 for row in target.execute(query))


def _since(source: Connection, target: Connection, now: datetime) -> _Since:
    since = _Since(identity=identity_now(target), webhooks=webhooks_now(target), states=_stricter(source, target))
    known_people = _people_since(source, target, since)
    of_token = select(tokens.c.sha256, tokens.c.revoked_at)
    then = {row.sha256: row.revoked_at for row in source.execute(of_token)}
    # A session that is over by itself comes back to nobody.
    still = or_(tokens.c.use == "api", tokens.c.expires_at > now)
    for token in target.execute(select(tokens).where(tokens.c.revoked_at.is_not(None), still)).mappings():
        if token["sha256"] not in then:
            since.tokens.append(dict(token))
        elif then[token["sha256"]] is None:
            since.revoked[token["sha256"]] = token["revoked_at"]
    without_tokens = (people.c.erased_at.is_not(None), people.c.blocked_at.is_not(None))
    named = {token["person_id"] for token in since.tokens}
    for person in target.execute(select(people).where(or_(*without_tokens, people.c.id.in_(named)))).mappings():
        if person["id"] not in known_people:
            since.people.append(dict(person))
    since.guidelines.extend(_guidelines_since(source, target))
    since.exports.extend(_exports_since(source, target))
    return since


def _stricter(source: Connection, target: Connection) -> dict[int, StudyState]:
    """Studies that hand out less now than when the backup was made: nobody reopens one by restoring."""
    query = select(studies.c.id, studies.c.state)
    then = {row.id: StudyState(row.state) for row in source.execute(query)}
    now = {row.id: StudyState(row.state) for row in target.execute(query)}
    strictness = list(StudyState)
    return {
        number: state
        for number, state in now.items()
        if number in then and strictness.index(state) > strictness.index(then[number])
    }


def _people_since(source: Connection, target: Connection, since: _Since) -> set[str]:
    """Notes who of the backup's people was erased, blocked or unblocked since; gives those people."""
    persons = select(people.c.id, people.c.erased_at, people.c.blocked_at)
    then = {row.id: row for row in source.execute(persons)}
    for person in target.execute(persons):
        before = then.get(person.id)
        if before is None or before.erased_at is not None:
            continue
        if person.erased_at is not None:
            since.erased[person.id] = person.erased_at
        if (person.blocked_at is None) != (before.blocked_at is None):
            since.blocked[person.id] = person.blocked_at
    return set(then)


def _guidelines_since(source: Connection, target: Connection) -> Iterator[dict[str, Any]]:
    stay = set(source.execute(select(studies.c.id)).scalars())
    versions = {(row.study_id, row.version) for row in source.execute(select(guidelines))}
    for line in target.execute(select(guidelines)).mappings():
        if line["study_id"] in stay and (line["study_id"], line["version"]) not in versions:
            yield dict(line)


def _exports_since(source: Connection, target: Connection) -> Iterator[dict[str, Any]]:
    stay = set(source.execute(select(studies.c.id)).scalars())
    exported = select(events).where(events.c.kind == EventKind.EXPORTED.value).order_by(events.c.seq)
    known = {_named(line) for line in source.execute(exported).mappings()}
    for line in target.execute(exported).mappings():
        if line["study_id"] in stay and _named(line) not in known:
            # Under a new number, and marked: the work in it may be gone, so whose it was cannot be told.
            kept = {name: value for name, value in line.items() if name != "seq"}
            yield {**kept, "payload": {**line["payload"], _MARK: True}}


def _named(export: RowMapping) -> tuple[int, datetime, str]:
    """The same export whether an earlier restore carried it over or not: neither by its number nor by the mark."""
    told = {name: value for name, value in export["payload"].items() if name != _MARK}
    return export["study_id"], export["at"], format_json(told)


def _lost(source: Connection, target: Connection) -> dict[str, int]:
    """Rows of the target whose key the backup does not have."""
    lost = {}
    for table in stored_tables(source):
        if table.name not in _TOLD:
            continue
        stored = metadata.tables[table.name]
        # By the first column of the key, which an index begins with; by all of it no database of ours uses one.
        key = [stored.c[name] for name in table.key]
        count = target.exec_driver_sql(f"SELECT COUNT(*) FROM {table.name}").scalar_one()  # noqa: S608 - of the database
        for batch in key_batches(source, table):
            wanted = set(map(tuple, batch))
            found = select(*key).where(key[0].in_({row[0] for row in wanted}))
            count -= sum(tuple(row) in wanted for row in target.execute(found))
        lost[table.name] = int(count)
    return lost


def _remove_all(target: Connection) -> None:
    postgres = target.dialect.name == "postgresql"
    for name, column in _HELPFUL.items() if postgres else ():
        target.execute(text(f"CREATE INDEX restoring_{name} ON {name} ({column})"))
    for table in reversed(stored_tables(target)):
        target.execute(text(f"DELETE FROM {table.name}"))  # noqa: S608 - of the database
    for name in _HELPFUL if postgres else ():
        target.execute(text(f"DROP INDEX restoring_{name}"))


def _carry_over(target: Connection, since: _Since, now: datetime) -> None:
    for line in since.guidelines:
        target.execute(insert(guidelines), line)
    for line in since.exports:
        target.execute(insert(events), line)
    if since.people:
        target.execute(insert(people), stay_within(target, since.people, now))
    if since.tokens:
        target.execute(insert(tokens), since.tokens)
    for token, moment in since.revoked.items():
        target.execute(update(tokens).where(tokens.c.sha256 == token).values(revoked_at=moment))
    for person, blocked_at in since.blocked.items():
        target.execute(update(people).where(people.c.id == person).values(blocked_at=blocked_at))
    for study, state in since.states.items():
        target.execute(update(studies).where(studies.c.id == study).values(state=state.value))
    for person, moment in since.erased.items():
        erase_in(target, person, now)
        target.execute(update(people).where(people.c.id == person).values(erased_at=moment))
    carry_identity(target, since.identity, now)
    carry_webhooks(target, since.webhooks, now)
