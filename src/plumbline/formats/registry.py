"""The public formats by name: how each is recognised, read, written, and on which terms its data comes by default."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa

from plumbline.formats import (
    beavertails,
    hh_rlhf,
    open_assistant,
    open_assistant_writing,
    pairs,
    pandalm,
    pku_saferlhf,
    red_team,
    trl,
)
from plumbline.formats.line_blocks import Intake, LineBlock
from plumbline.formats.origin import Origin
from plumbline.lineage import Terms
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
        keys: a line is of this format where it has at least the keys of one of these sets.
        kinds: what `parse` returns tables of.
        parse, format_lines: lines ↔ records.
        terms: permitted uses and licence where no manifest states others.
        text_keys: keys whose values must be texts for the line to be of this format.
        foreign_keys: a line that has one of these is not of this format.
    """

    name: str
    keys: tuple[frozenset[str], ...]
    kinds: tuple[Kind, ...]
    parse: Parse
    format_lines: FormatLines
    terms: Terms
    text_keys: frozenset[str] = frozenset()
    foreign_keys: frozenset[str] = frozenset()


PARQUET = "parquet"
"""Plumbline's own tables, one kind of record a file; recognised by their columns, see `reading`."""

AXIS_BY_FOLDER = ("hh-rlhf", "trl", "trl-text", "pairs")
"""Formats whose lines do not say what was judged: their folders do, or the manifest of a conversion."""

_PAIRS_AND_LABELS = (Kind.COMPARISONS, Kind.SAFETY_LABELS)
_PAIRS, _LABELS = (Kind.COMPARISONS,), (Kind.SAFETY_LABELS,)
_PROMPTS, _ATTEMPTS = (Kind.PROMPTS,), (Kind.RED_TEAM_ATTEMPTS,)

FORMATS: dict[str, Format] = {
    known.name: known
    for known in (
        Format(
            "hh-rlhf",
            (hh_rlhf.KEYS,),
            _PAIRS,
            hh_rlhf.parse,
            hh_rlhf.format_lines,
            hh_rlhf.TERMS,
            text_keys=hh_rlhf.KEYS,
        ),
        Format("red-team", (red_team.KEYS,), _ATTEMPTS, red_team.parse, red_team.format_lines, red_team.TERMS),
        Format(
            "beavertails",
            (beavertails.LABEL_KEYS,),
            _LABELS,
            beavertails.parse_labels,
            beavertails.format_label_lines,
            beavertails.TERMS,
        ),
        Format(
            "beavertails-evaluation",
            (beavertails.EVALUATION_KEYS,),
            _PROMPTS,
            beavertails.parse_evaluation,
            beavertails.format_evaluation_lines,
            beavertails.TERMS,
        ),
        Format(
            "pku-saferlhf",
            (pku_saferlhf.KEYS,),
            _PAIRS_AND_LABELS,
            pku_saferlhf.parse,
            pku_saferlhf.format_lines,
            pku_saferlhf.TERMS,
        ),
        Format(
            "open-assistant",
            (open_assistant.KEYS,),
            _PAIRS,
            open_assistant.parse,
            open_assistant_writing.format_lines,
            open_assistant.TERMS,
        ),
        Format("pandalm", (pandalm.KEYS,), _PAIRS, pandalm.parse, pandalm.format_lines, pandalm.TERMS),
        Format("trl", (trl.KEYS, hh_rlhf.KEYS), _PAIRS, trl.parse, trl.format_lines, trl.TERMS),
        Format("trl-text", (), _PAIRS, trl.parse, trl.format_text_lines, trl.TERMS),
        Format(
            "pairs",
            (pairs.KEYS,),
            _PAIRS,
            pairs.parse,
            pairs.format_lines,
            pairs.TERMS,
            foreign_keys=pairs.FOREIGN_KEYS,
        ),
    )
}
"""By name. ``trl-text`` is only written so: read, both forms are ``trl``."""


def recognise(keys: frozenset[str], text_keys: frozenset[str]) -> Format | None:
    """The format that names most of a line's keys; None where there is none.

    Args:
        keys: of the line.
        text_keys: those of them whose values are texts.
    """
    fitting = [
        (len(wanted), known)
        for known in FORMATS.values()
        for wanted in known.keys
        if wanted <= keys and known.text_keys <= text_keys and not known.foreign_keys & keys
    ]
    return max(fitting, key=lambda pair: pair[0])[1] if fitting else None
