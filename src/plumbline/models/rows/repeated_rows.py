"""Training rows that say the same twice, or judge the same item both ways: counted, never removed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from plumbline.models.rows.training_rows import LabelRows, PreferenceRows, Records
from plumbline.records import Kind
from plumbline.records.conclusions import apart_of
from plumbline.records.identity import canonical_conversations

EXACT, BOTH_WAYS = "exact_duplicates", "judged_both_ways"


def count_repeats(parts: Iterable[PreferenceRows | LabelRows | None]) -> dict[str, int]:
    """Rows beyond the first of the same id and votes, and rows of items judged both ways; what does not occur is left out.

    Rows that were not made of a table are not looked at.
    """
    counts = {EXACT: 0, BOTH_WAYS: 0}
    for part in parts:
        if part is None or not len(part.records.positions):
            continue
        said = pl.DataFrame({"id": part.places.ids, "apart": apart(part.records)})
        counts[EXACT] += len(part) - said.n_unique()
        counts[BOTH_WAYS] += _both_ways(part)
    return {name: count for name, count in counts.items() if count}


def _both_ways(part: PreferenceRows | LabelRows) -> int:
    records = part.records
    frame = pl.DataFrame({"item": pl.Series(records.table["item_id"].take(records.positions))}).with_row_index("at")
    repeated = frame.filter(pl.len().over("item") > 1)
    if repeated.is_empty():
        return 0
    at = repeated["at"].to_numpy()
    if isinstance(part, LabelRows):
        verdict = pl.Series(part.is_unsafe[at])
    else:
        verdict = pl.Series(part.first_is_better[at]) ^ is_swapped(records.take(at))
    of_item = repeated.with_columns(verdict=verdict)
    return of_item.filter(pl.col("verdict").n_unique().over("item") > 1).height


def apart(records: Records) -> pl.Series:
    """What tells n records of one id apart, see `records.conclusions.apart_of`; n strings or nulls."""
    columns = set(records.table.schema.names)
    kind = Kind.SAFETY_LABELS if "taxonomy" in columns else Kind.COMPARISONS
    needed = (
        {"votes", "extra", "parents", "is_safe", "categories", "severity"}
        if kind is Kind.COMPARISONS
        else {"extra", "categories", "parents"}
    )
    if not needed <= columns:
        return pl.Series("apart", [None] * len(records.positions), pl.String)
    return pl.Series("apart", apart_of(kind, records.table.select(sorted(needed)).take(records.positions)))


def is_swapped(pairs: Records) -> pl.Series:
    """Which pairs have the side first that is greater in byte order: the same two sides may stand either way.

    Args:
        pairs: n comparisons.
    Returns:
        n booleans.
    """
    sides = canonical_conversations(pairs.rows()["continuations"].combine_chunks().flatten())
    return sides.gather_every(2) > sides.gather_every(2, 1)


def told_repeats(repeats: Mapping[str, int]) -> str | None:
    """The counts in words; None where there are none."""
    parts = [
        f"{repeats[key]:,} {words}"
        for key, words in ((EXACT, "exact repetitions of other rows"), (BOTH_WAYS, "rows of items judged both ways"))
        if key in repeats
    ]
    return " and ".join(parts) or None
