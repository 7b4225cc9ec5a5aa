"""A single file that no format of the registry is for: its tables as what `load` gives, with where it comes from and on which terms."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from plumbline.formats.line_blocks import Intake
from plumbline.formats.loading import Loaded
from plumbline.formats.locations import Location, split_name
from plumbline.formats.origin import Origin
from plumbline.formats.provenance import ProvenanceFinder
from plumbline.lineage import ALL_USES, FileEntry, StatedTerms, Terms, with_terms
from plumbline.lineage.uses import UNKNOWN_LICENCE
from plumbline.records import Kind, empty_table

TERMS = Terms(ALL_USES, UNKNOWN_LICENCE)
"""Of rows of which nothing else tells."""


def begin(path: Path) -> tuple[Intake, Origin]:
    """What the rows of a file are counted by, and where they stand: by folder and name, in the split that its name tells."""
    intake = Intake(f"{path.resolve().parent.name}/{path.name}")
    return intake, Origin(intake.source, None, split_name(path.name))


def loaded_whole(
    path: Path,
    name: str,
    kind: Kind,
    tables: Sequence[pa.Table],
    begun: tuple[Intake, Origin],
    stated: StatedTerms | None = None,
) -> Loaded:
    """A file that was read to its end.

    Args:
        name: what its format is called.
        kind: of its rows.
        tables: of them, in order; none of an empty file.
        begun: by `begin`.
        stated: what the user says of the terms.
    """
    intake, origin = begun
    stated = stated or StatedTerms()
    if intake.blank_lines:
        intake.finding("PL-IO-011", f"{intake.blank_lines:,} blank lines, passed over")
    entry = FileEntry.of(path, name=intake.source, rows=intake.rows_read)
    behind = ProvenanceFinder(None, stated).provenance(Location(path, origin), name, entry.sha256)
    terms = behind.terms if behind.parents else stated.applied([], TERMS)
    return Loaded(
        {kind: with_terms(pa.concat_tables([empty_table(kind), *tables]), terms)},
        intake.faults,
        intake.findings,
        intake.rows_read,
        [entry],
        {intake.source: name},
        terms,
        behind.parents,
        behind.origins,
        behind.derived_from,
        {intake.source: str(path)},
    )
