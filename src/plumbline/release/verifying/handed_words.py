"""What a handed-over release says beside its rows: the words that `build_release` looks at, found again in the folder.

Each file is read within the bounds of `HandedOver` and `formats`; one that cannot be read says nothing here, and is a finding elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pyarrow as pa
from pydantic import JsonValue

from plumbline.curate.accounting import LEDGER_SCHEMA
from plumbline.formats.parquet.batches import parquet_batches
from plumbline.lineage import Manifest
from plumbline.lineage.writing import MANIFEST_NAME
from plumbline.records import PlumblineError
from plumbline.release.handed_over import Finding, HandedOver
from plumbline.release.names import RECIPE
from plumbline.release.notes import CurationNotes
from plumbline.release.own_words import Said, released_command, released_notes, words_of_answers, words_of_json
from plumbline.release.rows import released_source, released_sources
from plumbline.release.told import ReleaseTold
from plumbline.release.verifying.accounted import LEDGER, SUMMARY
from plumbline.release.words import words_of

_MOST_SUMMARY_BYTES = 64 << 20


def own_words_handed(
    handed: HandedOver, manifest: Manifest, told: ReleaseTold, notes: CurationNotes | None
) -> Iterator[Said]:
    """Where words stand, and the words, in the order in which a release in the making has them.

    Args:
        notes: None where there is no summary that can be read: its words are then not looked at.
    """
    yield from (("the command", word) for word in manifest.command)
    yield from (("--accept", reason) for reason in told.accepted.values())
    yield from words_of_answers(told.answers)
    yield "the folder's name", told.source
    yield from (("files read", entry.path) for entry in told.made_of.inputs)
    yield from ((RECIPE, line) for line in _text(handed, RECIPE).splitlines())
    if notes is not None:
        yield from words_of_json(SUMMARY, _summary(handed))
    yield from ((LEDGER, word) for table in _ledger(handed) for each in words_of(table) for word in each.texts)


def paths_of_a_machine(
    handed: HandedOver, manifest: Manifest, told: ReleaseTold, notes: CurationNotes | None
) -> Iterator[Finding]:
    """Where a path of somebody's machine stands that a release never has."""
    inputs = [entry.path for entry in (*manifest.inputs, *told.made_of.inputs)]
    summary = None if notes is None else _summary(handed)
    kept = {
        f"{MANIFEST_NAME}, command": manifest.command == released_command(manifest.command),
        f"{MANIFEST_NAME}, inputs": inputs == [released_source(path) for path in inputs],
        SUMMARY: summary == released_notes(summary),
        LEDGER: all(table["source"].equals(released_sources(table["source"])) for table in _ledger(handed)),
    }
    yield from (
        Finding("PL-REL-034", place, "a path of somebody's machine") for place, is_kept in kept.items() if not is_kept
    )


def _text(handed: HandedOver, name: str, most_bytes: int = 1 << 20) -> str:
    try:
        return handed.text(name, most_bytes)
    except ValueError:
        return ""


def _summary(handed: HandedOver) -> JsonValue:
    try:
        found: JsonValue = json.loads(_text(handed, SUMMARY, _MOST_SUMMARY_BYTES) or "null")
    except (ValueError, RecursionError):
        return None
    return found


def _ledger(handed: HandedOver) -> Iterator[pa.Table]:
    """The list of removed records, batch by batch, as far as it can be read."""
    if LEDGER not in handed.files:
        return
    try:
        for batch in parquet_batches(handed.files[LEDGER]):
            yield pa.Table.from_batches([batch]).cast(LEDGER_SCHEMA)
    except (PlumblineError, OSError, ValueError, pa.ArrowException):
        return
