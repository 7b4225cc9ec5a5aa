"""The accuracy that a perfect model could reach on the rows that a model is measured on.

Accuracy is counted against rows. A row is one judgement, or, where it carries votes, their majority; the ceiling is
against the same. It is told from the items that several people judged, and taken to hold for the others. What one worker
says of an item again does not count; where no worker is known every row counts, copies too, and the result says so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from plumbline.measure import Bootstrap, Figure, NoiseCeiling, noise_ceiling
from plumbline.models.figures.measured_rows import Json
from plumbline.models.rows.repeated_rows import is_swapped
from plumbline.models.rows.training_rows import LabelRows, PreferenceRows
from plumbline.records import Outcome
from plumbline.records.conclusions import AGGREGATED
from plumbline.records.extra import extra_values

LEAST_ITEMS = 10
"""With fewer items judged twice nothing is told."""
COPIES = "rows whose judge is not named count as several judgements; if some are copies, the best is lower"
NO_MAJORITY = "the labels are not the majority of their votes"
EVEN = "the rows stand for even numbers of votes, or for ties among them"
_DIFFERENT = "the rows stand for different numbers of votes"


def accuracy_ceiling(rows: PreferenceRows | LabelRows, bootstrap: Bootstrap) -> Json:
    """The best accuracy that any model could reach on these rows.

    Args:
        rows: those that are measured.
        bootstrap: intervals, by group.
    Returns:
        What `NoiseCeiling.to_json` gives, and ``of``, pairs or labels; ``rows``, measured rows of items judged at least
        twice; ``note``, what is to be borne in mind, or null. Figures are undefined where fewer than `LEAST_ITEMS` items
        were judged twice, where rows without a known judge never differ, or where labels are no majority. Where rows
        stand for even numbers of votes, or ties among them, only `lower` is told: a majority that is no tie is clearer.
    """
    of_pairs = isinstance(rows, PreferenceRows)
    judged = _Judged.of(rows)
    votes = judged.votes.filter("counts")
    items = votes.group_by("item", maintain_order=True).agg(pl.col("one", "two").sum(), pl.col("group").first())
    ceiling = noise_ceiling(
        items.select("one", "two").to_numpy().reshape(-1, 2),
        bootstrap=bootstrap,
        group_ids=items["group"].to_numpy(),
        exchangeable_classes=of_pairs,
        label_votes=judged.label_votes,
        ties_set_aside=judged.ties,
    )
    repeated = items.filter(pl.col("one") + pl.col("two") > 1).select("item")
    judgements = votes.join(repeated, "item")
    nameless = len(judgements) - int(judgements["known"].sum())
    told = _limited(ceiling, judged.against, only_nameless=nameless == len(judgements))
    measured = len(judged.votes.filter("measured").join(repeated, "item"))
    note = COPIES if nameless and told.lower.value is not None else None
    return {**told.to_json(), "of": "pairs" if of_pairs else "labels", "rows": measured, "note": note}


def _limited(ceiling: NoiseCeiling, against: str | None, *, only_nameless: bool) -> NoiseCeiling:
    """Without the figures that these rows do not bear out."""
    n = ceiling.lower.n
    if ceiling.lower.value is None:
        return ceiling
    why = None
    if against == NO_MAJORITY:
        why = against
    elif n < LEAST_ITEMS:
        why = f"only {n} {'item' if n == 1 else 'items'} judged twice"
    elif only_nameless and ceiling.agreement.value == 1.0:
        why = "rows of one item never differ and name no judge: they may be copies"
    if why is not None:
        nothing = Figure.undefined(n, why)
        return replace(ceiling, estimate=nothing, lower=nothing, upper=nothing, agreement=nothing)
    if against == EVEN:
        return replace(ceiling, estimate=Figure.undefined(n, EVEN), upper=Figure.undefined(n, EVEN))
    return ceiling if against is None else replace(ceiling, estimate=Figure.undefined(n, against))


@dataclass(frozen=True)
class _Judged:
    """Judgements, row by row, turned so that `one` means the same in all rows of an item.

    Attributes:
        votes: item, group, one, two (judgements for each class), known (who judged, or that several did), counts (false:
            the worker's further judgement of the item), measured.
        label_votes: the most votes that a measured row is the majority of; odd.
        against: what is wrong with the majorities; None where nothing is.
        ties: judgements of a tie.
    """

    votes: pl.DataFrame
    label_votes: int
    against: str | None
    ties: int

    @classmethod
    def of(cls, rows: PreferenceRows | LabelRows) -> _Judged:
        """What the records of measured rows say; rows that were not made of records say nothing."""
        table, positions = rows.records.table, rows.records.positions
        if len(positions) != len(rows) or "item_id" not in table.schema.names:
            return cls(_NOTHING, 1, None, 0)
        votes = _votes_of_pairs(table) if isinstance(rows, PreferenceRows) else _votes_of_labels(table)
        is_measured = np.zeros(len(table), bool)
        is_measured[positions] = True
        frame = votes.with_columns(
            pl.Series("item", table["item_id"]).cast(pl.String),
            pl.Series("group", table["group_id"]).cast(pl.String),
            pl.Series("worker", table["worker"]).cast(pl.String),
            pl.Series("measured", is_measured),
        ).with_row_index("at")
        # Rows left out as ties had votes all the same: without them people would seem to agree more than they do.
        ties = int(frame["tied"].sum())
        frame = frame.filter(pl.col("measured") | (pl.col("several") & (pl.col("one") + pl.col("two") > 0)))
        label_votes, against = _majorities(frame.filter("measured"))
        named = pl.col("worker").is_not_null()
        again = named & ~pl.col("several") & ~pl.struct("item", "worker").is_first_distinct()
        frame = frame.with_columns((named | pl.col("several")).alias("known"), (~again).alias("counts"))
        if isinstance(rows, PreferenceRows):
            frame = _turned(frame, rows)
        return cls(frame.select(_NOTHING.columns), label_votes, against, ties)


_NOTHING = pl.DataFrame(
    schema={
        "item": pl.String,
        "group": pl.String,
        "one": pl.Int64,
        "two": pl.Int64,
        "known": pl.Boolean,
        "counts": pl.Boolean,
        "measured": pl.Boolean,
    }
)


def _votes_of_pairs(comparisons: pa.Table) -> pl.DataFrame:
    """Columns one, two (for the first and the second side), tied, several (the row is made of votes), label (1, 2, 0)."""
    outcome = pl.Series(comparisons["outcome"].cast(pa.string()))
    label = outcome.replace_strict({Outcome.FIRST: 1, Outcome.SECOND: 2}, default=0, return_dtype=pl.Int64)
    given = pl.Series("votes", comparisons["votes"]) if "votes" in comparisons.schema.names else None
    frame = _single(label.rename("label")).with_columns(
        (outcome == Outcome.TIE).fill_null(False).cast(pl.Int64).alias("tied")
    )
    return frame if given is None else _with_votes(frame, given)


def _votes_of_labels(labels: pa.Table) -> pl.DataFrame:
    """The same for safe and unsafe; the votes of labels that curation made of several stand in ``extra``."""
    is_safe = pl.Series("label", labels["is_safe"])
    label = is_safe.replace_strict({True: 1, False: 2}, default=0, return_dtype=pl.Int64)
    frame = _single(label).with_columns(pl.lit(0, pl.Int64).alias("tied"))
    notes = pl.Series("extra", labels["extra"]).cast(pl.String)
    if not notes.str.contains(f'"{AGGREGATED}"', literal=True).any():
        return frame
    return _with_votes(frame, pl.Series("votes", [_votes_noted(note) for note in notes], pl.List(pl.Int64)))


def _votes_noted(note: str | None) -> list[int] | None:
    """Votes for safe and unsafe in an ``extra``; None where it holds none."""
    if note is None or f'"{AGGREGATED}"' not in note:
        return None
    aggregated = extra_values(note).get(AGGREGATED)
    votes = aggregated.get("votes") if isinstance(aggregated, dict) else None
    counts = (
        isinstance(votes, list) and len(votes) == 2 and all(type(each) is int and 0 <= each < 1 << 31 for each in votes)
    )
    return votes if counts else None


def _single(label: pl.Series) -> pl.DataFrame:
    """Rows that are one judgement each."""
    return pl.DataFrame(label).with_columns(
        (pl.col("label") == 1).cast(pl.Int64).alias("one"),
        (pl.col("label") == 2).cast(pl.Int64).alias("two"),
        pl.lit(value=False).alias("several"),
    )


def _with_votes(frame: pl.DataFrame, votes: pl.Series) -> pl.DataFrame:
    counts = {
        name: votes.list.get(at, null_on_oob=True).cast(pl.Int64) for at, name in enumerate(("one", "two", "tied"))
    }
    several = votes.is_not_null()
    return frame.with_columns(
        *(
            pl.when(several).then(each.fill_null(0)).otherwise(pl.col(name)).alias(name)
            for name, each in counts.items()
        ),
        several.alias("several"),
    )


def _majorities(measured: pl.DataFrame) -> tuple[int, str | None]:
    """The most votes that a row is the majority of, and what is wrong with the majorities."""
    several = measured.filter("several")
    if not len(several):
        return 1, None
    decided = several["one"] + several["two"]
    of_label = several["one"].zip_with(several["label"] == 1, several["two"])
    if not (of_label * 2 > decided).all():
        return 1, NO_MAJORITY
    if (decided % 2 == 0).any() or (several["tied"] > 0).any():
        return 1, EVEN
    same = len(several) == len(measured) and decided.n_unique() == 1
    return int(decided.to_numpy().max()), None if same else _DIFFERENT


def _turned(frame: pl.DataFrame, rows: PreferenceRows) -> pl.DataFrame:
    """Votes for the side that is lesser in byte order, and for the other; only of items that have several."""
    several = frame.filter((pl.col("one") + pl.col("two")).sum().over("item") > 1)
    at: NDArray[np.int64] = several["at"].to_numpy().astype(np.int64)
    swapped = is_swapped(replace(rows.records, positions=at)) if len(at) else pl.Series([], dtype=pl.Boolean)
    turned = several.with_columns(
        pl.when(swapped).then("two").otherwise("one").alias("one"),
        pl.when(swapped).then("one").otherwise("two").alias("two"),
    )
    alone = frame.filter((pl.col("one") + pl.col("two")).sum().over("item") <= 1)
    return pl.concat([turned, alone])
