"""The public formats by name: how each is recognised, read, written, and on which terms its data comes by default."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa

from plumbline.formats import hh_rlhf
from plumbline.formats.line_blocks import Intake, LineBlock
from plumbline.formats.origin import Origin
from plumbline.lineage import ALL_USES, Terms, Use
from plumbline.records import Kind

Tables = Mapping[Kind, pa.Table]

Parse = Callable[[LineBlock, Origin, Intake], dict[Kind, pa.Table]]
"""Lines → tables of records. Rows that cannot be read become faults of the intake."""

FormatLines = Callable[[Tables, Intake], Iterator[bytes]]
"""Tables of records → lines without newlines, by (source, row). Rows it cannot express become faults of the intake."""


@dataclass(frozen=True)
class Format:
    """One public format.

    Attributes:
        name: as ``--format`` and ``--to`` take it.
        keys: a line with at least these keys is of this format; the first match in `FORMATS` counts.
        kinds: what `parse` returns tables of.
        parse, format_lines: lines ↔ records; format_lines is None where a format is only read.
        terms: permitted uses and licence where no manifest states others.
    """

    name: str
    keys: frozenset[str]
    kinds: tuple[Kind, ...]
    parse: Parse
    format_lines: FormatLines | None
    terms: Terms


PARQUET = "parquet"
"""Plumbline's own tables, one kind of record a file; recognised by their columns, see `reading`."""

_HH_RLHF_TERMS = Terms(frozenset({Use.PREFERENCE, Use.POLICY, Use.ANALYSIS}), "MIT")
_NON_COMMERCIAL = Terms(ALL_USES, "CC-BY-NC-4.0")

FORMATS: dict[str, Format] = {
    known.name: known
    for known in (
        Format(
            name="hh-rlhf",
            keys=frozenset({"chosen", "rejected"}),
            kinds=(Kind.COMPARISONS,),
            parse=hh_rlhf.parse,
            format_lines=hh_rlhf.format_lines,
            terms=_HH_RLHF_TERMS,
        ),
    )
}
