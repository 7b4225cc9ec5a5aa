"""Faults planted in copies of a store, behind its triggers: the check is only worth something if it finds them.

Some leave the store in full agreement with itself, so that only the workers' ledgers show them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, text

from benchmarks.collecting.store_copies import copied
from benchmarks.collecting.study import MadeStudy
from benchmarks.hammer.checking import check
from benchmarks.hammer.ledger import Ledgers

_OPEN_GATE = "INSERT INTO erasing (person_id, until_commit) VALUES ('hammer', 0)"
_SHUT_GATE = "DELETE FROM erasing"


@dataclass(frozen=True, slots=True)
class Planted:
    """A fault.

    Attributes:
        name: what was done.
        statements: SQL that does it to the judgement, assignment and item of the values ``:j``, ``:a`` and ``:i``.
        kinds: the kinds of fault of which each must be found.
    """

    name: str
    statements: tuple[str, ...]
    kinds: frozenset[str]


_COPIED = "study_id, item_id, assignment_id, worker_id, kind, payload, guidelines_version, created_at"
_LATE_OF_ASSIGNMENT = "DELETE FROM late WHERE assignment_id = :a"
_TURNED = """REPLACE(REPLACE(REPLACE(payload, '"first"', '"?"'), '"second"', '"first"'), '"?"', '"second"')"""

PLANTS = (
    Planted(
        "a judgement removed",
        ("DELETE FROM judgements WHERE id = :j",),
        frozenset({"judgement_lost", "told_and_not_there", "overlap_not_exact"}),
    ),
    Planted(
        "a judgement removed with all its traces",
        (
            "UPDATE tallies SET submitted = submitted - 1"
            " WHERE worker_id = (SELECT worker_id FROM assignments WHERE id = :a) AND purpose = 'work'",
            "UPDATE items SET open_slots = open_slots + 1, lane = 1, position = 1 + (SELECT MAX(position) FROM items)"
            " WHERE id = :i",
            _LATE_OF_ASSIGNMENT,
            "DELETE FROM judgements WHERE assignment_id = :a",
            "DELETE FROM requests WHERE assignment_id = :a",
            "DELETE FROM events WHERE assignment_id = :a",
            "DELETE FROM assignments WHERE id = :a",
        ),
        frozenset({"told_and_not_there", "lease_vanished", "receipt_lost"}),
    ),
    Planted(
        "a judgement stored twice",
        (
            f"INSERT INTO judgements (part, idempotency_key, {_COPIED})"
            f" SELECT 'again', idempotency_key, {_COPIED} FROM judgements WHERE id = :j",
        ),
        frozenset({"judgement_doubled", "stored_twice", "overlap_not_exact"}),
    ),
    Planted(
        "a judgement stored twice, with a receipt of its own",
        (
            f"INSERT INTO judgements (part, idempotency_key, {_COPIED})"
            f" SELECT 'again', 'planted-key', {_COPIED} FROM judgements WHERE id = :j",
            "INSERT INTO requests (worker_id, idempotency_key, assignment_id, body_sha256, receipt, created_at)"
            " SELECT worker_id, 'planted-key', assignment_id, '',"
            ' \'{"outcome":"accepted","judgement_ids":[\' || (SELECT MAX(id) FROM judgements) || \'],"answer":{}}\','
            " created_at FROM judgements WHERE id = :j",
        ),
        frozenset({"nobody_sent_it", "overlap_not_exact"}),
    ),
    Planted(
        "a judgement turned round",
        (f"UPDATE judgements SET payload = {_TURNED} WHERE id = :j",),
        frozenset({"answer_changed"}),
    ),
    Planted(
        "a lease vanished from the log",
        ("DELETE FROM events WHERE assignment_id = :a AND kind = 'leased'",),
        frozenset({"lease_unaccounted", "lease_vanished"}),
    ),
    Planted(
        "an item worked on by the wrong number of people",
        ("UPDATE assignments SET state = 'released' WHERE id = :a",),
        frozenset({"open_slots_wrong", "lease_unaccounted", "overlap_not_exact"}),
    ),
)

_LATE = Planted(
    "a late submission removed with its receipt",
    (
        "DELETE FROM requests WHERE idempotency_key = (SELECT idempotency_key FROM late ORDER BY id LIMIT 1)",
        "DELETE FROM late WHERE id = (SELECT MIN(id) FROM late)",
    ),
    frozenset({"late_and_not_kept", "receipt_lost"}),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """What the check said of a planted fault."""

    name: str
    missing: frozenset[str]
    found: frozenset[str]


def plant_all(
    study: MadeStudy, ledgers: Ledgers, folder: Path, *, plants: Sequence[Planted] | None = None
) -> list[Finding]:
    """Plants each fault in a copy of its own, and says what the check found; nobody may use the store meanwhile.

    Args:
        folder: where copies of SQLite files are put.
        plants: all by default, that of late submissions only where there are any.
    """
    if plants is None:
        any_late = any(told[0].outcome == "late" for told in ledgers.told.values())
        plants = (*PLANTS, *([_LATE] if any_late else []))
    judgement = _one_told(ledgers)
    findings = []
    for planted in plants:
        with copied(study, folder) as spoiled:
            store = spoiled.open()
            try:
                store.write(lambda connection, planted=planted: _plant(connection, planted, judgement))
                kinds = frozenset(fault.kind for fault in check(store, study, ledgers).faults)
            finally:
                store.close()
        findings.append(Finding(planted.name, planted.kinds - kinds, kinds))
    return findings


def _one_told(ledgers: Ledgers) -> int:
    """A judgement from the middle of those that workers were told are stored."""
    told = sorted(each[0].judgements[0] for each in ledgers.told.values() if each[0].outcome == "accepted")
    return told[len(told) // 2]


def _plant(connection: Connection, planted: Planted, judgement: int) -> None:
    query = text("SELECT id AS j, assignment_id AS a, item_id AS i FROM judgements WHERE id = :j")
    values = dict(connection.execute(query, {"j": judgement}).one()._mapping)
    for statement in (_OPEN_GATE, *planted.statements, _SHUT_GATE):
        used = {name: value for name, value in values.items() if f":{name}" in statement}
        changed = connection.execute(text(statement), used)
        if changed.rowcount == 0 and statement != _LATE_OF_ASSIGNMENT:
            raise RuntimeError(f"planted nothing: {planted.name}")
