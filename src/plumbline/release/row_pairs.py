"""Rows of two releases, paired one to one: which row of the one before a row of the new one is, or has come from.

In this order, and each row once: the same record (its id) in the same folder and split, in the same split, anywhere; a record
that names the old one as its parent; one that was masked from it; one in its place (source, row, axis, side, worker); one judged by the
same worker on the same item. Within each, rows are taken by their labels and ids, never in the order of files.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl
import pyarrow as pa

from plumbline.curate.conclusions import GREATER, LESSER, TIE
from plumbline.curate.conversations import combined
from plumbline.records import SCHEMAS, Kind, Outcome
from plumbline.records.conclusions import conclusions_of
from plumbline.records.identity import canonical_conversations
from plumbline.release.layout import place_columns

LABELS = ("outcome", "is_safe", "categories", "votes", "other_labels")
"""What is compared of a record beside its texts and `OTHER_COLUMNS`."""
OTHER_COLUMNS = "other_columns"
"""All columns that are neither a label nor a text, nor tell which record it is, where it came from or where it stands."""
_TOLD = ("outcome", "is_safe")
"""Those that are told by which way they changed."""
_OTHERS = (
    *("strength", "weight", "severity", "confidence"),
    *("rating", "transcript_score", "description_score", "tags", "reviews"),
)
_APART_FROM_OTHERS = frozenset(
    {
        *("id", "item_id", "group_id", "conversation_id", "source", "row"),
        *("side", "axis", "worker", "parents", "subset", "split"),
        *("context", "continuations", "conversation", "transcript", "task_description"),
        *(*LABELS, *_OTHERS),
    }
)
_OF_SIDES = ("is_safe", "categories", "severity")
_APART = ("axis", "side", "worker")
_SAFE, _UNSAFE = "safe", "unsafe"
_VOTES = ("votes", "category_votes", "category_judges")
"""What `conclusions_of` tells of a safety label whose votes stand in its `extra`; its parents are not compared."""
_TO_THE_OTHER, _A_SIDE, _NOTHING, _OTHER = "to the other side", "a side", "not said", "other than before"
_BY_PLACE = "_by_place"
"""Ends the names of the same columns where sides are told as they stand: other texts may have another order."""
_PARENTS = pl.List(pl.UInt64)
_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    **dict.fromkeys(("folder", "split"), pl.Categorical),
    **dict.fromkeys(("place", "in_split", "id", "where", "item", "judge"), pl.UInt64),
    **dict.fromkeys(("outcome", "is_safe"), pl.Categorical),
    **dict.fromkeys(("categories", "votes", "other_labels", OTHER_COLUMNS), pl.UInt64),
    "parents": _PARENTS,
}
_COLUMNS |= {f"{name}{_BY_PLACE}": _COLUMNS[name] for name in (*LABELS, OTHER_COLUMNS)}


@dataclass
class RowIndex:
    """Which records there are, where, and how they are labelled: hashes, 136 bytes a row and 8 for each parent."""

    _frames: list[pl.DataFrame] = field(default_factory=list)
    _former: list[pl.DataFrame] = field(default_factory=list)

    def add(self, kind: Kind, table: pa.Table) -> None:
        """Note rows."""
        places = place_columns(kind, table)
        words = {name: _words(table, name) for name in ("source", *_APART) if name in table.schema.names}
        where = pl.DataFrame({**words, "row": pl.Series(table["row"]), "kind": [kind.value] * len(table)}).hash_rows()
        frame = places.with_columns(
            place=places.hash_rows(),
            in_split=places["split"].hash(),
            id=_words(table, "id").hash(),
            where=where,
            item=_items(kind, table),
            judge=words["worker"].hash() if "worker" in words else pl.lit(0, pl.UInt64),
            parents=_hashed_lists(table, "parents"),
            **_told(kind, table, by_text=True),
            **{f"{name}{_BY_PLACE}": told for name, told in _told(kind, table, by_text=False).items()},
        )
        self._frames.append(frame.select(pl.col(name).cast(type_) for name, type_ in _COLUMNS.items()))

    def note_former(self, ids: pl.Series, ids_before: pl.Series) -> None:
        """Note under which ids records were known before they were masked."""
        self._former.append(
            pl.DataFrame({"id": ids.hash(), "parent": ids_before.hash()}).filter(ids_before.is_not_null())
        )

    def rows(self) -> pl.DataFrame:
        """All rows, numbered in `key`."""
        frame = pl.concat(self._frames) if self._frames else pl.DataFrame(schema=_COLUMNS)
        return frame.with_row_index("key")

    def former(self) -> pl.DataFrame:
        """id, and parent: what it was called before it was masked."""
        nothing = pl.DataFrame(schema={"id": pl.UInt64, "parent": pl.UInt64})
        return pl.concat(self._former).unique() if self._former else nothing


def _words(table: pa.Table, name: str) -> pl.Series:
    return pl.Series(name, table[name].cast(pa.string()))


def _hashed_lists(table: pa.Table, name: str) -> pl.Series:
    if name not in table.schema.names:
        return pl.Series([[]] * len(table), dtype=_PARENTS)
    return pl.Series(table[name]).list.eval(pl.element().hash())


def _items(kind: Kind, table: pa.Table) -> pl.Series:
    """A hash of what was judged, without how and by whom."""
    if kind is Kind.RED_TEAM_ATTEMPTS:
        said = canonical_conversations(combined(table, "transcript"))
        return pl.DataFrame({"said": said, "task": _words(table, "task_description")}).hash_rows()
    return _words(table, "id" if kind is Kind.PROMPTS else "item_id").hash()


def _told(kind: Kind, table: pa.Table, *, by_text: bool) -> dict[str, pl.Series]:
    """The columns of `LABELS` and `OTHER_COLUMNS`.

    Args:
        by_text: whether what is said of sides is told in the order of their texts, whichever stands first; else as they stand.
    """
    turns = by_text and kind is Kind.COMPARISONS
    in_order = _in_order(table) if turns else pl.Series([True] * len(table), dtype=pl.Boolean)
    return {**_labels(kind, table, in_order), OTHER_COLUMNS: _other_columns(kind, table, in_order)}


def _labels(kind: Kind, table: pa.Table, in_order: pl.Series) -> dict[str, pl.Series]:
    """The columns of `LABELS`; of two sides the second first where they are not in order."""
    names = set(table.schema.names)
    told = pl.DataFrame({name: pl.Series(table[name]) for name in (*LABELS, *_OTHERS) if name in names - {"outcome"}})
    if kind is Kind.SAFETY_LABELS:
        told = told.with_columns(votes=_votes_of_labels(table))
    if "categories" in names:
        by_side = kind is Kind.COMPARISONS
        sorted_names = pl.element().list.sort() if by_side else pl.element().sort()
        told = told.with_columns(
            pl.col("categories").list.eval(sorted_names) if by_side else pl.col("categories").list.sort()
        )
    outcome = _words(table, "outcome") if "outcome" in names else pl.Series([None] * len(table), dtype=pl.String)
    if kind is Kind.COMPARISONS:
        outcome, told = _by_text(outcome, in_order), _turned(told, in_order)
    nothing = pl.Series([None] * len(table), dtype=pl.String)
    safe = _safe_words(told["is_safe"]) if "is_safe" in told.columns else nothing
    hashes = {name: _hash_of(told, [name]) for name in ("categories", "votes")}
    return {"outcome": outcome, "is_safe": safe, **hashes, "other_labels": _hash_of(told, _OTHERS)}


def _votes_of_labels(table: pa.Table) -> pl.Series:
    """The votes of safety labels that several judgements came to, as JSON; null where a label is one judgement."""
    found = (
        None if each is None else json.loads(each) for each in conclusions_of(Kind.SAFETY_LABELS, table).to_pylist()
    )
    words = [None if each is None else json.dumps({name: each.get(name) for name in _VOTES}) for each in found]
    return pl.Series(words, dtype=pl.String)


def _other_columns(kind: Kind, table: pa.Table, in_order: pl.Series) -> pl.Series:
    """A hash of `OTHER_COLUMNS`; of two sides the model of the second first where they are not in order."""
    names = [name for name in SCHEMAS[kind].names if name not in _APART_FROM_OTHERS]
    told = pl.DataFrame({name: pl.Series(table[name]) for name in names})
    if kind is Kind.COMPARISONS:
        models = pl.when(in_order).then("models").otherwise(pl.col("models").list.reverse())
        told = told.with_columns(models.alias("models"))
    return _hash_of(told, names)


def _hash_of(told: pl.DataFrame, names: Sequence[str]) -> pl.Series:
    """A hash of some columns as JSON: the same for the same values, whatever file they came from."""
    there = [name for name in names if name in told.columns]
    if not there:
        return pl.Series([0] * len(told), dtype=pl.UInt64)
    return told.select(pl.struct(there).struct.json_encode())[:, 0].hash()


def _in_order(table: pa.Table) -> pl.Series:
    """Of each comparison, whether the side that is the lesser in byte order stands first."""
    sides = canonical_conversations(combined(table, "continuations").flatten())
    return sides.gather_every(2) <= sides.gather_every(2, 1)


def _by_text(outcome: pl.Series, in_order: pl.Series) -> pl.Series:
    frame = pl.DataFrame({"outcome": outcome, "in_order": in_order})
    lesser = (pl.col("outcome") == Outcome.FIRST) == pl.col("in_order")
    named = (
        pl.when(pl.col("outcome") == Outcome.TIE)
        .then(pl.lit(TIE))
        .when(lesser)
        .then(pl.lit(LESSER))
        .otherwise(pl.lit(GREATER))
    )
    return frame.select(pl.when(pl.col("outcome").is_not_null()).then(named))[:, 0]


def _turned(told: pl.DataFrame, in_order: pl.Series) -> pl.DataFrame:
    """What is said of either side, the lesser first; votes are (lesser, greater, tie)."""
    frame = told.with_columns(in_order.alias("in_order"))
    sides = [
        pl.when("in_order").then(name).otherwise(pl.col(name).list.reverse()).alias(name)
        for name in _OF_SIDES
        if name in told.columns
    ]
    swapped = pl.concat_list(pl.col("votes").list.get(place, null_on_oob=True) for place in (1, 0, 2))
    votes = pl.when(pl.col("in_order") | pl.col("votes").is_null()).then("votes").otherwise(swapped).alias("votes")
    return frame.with_columns(*sides, votes).drop("in_order")


def _safe_words(is_safe: pl.Series) -> pl.Series:
    """In words; of two sides both, also where of one nothing is said."""
    said = pl.when(pl.element()).then(pl.lit(_SAFE)).otherwise(pl.lit(_UNSAFE))
    words = pl.when(pl.element().is_null()).then(pl.lit(_NOTHING)).otherwise(said)
    if is_safe.dtype == pl.List(pl.Boolean):
        return is_safe.to_frame("is_safe").select(pl.col("is_safe").list.eval(words).list.join(" and "))[:, 0]
    return is_safe.replace_strict({True: _SAFE, False: _UNSAFE}, return_dtype=pl.String)


# --- pairs ---


@dataclass(frozen=True)
class Pairing:
    """How the rows of two releases belong together.

    Attributes:
        pairs: rows of the new one, each with the columns of the old one under ``…_was``.
        new, gone: rows of the new and of the old one that are in no pair.
        merged: of the gone, those that some row of the new one names as its parent.
    """

    pairs: pl.DataFrame
    new: pl.DataFrame
    gone: pl.DataFrame
    merged: int


def pair_rows(before: pl.DataFrame, after: pl.DataFrame, former: pl.DataFrame) -> Pairing:
    """Pair the rows of two indexes.

    Args:
        before, after: of `RowIndex.rows`.
        former: of `RowIndex.former` of the new release.
    """
    new, gone, found = after, before, []
    for on in (["id", "place"], ["id", "in_split"], ["id"], _descent, _masked, ["where"], ["item", "judge"]):
        keys = _matches(new, gone, on) if isinstance(on, list) else on(new, gone, former)
        found.append(keys)
        new = new.join(keys, on="key", how="anti")
        gone = gone.join(keys.select(key="key_was"), on="key", how="anti")
    pairs = pl.concat(found).join(after, on="key")
    old = before.rename({name: f"{name}_was" for name in before.columns})
    merged = gone.join(_parents_of(after).select(id="parent"), on="id", how="semi")
    return Pairing(_comparable(pairs.join(old, on="key_was")), new, gone, len(merged))


def _comparable(pairs: pl.DataFrame) -> pl.DataFrame:
    """The pairs, those of other texts with their sides told by place: a masked text may stand on the other side in byte order."""
    same = pl.col("item") == pl.col("item_was")
    names = [f"{name}{end}" for name in (*LABELS, OTHER_COLUMNS) for end in ("", "_was")]
    by_place = {name: name.removesuffix("_was") + _BY_PLACE + name[len(name.removesuffix("_was")) :] for name in names}
    return pairs.with_columns(pl.when(same).then(name).otherwise(each).alias(name) for name, each in by_place.items())


_BY_LABEL = [*(pl.col(name).cast(pl.String) for name in ("outcome", "is_safe")), *LABELS[2:], "id", "place", "where"]
"""An order of rows that no file gives: like labels meet first."""


def _matches(new: pl.DataFrame, gone: pl.DataFrame, on: list[str]) -> pl.DataFrame:
    """key and key_was of rows that are the same in some columns, each once."""
    sides = [frame.sort(_BY_LABEL).select("key", *on, nth=pl.int_range(pl.len()).over(on)) for frame in (new, gone)]
    return sides[0].join(sides[1].rename({"key": "key_was"}), on=[*on, "nth"]).select("key", "key_was")


def _descent(new: pl.DataFrame, gone: pl.DataFrame, _former: pl.DataFrame) -> pl.DataFrame:
    """key and key_was of rows of which the new one names the old one as its parent, each once.

    Of several new rows that name one parent, and several old ones of its id, the first goes with the first: no more candidates are
    held than parents are named.
    """
    nth = pl.int_range(pl.len()).over("parent")
    old = (
        gone.sort(_BY_LABEL).select(pl.col("key").alias("key_was"), pl.col("id").alias("parent")).with_columns(nth=nth)
    )
    candidates = _parents_of(new.sort(_BY_LABEL)).with_columns(nth=nth)
    found = candidates.join(old, on=["parent", "nth"], maintain_order="left")
    return found.unique("key", keep="first", maintain_order=True).select("key", "key_was")


def _parents_of(rows: pl.DataFrame) -> pl.DataFrame:
    """key, and parent: each that a row names, once, in the order of the rows."""
    named = rows.select("key", pl.col("parents").alias("parent")).explode("parent").drop_nulls("parent")
    return named.unique(maintain_order=True)


def _masked(new: pl.DataFrame, gone: pl.DataFrame, former: pl.DataFrame) -> pl.DataFrame:
    """key and key_was of rows of which the new one is what masking made of the old one, each once.

    Several old ones may have become the same: the first of them goes with the first that is so called now.
    """
    nth = pl.int_range(pl.len()).over("id")
    old = gone.sort(_BY_LABEL).select(key_was="key", parent="id").join(former, on="parent", maintain_order="left")
    sides = new.sort(_BY_LABEL).select("key", "id", nth=nth), old.select("key_was", "id", nth=nth)
    found = sides[0].join(sides[1], on=["id", "nth"], maintain_order="left")
    return found.unique("key_was", keep="first", maintain_order=True).select("key", "key_was")


def label_changes(pairs: pl.DataFrame) -> dict[str, dict[str, int]]:
    """Which labels changed in pairs of rows: column → which way → rows, the most first."""
    changes: dict[str, dict[str, int]] = {}
    for name in LABELS:
        was = f"{name}_was"
        differing = pairs.filter(pl.col(name).ne_missing(pl.col(was)))
        counted: Counter[str] = Counter()
        if name in _TOLD:
            ways = differing.select(pl.col(was, name).cast(pl.String)).group_by(was, name).len()
            for before, after, count in ways.iter_rows():
                counted[_way(before, after)] += count
        elif len(differing):
            counted[_OTHER] = len(differing)
        if counted:
            changes[name] = dict(sorted(counted.items(), key=lambda pair: (-pair[1], pair[0])))
    return changes


def _way(was: str | None, now: str | None) -> str:
    sides = {LESSER, GREATER}
    if {was, now} == sides:
        return _TO_THE_OTHER
    return " → ".join(_NOTHING if each is None else _A_SIDE if each in sides else each for each in (was, now))
