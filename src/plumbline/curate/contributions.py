"""What each file of the sources gave to the output, and of which the output holds nothing at all.

The terms of a file bind what is made of it. They are left out only of a file of which this is certain: no record of it
is written, none gave way to another or was made one with it, no fit learned from one, and no prompt of one stands in
what is written. Whatever cannot be told so counts as written: the strictest terms win.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from plumbline.curate.recipe import Recipe
from plumbline.curate.rules.aggregate import Aggregate
from plumbline.engine import Dataset
from plumbline.records import Kind

_HELD = "held"
"""Column: a record is written, or something of it may be."""


@dataclass(frozen=True)
class Contribution:
    """What a file gave.

    Attributes:
        read: records of the kinds taken.
        written: of them, in the output.
        apart: nothing of the file is in the output, see above.
    """

    read: int
    written: int
    apart: bool


def contributions(
    identity: Dataset, fates: Dataset, counts: Sequence[Mapping[Kind, int]], recipe: Recipe
) -> list[Contribution]:
    """What each file gave.

    Args:
        identity: of all records, rows of `traits.identity`; those of a kind in the order of the files.
        fates: what was decided of them, part for part.
        counts: records by kind, of each file in order; kinds that the recipe does not take are passed over.
        recipe: what was done.
    """
    last = _last_certain_step(recipe)
    totals = pl.DataFrame(schema=dict.fromkeys(("file", "read", "written", _HELD), pl.Int64))
    for number, rows in _placed(identity, counts, ()):
        counted = (
            _decided(rows, fates, number, last)
            .group_by("file")
            .agg(pl.len().cast(pl.Int64).alias("read"), pl.col("written", _HELD).sum().cast(pl.Int64))
        )
        totals = pl.concat([totals, counted]).group_by("file").agg(pl.all().sum())
    apart = set(totals.filter(pl.col(_HELD) == 0)["file"])
    apart -= _with_written_prompts(identity, fates, counts, apart)
    found = {row["file"]: row for row in totals.iter_rows(named=True)}
    return [
        Contribution(found[file]["read"], found[file]["written"], file in apart)
        if file in found
        else Contribution(0, 0, apart=False)
        for file in range(len(counts))
    ]


def _placed(
    identity: Dataset, counts: Sequence[Mapping[Kind, int]], columns: Sequence[str]
) -> Iterator[tuple[int, pl.DataFrame]]:
    """Each part's number, and its records with the `file` that they were read from."""
    ends = {kind: np.cumsum([count.get(kind, 0) for count in counts]) for kind in Kind}
    before = dict.fromkeys(Kind, 0)
    for number in range(len(identity.parts)):
        rows = pl.DataFrame(pl.from_arrow(identity.read(number, ("position", "kind", *columns))))
        kind = Kind(rows["kind"][0])
        files = np.searchsorted(ends[kind], np.arange(before[kind], before[kind] + len(rows)), side="right")
        before[kind] += len(rows)
        yield number, rows.drop("kind").with_columns(pl.Series("file", files, pl.Int64))


def _last_certain_step(recipe: Recipe) -> int:
    """The step up to which a record that goes cannot have weighed in a label: a fit learns from all that it sees."""
    fits = (
        number
        for number, step in enumerate(recipe.steps)
        if isinstance(step.settings, Aggregate) and step.settings.method != "majority"
    )
    return next(fits, len(recipe.steps))


def _decided(rows: pl.DataFrame, fates: Dataset, number: int, last: int) -> pl.DataFrame:
    """Rows of a part with `written`, and whether something of them may be in the output."""
    gone = pl.DataFrame(pl.from_arrow(fates.read(number, ("position", "step", "removed", "partner")))).filter("removed")
    certain = pl.col("partner").is_null() & (pl.col("step") <= last)
    told = gone.group_by("position").agg(certain.all().alias("certain"))
    joined = rows.join(told, "position", "left", maintain_order="left")
    return joined.with_columns(
        pl.col("certain").is_null().alias("written"), (~pl.col("certain")).fill_null(value=True).alias(_HELD)
    )


def _with_written_prompts(
    identity: Dataset, fates: Dataset, counts: Sequence[Mapping[Kind, int]], candidates: set[int]
) -> set[int]:
    """Those of the candidates with a prompt that a written record begins with; all without a prompt count as of one."""
    if not candidates:
        return set()
    of_candidates = pl.col("file").is_in(sorted(candidates))
    parts = _placed(identity, counts, ("group_id",))
    theirs = pl.concat([rows.filter(of_candidates).select("file", "group_id").unique() for _, rows in parts])
    shared: set[int] = set()
    for number, rows in _placed(identity, counts, ("group_id",)):
        written = _decided(rows, fates, number, 0).filter("written")
        shared |= set(theirs.join(written, "group_id", "semi")["file"])
    return shared
