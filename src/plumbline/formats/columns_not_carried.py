"""What records say in columns that a public format has no place for: counted when they are written, by column.

Counted is what somebody judged or what names the judged: a worker, a strength, the models. Where a record stands
(source, subset, tranche, parents, conversation_id) and what its `extra` keeps for its own format is not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from plumbline.records import Kind

ColumnCounts = dict[Kind, dict[str, int]]
"""By kind and column: how many rows say something there."""

SAYING: dict[Kind, tuple[str, ...]] = {
    Kind.COMPARISONS: ("strength", "votes", "weight", "is_safe", "categories", "severity", "models", "worker"),
    Kind.SAFETY_LABELS: ("categories", "severity", "confidence", "worker"),
    Kind.RED_TEAM_ATTEMPTS: (
        *("task_description", "rating", "outcome", "transcript_score", "description_score"),
        *("model_type", "model_size", "worker", "tags", "reviews"),
    ),
    Kind.PROMPTS: ("categories",),
}
"""The columns that count, beside those without which a record is none: texts, axis, outcome, is_safe, taxonomy."""

CARRIED: dict[str, dict[Kind, frozenset[str]]] = {
    "hh-rlhf": {Kind.COMPARISONS: frozenset()},
    "red-team": {Kind.RED_TEAM_ATTEMPTS: frozenset(SAYING[Kind.RED_TEAM_ATTEMPTS]) - {"outcome", "reviews"}},
    "beavertails": {Kind.SAFETY_LABELS: frozenset({"categories"})},
    "beavertails-evaluation": {Kind.PROMPTS: frozenset({"categories"})},
    "pku-saferlhf": {
        Kind.COMPARISONS: frozenset({"is_safe", "categories", "severity", "models"}),
        Kind.SAFETY_LABELS: frozenset({"categories", "severity"}),
    },
    "open-assistant": {Kind.COMPARISONS: frozenset({"models", "weight"})},
    "pandalm": {Kind.COMPARISONS: frozenset({"models", "worker"})},
    "trl": {Kind.COMPARISONS: frozenset()},
    "trl-text": {Kind.COMPARISONS: frozenset()},
    "pairs": {Kind.COMPARISONS: frozenset({"models"})},
}
"""By format and kind: those of `SAYING` that the format writes."""


def count_columns_not_carried(name: str, tables: Mapping[Kind, pa.Table]) -> ColumnCounts:
    """Rows that say something where a format has no place for it; columns without such rows are left out.

    Rows that become faults for another reason are among them.

    Args:
        name: of the format.
        tables: what is to be written, of kinds that the format holds.
    """
    counts: ColumnCounts = {}
    for kind, table in tables.items():
        of_columns = {
            column: count
            for column in SAYING[kind]
            if column not in CARRIED[name][kind] and (count := _said(column, table[column]))
        }
        if of_columns:
            counts[kind] = of_columns
    return counts


def added(first: ColumnCounts, second: ColumnCounts) -> ColumnCounts:
    """Both counts together, those of several files for one."""
    total: defaultdict[Kind, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    for counts in (first, second):
        for kind, of_columns in counts.items():
            for column, count in of_columns.items():
                total[kind][column] += count
    return {kind: dict(of_columns) for kind, of_columns in total.items()}


def _said(name: str, column: pa.ChunkedArray) -> int:
    """How many rows say something: a weight of 1 is what every row has, and no reviews are none."""
    if name == "weight":
        return int(pc.sum(pc.not_equal(column, pa.scalar(1.0, column.type))).as_py() or 0)
    if name == "reviews":
        return int(pc.sum(pc.greater(pc.list_value_length(column), 0)).as_py() or 0)
    return len(column) - int(column.null_count)
