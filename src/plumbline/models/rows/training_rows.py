"""Tables of records → the rows that models train on and are measured by; what has no label is set aside and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from plumbline.models.features.text_features import Replies
from plumbline.records import TAXONOMIES, Axis, Kind, NoDataError, Outcome, UsageError, join_messages, kind_of

_TEACHES = {Kind.COMPARISONS: "preference", Kind.SAFETY_LABELS: "moderation"}

UNDECIDED = "PL-TRN-001"
IDENTICAL = "PL-TRN-002"
UNLABELLED = "PL-TRN-003"
SAME_TO_MODEL = "PL-TRN-004"
"""Both sides are the same to the model, cut at its limit or as its tokenizer sees them."""


@dataclass(frozen=True)
class Places:
    """Where rows come from, by position: for figures by subset and for naming rows.

    Attributes:
        ids, sources, subsets: n strings each; a missing subset is "".
        rows: shape (n,).
        group_ids: n strings; the unit of folds and of the bootstrap.
    """

    ids: pl.Series
    sources: pl.Series
    subsets: pl.Series
    rows: NDArray[np.int64]
    group_ids: NDArray[np.str_]

    @classmethod
    def of(cls, table: pa.Table) -> Places:
        """The places of a table of comparisons or safety labels."""
        return cls(
            pl.Series(table["id"]),
            pl.Series(table["source"].cast(pa.string())),
            pl.Series(table["subset"].cast(pa.string())).fill_null(""),
            table["row"].to_numpy(),
            np.asarray(table["group_id"].to_pylist(), dtype=np.str_),
        )

    def __len__(self) -> int:
        """n."""
        return len(self.rows)

    def take(self, positions: NDArray[np.int64]) -> Places:
        """The places at these positions, in their order."""
        return Places(
            self.ids.gather(positions),
            self.sources.gather(positions),
            self.subsets.gather(positions),
            self.rows[positions],
            self.group_ids[positions],
        )


@dataclass(frozen=True)
class Records:
    """The records that rows were made of, for models that read whole conversations.

    Attributes:
        table: shared with whoever made the rows, never copied.
        positions: shape (n,); which of its rows.
    """

    table: pa.Table
    positions: NDArray[np.int64]

    def rows(self) -> pa.Table:
        """The n rows."""
        return self.table.take(self.positions)

    def take(self, positions: NDArray[np.int64]) -> Records:
        """Those at these positions, in their order."""
        return Records(self.table, self.positions[positions])


_NO_RECORDS = Records(pa.table({}), np.empty(0, np.int64))


@dataclass(frozen=True)
class PreferenceRows:
    """Decided comparisons on one axis.

    Attributes:
        first, second: n replies each, with what was said before them.
        first_is_better: shape (n,).
        weights: shape (n,); 1 where a comparison carries none.
        set_aside: rows left out, by code.
        records: n comparisons; none where the rows were not made of a table.
    """

    axis: Axis
    first: Replies
    second: Replies
    first_is_better: NDArray[np.bool_]
    weights: NDArray[np.float64]
    places: Places
    set_aside: dict[str, int]
    records: Records = _NO_RECORDS

    def __len__(self) -> int:
        """n."""
        return len(self.first_is_better)

    def take(self, positions: NDArray[np.int64]) -> PreferenceRows:
        """The rows at these positions, in their order."""
        return PreferenceRows(
            self.axis,
            self.first.take(positions),
            self.second.take(positions),
            self.first_is_better[positions],
            self.weights[positions],
            self.places.take(positions),
            self.set_aside,
            self.records.take(positions) if len(self.records.positions) else self.records,
        )


@dataclass(frozen=True)
class LabelRows:
    """Conversations with a safety label.

    Attributes:
        replies: n last replies, with what was said before them.
        is_unsafe: shape (n,).
        categories: category → shape (n,), whether it applies; only categories that some row has.
        has_categories: shape (n,); whether the row's categories are known.
        taxonomies: n names; a row knows nothing of a category that its taxonomy does not have.
        set_aside: rows left out, by code.
        records: n labels; none where the rows were not made of a table.
    """

    replies: Replies
    is_unsafe: NDArray[np.bool_]
    categories: dict[str, NDArray[np.bool_]]
    has_categories: NDArray[np.bool_]
    taxonomies: NDArray[np.str_]
    places: Places
    set_aside: dict[str, int]
    records: Records = _NO_RECORDS

    def __len__(self) -> int:
        """n."""
        return len(self.is_unsafe)

    def knows(self, category: str) -> NDArray[np.bool_]:
        """Which rows say whether the category applies, shape (n,): those of a taxonomy that has it.

        A taxonomy without a list, such as one of the user's own, has the categories that its rows name.
        """
        having = [name for name, members in TAXONOMIES.items() if category in members]
        if category in self.categories:
            naming = np.unique(self.taxonomies[self.categories[category]]).tolist()
            having += [name for name in naming if not TAXONOMIES.get(name)]
        known: NDArray[np.bool_] = self.has_categories & np.isin(self.taxonomies, np.array(having, np.str_))
        return known

    def take(self, positions: NDArray[np.int64]) -> LabelRows:
        """The rows at these positions, in their order."""
        return LabelRows(
            self.replies.take(positions),
            self.is_unsafe[positions],
            {name: applies[positions] for name, applies in self.categories.items()},
            self.has_categories[positions],
            self.taxonomies[positions],
            self.places.take(positions),
            self.set_aside,
            self.records.take(positions) if len(self.records.positions) else self.records,
        )


def preference_rows(comparisons: pa.Table, *, axis: Axis | None = None, place: str) -> PreferenceRows:
    """The decided comparisons of a table.

    Args:
        comparisons: a table of comparisons.
        axis: which axis; may be None where the table has only one. Two axes are never mixed.
        place: what errors call the table.
    Raises:
        UsageError: the table has several axes and none was chosen, or it has none of the one chosen.
        NoDataError: no comparison is decided, or all that are have identical sides.
    """
    table, chosen = of_one_axis(comparisons, axis, place)
    decided, different = _decided(table), _different(table)
    set_aside = Counter({UNDECIDED: int((~decided).sum()), IDENTICAL: int((decided & ~different).sum())})
    is_kept = (decided & different).to_numpy()
    kept = table.filter(pa.array(is_kept))
    if not len(kept):
        raise _nothing_to_learn_from(set_aside, table["outcome"].null_count, place)
    first, second = pair_replies(kept)
    weights = pl.Series(kept["weight"]).fill_null(1.0).cast(pl.Float64).to_numpy()
    is_better = (pl.Series(kept["outcome"].cast(pa.string())) == Outcome.FIRST).to_numpy()
    places, records = Places.of(kept), Records(table, np.flatnonzero(is_kept))
    return PreferenceRows(chosen, first, second, is_better, weights, places, dict(+set_aside), records)


def _decided(comparisons: pa.Table) -> pl.Series:
    """Which comparisons have a better side; neither ties nor unjudged ones have."""
    outcome = pl.Series(comparisons["outcome"].cast(pa.string()))
    return outcome.is_in([Outcome.FIRST, Outcome.SECOND]).fill_null(False)


def _different(comparisons: pa.Table) -> pl.Series:
    """Which comparisons have sides that say different things."""
    sides = _combined(comparisons["continuations"]).flatten()
    joined = join_messages(sides, _written(sides))
    return joined.gather_every(2) != joined.gather_every(2, 1)


def _nothing_to_learn_from(set_aside: Mapping[str, int], unjudged: int, place: str) -> NoDataError:
    """Why every comparison was set aside: nobody judged any, none is decided, or all that are have identical sides."""
    undecided, identical = set_aside[UNDECIDED], set_aside[IDENTICAL]
    if undecided == unjudged and not identical:
        return NoDataError(
            "PL-TRN-010",
            place,
            "nobody has judged these comparisons yet",
            expected="at least one that prefers one side to the other",
            found=f"{unjudged:,} unjudged",
            advice="have them judged (plumbline collect, see docs/how-to/collect.md), or name data with judgements",
        )
    if not identical:
        return NoDataError(
            "PL-TRN-010",
            place,
            "no comparison has a better side",
            expected="at least one that prefers one side to the other",
            found=f"{undecided:,} ties or unjudged",
            advice="name data with judgements",
        )
    return NoDataError(
        "PL-TRN-019",
        place,
        "in every judged comparison both sides are the same, so there is nothing to prefer",
        expected="at least one comparison of two different sides",
        found=f"{identical:,} of identical sides, {undecided:,} ties or unjudged",
        advice="see how the pairs were made: plumbline data check SOURCE",
    )


def of_one_axis(table: pa.Table, axis: Axis | None, place: str) -> tuple[pa.Table, Axis]:
    """The comparisons of one axis, and which it is.

    Args:
        table: of comparisons.
        axis: which; None where the table has only one.
        place: what errors call the table.
    Raises:
        NoDataError: PL-TRN-010, there are no comparisons.
        UsageError: PL-TRN-011, the table has several axes and none was chosen, or it has none of the one chosen.
    """
    names = pl.Series(table["axis"].cast(pa.string()))
    present = sorted(names.unique())
    if axis is None and len(present) == 1:
        return table, Axis(present[0])
    if axis is not None and axis in present:
        return table.filter(pa.array((names == axis).to_list(), pa.bool_())), axis
    if not present:
        raise NoDataError("PL-TRN-010", place, "there are no comparisons", advice="name data with judged pairs")
    raise UsageError(
        "PL-TRN-011",
        place,
        "the comparisons are judged on several axes" if axis is None else f"no comparison is judged on {axis}",
        expected="one axis: helpfulness and harmlessness are never mixed",
        found=", ".join(present),
        advice=f"--on with one of these: {', '.join(present)}" if axis is None else axis_advice(axis, present),
    )


def axis_advice(axis: Axis, present: Sequence[str]) -> str:
    """What to do where no comparison is on the axis; some formats leave it to ``--axis`` to say what was judged."""
    own = (
        f"; where the rows do not say themselves what was judged, state it: --axis {axis}" if len(present) == 1 else ""
    )
    return f"data judged on {axis}; a source for it may need another --data-dir{own}"


def label_rows(labels: pa.Table, *, place: str) -> LabelRows:
    """The labels of a table that say safe or unsafe.

    Raises:
        NoDataError: none does.
    """
    is_safe = pl.Series(labels["is_safe"])
    is_kept = is_safe.is_not_null().to_numpy()
    kept = labels.filter(pa.array(is_kept))
    if not len(kept):
        raise NoDataError(
            "PL-TRN-012", place, "no row is labelled safe or unsafe", advice="name data with safety labels"
        )
    categories = pl.Series(kept["categories"])
    known = sorted(set(categories.explode().drop_nulls()))
    set_aside = {UNLABELLED: int(is_safe.null_count())} if is_safe.null_count() else {}
    return LabelRows(
        conversation_replies(kept["conversation"]),
        (~pl.Series(kept["is_safe"])).to_numpy(),
        {name: categories.list.contains(name).fill_null(False).to_numpy() for name in known},
        categories.is_not_null().to_numpy(),
        np.asarray(kept["taxonomy"].cast(pa.string()).to_pylist(), dtype=np.str_),
        Places.of(kept),
        set_aside,
        Records(labels, np.flatnonzero(is_kept)),
    )


def require_harm_axis(axis: Axis | None) -> None:
    """Refuse a cost model on another axis than harmlessness.

    Raises:
        UsageError: it was asked for another.
    """
    if axis not in (None, Axis.HARMLESSNESS):
        raise UsageError(
            "PL-TRN-014",
            "--on",
            "a cost model is about harm",
            expected=Axis.HARMLESSNESS,
            found=str(axis),
            advice="leave --on out, or: plumbline train preference",
        )


def nothing_of_kind(what: str, place: str, tables: Iterable[pa.Table] = ()) -> NoDataError:
    """The error where a task's kind of record is not in the data.

    Args:
        tables: what is there.
    """
    there = [(kind, len(table)) for table in tables if len(table) and (kind := kind_of(table)) is not None]
    found = ", ".join(f"{count:,} {kind.value.replace('_', ' ')}" for kind, count in there)
    teaches = next((task for kind, _ in there if (task := _TEACHES.get(kind))), None)
    instead = f"; these teach: plumbline train {teaches}" if teaches else ""
    return NoDataError(
        "PL-TRN-015",
        place,
        f"there are no {what}",
        found=found or "no rows",
        advice=f"name a source with {what}{instead}",
    )


def pair_replies(comparisons: pa.Table) -> tuple[Replies, Replies]:
    """The last message of each side, and all that was said before it."""
    context = _combined(comparisons["context"])
    sides = _combined(comparisons["continuations"]).flatten()
    texts, before = _last_and_before(sides)
    opening = join_messages(context, _written(context))
    prompts = [pl.select(pl.concat_str(pl.lit(opening), pl.lit(before.gather_every(2, side))))[:, 0] for side in (0, 1)]
    return Replies(_strings(texts.gather_every(2)), _strings(prompts[0])), Replies(
        _strings(texts.gather_every(2, 1)), _strings(prompts[1])
    )


def conversation_replies(conversations: pa.ListArray | pa.ChunkedArray) -> Replies:
    """The last message of each conversation, and all that was said before it."""
    texts, before = _last_and_before(_combined(conversations))
    return Replies(_strings(texts), _strings(before))


def _last_and_before(conversations: pa.ListArray) -> tuple[pl.Series, pl.Series]:
    ends = np.cumsum(np.diff(conversations.offsets.to_numpy()))
    texts = pl.Series(conversations.flatten().field("text"))
    is_last = np.zeros(len(texts), bool)
    filled = np.diff(conversations.offsets.to_numpy()) > 0
    is_last[ends[filled] - 1] = True
    written = _written(conversations)
    before = pl.select(pl.when(pl.lit(pl.Series(is_last))).then(pl.lit("")).otherwise(pl.lit(written)))[:, 0]
    last = pl.select(pl.when(pl.lit(pl.Series(is_last))).then(pl.lit(texts)).otherwise(pl.lit("")))[:, 0]
    return join_messages(conversations, last), join_messages(conversations, before)


def _written(conversations: pa.ListArray) -> pl.Series:
    texts = pl.Series(conversations.flatten().field("text"))
    return texts + "\n"


def _combined(column: pa.ListArray | pa.ChunkedArray) -> pa.ListArray:
    """A column in one piece."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return whole if isinstance(whole, pa.Array) else pa.concat_arrays(whole.chunks)


def _strings(texts: pl.Series) -> pa.Array:
    return texts.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
