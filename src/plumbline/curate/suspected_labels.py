"""Suspected labels: the labels that a model finds unlikely, the least likely first, for people to look at again.

Nothing is removed and nothing relabelled: the model may be wrong. Scores should come from models that had not seen the rows
(`models.out_of_fold`): a model that learned a wrong label agrees with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from plumbline.curate.parts import kind_of_part
from plumbline.curate.redaction import ID_BEFORE
from plumbline.curate.score_files import LabelScores
from plumbline.curate.writing import records_left
from plumbline.engine import Dataset
from plumbline.measure.label_errors import rank_label_errors
from plumbline.records import TAXONOMIES, Kind, NoDataError, Outcome, SourceError, UsageError

LABEL_ERRORS_NAME = "label_errors.parquet"
UNSAFE = "unsafe"
"""The head that says whether any harm is there; the others of a safety label are its categories."""

LABEL_ERROR_SCHEMA = pa.schema(
    [
        pa.field("rank", pa.int64(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("id", pa.string(), nullable=False),
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("row", pa.int64(), nullable=False),
        pa.field("side", pa.int8()),
        pa.field("split", pa.string()),
        pa.field("head", pa.string(), nullable=False),
        pa.field("label", pa.string(), nullable=False),
        pa.field("probability", pa.float64(), nullable=False),
        pa.field("score", pa.float64(), nullable=False),
        pa.field("suggested", pa.string(), nullable=False),
    ]
)
"""One row a label, in order of rank (from 1): the most suspicious first. Never texts.

head: what was judged: of a comparison its axis; of a safety label ``unsafe``, or a category. label: as given: `first` or
`second` side is better; `unsafe` or `safe`; `applies` or `does not apply`. probability: that the label given is right, by the
model. score: by which rows are ranked; by self-confidence the same number. suggested: the label that the model finds likelier,
which may be the one given. side: of a safety label, the reply of a pair that it is about.
"""

_PLACES = {"kind": pl.String, "id": pl.String, "item_id": pl.String, "source": pl.String, "row": pl.Int64}
LABEL_COLUMNS: dict[str, Any] = {
    **_PLACES,
    "side": pl.Int8,
    "split": pl.String,
    "known_as": pl.List(pl.String),
    "axis": pl.String,
    "outcome": pl.String,
    "taxonomy": pl.String,
    "is_safe": pl.Boolean,
    "categories": pl.List(pl.String),
}
"""Records reduced to their labels. known_as: the ids by which scores may name the record: its own, and those it had in this
run before it stood for several judgements or was masked. None of another record's: the sides of that may stand the other way
round, and a probability that the first is better would be read of the second."""

_SAME = 0.01
"""Copies of a record may differ by so much: a transformer that computes in few bits depends on what else is in a batch."""
_SLICE = 100_000


@dataclass(frozen=True)
class Suspected:
    """The list, and what is not on it.

    Attributes:
        table: rows of `LABEL_ERROR_SCHEMA`.
        scored, unscored: records with a label of which scores say something, and of which they say nothing.
        unlabelled: records that say nothing a score could be held against: ties, what was not judged.
        unknown_ids: ids in the scores that are of no record that is left.
        heads: for each kind and head: labels on the list, and how many of them the model finds less likely than another.
    """

    table: pa.Table
    scored: int
    unscored: int
    unlabelled: int
    unknown_ids: int
    heads: list[dict[str, Any]]

    def counts(self) -> dict[str, Any]:
        """As they stand in ``summary.json``."""
        return {
            "n": len(self.table),
            "scored": self.scored,
            "unscored": self.unscored,
            "unlabelled": self.unlabelled,
            "unknown_ids": self.unknown_ids,
            "by": "self-confidence",
            "heads": self.heads,
        }


def write_label_errors(rows: Dataset, fates: Dataset, scores: LabelScores, notes: Path) -> dict[str, Any]:
    """Write the list of a run's suspected labels.

    Args:
        rows: the records of the run.
        fates: what was decided of them, part for part.
        scores: what was handed in.
        notes: the folder that gets the list.
    Returns:
        Its section of ``summary.json``.
    Raises:
        PlumblineError: as `suspected_labels`.
    """
    found = suspected_labels(labels_left(rows, fates), scores.table)
    pq.write_table(found.table, notes / LABEL_ERRORS_NAME, compression="zstd")
    return {"file": f"{notes.name}/{LABEL_ERRORS_NAME}", **found.counts(), "scores": scores.to_json()}


def check_scores(rows: Dataset, scores: pl.DataFrame, *, all_known: bool) -> None:
    """Refuse scores that the list could not be made of, as far as the records tell it before rules are applied.

    Args:
        rows: the records of a run.
        scores: as of `suspected_labels`.
        all_known: no record will get another id: scores of none of these are of other data.
    Raises:
        SourceError, NoDataError: as `suspected_labels`.
    """
    parts = [pl.DataFrame(schema=_NAMED)]
    for number in range(len(rows.parts)):
        records = rows.read(number)
        kind = kind_of_part(records)
        if kind in (Kind.COMPARISONS, Kind.SAFETY_LABELS):
            axis = pl.Series(records["axis"]).cast(pl.String) if kind is Kind.COMPARISONS else pl.lit(None, pl.String)
            names = [pl.Series(records[name]) for name in ("id", ID_BEFORE) if name in records.schema.names]
            told = [pl.select(id=name, kind=pl.lit(kind.value), axis=axis) for name in names]
            parts += [each.join(scores, "id", "semi") for each in told]
    named = pl.concat(parts).unique("id")
    if not len(named) and all_known:
        raise _nothing_scored(scores, rows.rows)
    for said in _of_labels(scores.join(named, "id")).partition_by("kind", "head"):
        _one_each(said)


_NAMED = {"id": pl.String, "kind": pl.String, "axis": pl.String}


def labels_left(rows: Dataset, fates: Dataset) -> pl.DataFrame:
    """The labels of the records that no rule removed, with what rules changed.

    Args:
        rows: the records of a run.
        fates: what was decided of them, part for part.
    Returns:
        `LABEL_COLUMNS`, in order of the records; kinds that are not labelled so are left out.
    """
    parts = [pl.DataFrame(schema=LABEL_COLUMNS), *_labels_by_part(rows, fates)]
    return pl.concat(parts)


def _labels_by_part(rows: Dataset, fates: Dataset) -> Iterator[pl.DataFrame]:
    for number in range(len(rows.parts)):
        records = rows.read(number)
        kind = kind_of_part(records)
        if kind in (Kind.COMPARISONS, Kind.SAFETY_LABELS):
            yield _labels_of(kind, records, fates.read(number))


def _labels_of(kind: Kind, records: pa.Table, fates: pa.Table) -> pl.DataFrame:
    left = records_left(records, fates)
    gone = pl.DataFrame(pl.from_arrow(fates)).filter("removed")["position"]
    stays = records.filter((~pl.Series(records["position"]).is_in(gone.implode())).to_arrow())
    # Of its parents only the id that it had before it was masked: others may have their sides the other way round.
    nothing = pl.Series([None] * len(stays), dtype=pl.String)
    former = pl.Series(stays[ID_BEFORE]) if ID_BEFORE in stays.schema.names else nothing
    names = pl.DataFrame({"now": pl.Series(left["id"]), "row": pl.Series(stays["id"]), "former": former})
    known_as = pl.concat_list("now", "row", "former").list.drop_nulls().list.unique(maintain_order=True)
    given = {"kind": pl.Series([kind.value] * len(left)), "known_as": names.select(known_as)[:, 0]}
    if kind is Kind.COMPARISONS:  # there they are of the two sides
        left = left.drop_columns(["is_safe", "categories"])
    for name in set(LABEL_COLUMNS) & set(left.schema.names):
        given[name] = pl.Series(left[name])
    absent = pl.Series([None] * len(left))
    return pl.DataFrame({name: given.get(name, absent).cast(of_type) for name, of_type in LABEL_COLUMNS.items()})


def suspected_labels(labels: pl.DataFrame, scores: pl.DataFrame) -> Suspected:
    """Rank labels by how likely a model finds them.

    Args:
        labels: `LABEL_COLUMNS` of n records.
        scores: columns id, side, head, probability, as `score_files.read_scores` gives them.
    Returns:
        The list; equal scores in order of the records, and of heads by name.
    Raises:
        SourceError: the scores say two different things of one label.
        UsageError: they do not say on which axis a side is the better one, and the records are on several.
        NoDataError: they are of none of the records that have a label.
    Source: self-confidence, see `measure.label_errors.rank_label_errors`.
    """
    numbered = labels.with_row_index("record")
    named = numbered.select("record", pl.col("known_as").alias("id"), "kind", "axis").explode("id")
    told = scores.join(named.select("id", "kind", "axis").unique("id"), "id")
    _require_one_axis(told)
    said = _of_labels(told)
    parts = [
        _judged(numbered, named, _one_each(part), Kind(kind), head)
        for (kind, head), part in sorted(said.partition_by("kind", "head", as_dict=True, include_key=False).items())
    ]
    judged = pl.concat([pl.DataFrame(schema=_JUDGED), *parts]).sort("record", maintain_order=True)
    is_labelled = _has_label(numbered)
    if not len(judged):
        raise _nothing_scored(scores, int(is_labelled.sum()))
    ranked = _ranked(judged)
    is_scored = numbered["record"].is_in(judged["record"].unique().implode())
    unknown = scores.select("id").unique().join(named.select("id").unique(), "id", "anti")
    return Suspected(
        _table(ranked, labels),
        int(is_scored.sum()),
        int((is_labelled & ~is_scored).sum()),
        int((~is_labelled).sum()),
        len(unknown),
        _heads(ranked),
    )


def _of_labels(told: pl.DataFrame) -> pl.DataFrame:
    """The scores that are of a label of their record: columns id, kind, head, first_class.

    first_class: the probability that the first side is the better one; that the reply is unsafe; that the category applies.
    """
    is_pair = pl.col("kind") == Kind.COMPARISONS.value
    turned = pl.when(is_pair & (pl.col("side") == 1)).then(1 - pl.col("probability")).otherwise("probability")
    head = pl.coalesce("head", pl.when(is_pair).then("axis").otherwise(pl.lit(UNSAFE)))
    placed = told.with_columns(head.alias("head"), turned.alias("first_class"))
    return placed.filter(~is_pair | (pl.col("head") == pl.col("axis"))).select("id", "kind", "head", "first_class")


def _require_one_axis(told: pl.DataFrame) -> None:
    is_pair = pl.col("kind") == Kind.COMPARISONS.value
    unsaid = told.filter(is_pair & pl.col("head").is_null())["axis"].unique().sort().to_list()
    if len(unsaid) > 1:
        raise UsageError(
            "PL-LBL-005",
            "--scores",
            "the scores do not say on which axis a side is the better one, and the comparisons are on several",
            expected="a column head that names the axis of each row",
            found=", ".join(unsaid),
            advice="name the out_of_fold.parquet of a model, which says it, or a recipe that keeps one axis (rule keep-axis)",
        )


def _one_each(said: pl.DataFrame) -> pl.DataFrame:
    """One probability for each id, of scores of one head; copies, and the two sides of a pair, must say the same."""
    low, high = pl.col("first_class").min().alias("low"), pl.col("first_class").max().alias("high")
    each = said.group_by("id", maintain_order=True).agg(pl.col("first_class").first(), low, high)
    apart = each.filter(pl.col("high") - pl.col("low") > _SAME)
    if len(apart):
        raise SourceError(
            "PL-LBL-004",
            "--scores",
            "the scores say different things of one label",
            expected="one probability for each id and head, and of the two sides of a comparison two that make 1",
            found=f"several for {len(apart):,} labels, the first of record {apart['id'][0]}",
            advice="leave one score a label; of several models take the mean, or curate with one file at a time",
        )
    return each.select("id", "first_class")


def _has_label(labels: pl.DataFrame) -> pl.Series:
    """Which records say something that a score can be held against."""
    decided = pl.col("outcome").is_in([Outcome.FIRST.value, Outcome.SECOND.value])
    said = pl.when(pl.col("kind") == Kind.COMPARISONS.value).then(decided)
    return labels.select(
        said.otherwise(pl.col("is_safe").is_not_null() | pl.col("categories").is_not_null()).fill_null(value=False)
    )[:, 0]


_JUDGED = {
    "record": pl.UInt32,
    "first_class": pl.Float64,
    "is_first": pl.Boolean,
    **dict.fromkeys(("kind", "head", "one", "other"), pl.Categorical),
}
"""A row a label that was scored, narrow, since a record may have one for each category. is_first: the label is the first of
its two classes, whose names are `one` and `other`; first_class: the probability of that class."""


def _judged(numbered: pl.DataFrame, named: pl.DataFrame, said: pl.DataFrame, kind: Kind, head: str) -> pl.DataFrame:
    """The labels of one kind and head that were scored, rows of `_JUDGED`.

    Args:
        numbered: the records.
        named: columns record, id: the ids of each, in order.
        said: columns id, first_class.
    """
    # A record that is known by several ids takes the score of the first that has one.
    found = (
        named.with_row_index("order").join(said, "id").sort("order").unique("record", keep="first", maintain_order=True)
    )
    of_pairs = {Outcome.FIRST.value: True, Outcome.SECOND.value: False}
    if kind is Kind.COMPARISONS:
        one, other = of_pairs
        is_first = pl.col("outcome").replace_strict(of_pairs, default=None, return_dtype=pl.Boolean)
    elif head == UNSAFE:
        one, other, is_first = UNSAFE, "safe", ~pl.col("is_safe")
    else:
        one, other = "applies", "does not apply"
        is_first = pl.when(_knows(head, numbered)).then(pl.col("categories").list.contains(head))
    labels = numbered.select("record", is_first.alias("is_first")).drop_nulls()
    told = found.select("record", "first_class").join(labels, "record")
    names = {"kind": kind.value, "head": head, "one": one, "other": other}
    columns = [pl.lit(value, pl.Categorical).alias(name) for name, value in names.items()]
    return told.with_columns(columns).select(_JUDGED.keys())


def _knows(category: str, labels: pl.DataFrame) -> pl.Expr:
    """Which records say whether a category applies: as models learn them, a taxonomy without a list has what its rows name."""
    having = [name for name, members in TAXONOMIES.items() if category in members]
    naming = labels.filter(pl.col("categories").list.contains(category))["taxonomy"].cast(pl.String).unique().to_list()
    having += [name for name in naming if not TAXONOMIES.get(name)]
    return pl.col("categories").is_not_null() & pl.col("taxonomy").cast(pl.String).is_in(having)


def _ranked(judged: pl.DataFrame) -> pl.DataFrame:
    """The rows in order of rank, with score, probability (of the label given), and whether the first class is likelier."""
    given, first = judged["is_first"].cast(pl.Int64).to_numpy(), judged["first_class"].to_numpy()
    errors = rank_label_errors(first, given, ranking="self-confidence")
    told = judged.drop("first_class").with_columns(
        pl.Series("probability", np.where(given == 1, first, 1 - first)),
        pl.Series("score", errors.scores),
        pl.Series("suggests_first", errors.suggested == 1),
    )
    return told[errors.order]


def _heads(ranked: pl.DataFrame) -> list[dict[str, Any]]:
    doubted = (pl.col("is_first") != pl.col("suggests_first")).sum().alias("doubted")
    counted = ranked.group_by("kind", "head").agg(pl.len().alias("n"), doubted)
    return counted.cast({"kind": pl.String, "head": pl.String}).sort("kind", "head").to_dicts()


def _table(ranked: pl.DataFrame, labels: pl.DataFrame) -> pa.Table:
    """Rows of `LABEL_ERROR_SCHEMA`, made slice by slice."""
    places = labels.select("id", "item_id", "source", "row", "side", "split")
    one, other = pl.col("one").cast(pl.String), pl.col("other").cast(pl.String)
    told = [pl.when("is_first").then(one).otherwise(other).alias("label")]
    told += [pl.when("suggests_first").then(one).otherwise(other).alias("suggested")]
    slices = []
    for start in range(0, len(ranked), _SLICE):
        part = ranked.slice(start, _SLICE).with_columns(*told).with_row_index("rank", offset=start + 1)
        whole = pl.concat([part, places[part["record"]]], how="horizontal").select(LABEL_ERROR_SCHEMA.names)
        slices.append(whole.to_arrow().cast(LABEL_ERROR_SCHEMA))
    return pa.concat_tables(slices)


def _nothing_scored(scores: pl.DataFrame, labelled: int) -> NoDataError:
    return NoDataError(
        "PL-LBL-006",
        "--scores",
        "none of the scores is of a label that is left",
        expected="ids of the records in the sources, and heads that they are judged on",
        found=f"{scores['id'].n_unique():,} ids in the scores, {labelled:,} records with a label",
        advice="name the out_of_fold.parquet of a model that was trained on these sources",
    )
