"""Rows of two releases, paired one to one: which row of the one before a row of the new one is, or has come from.

In this order, and each row once: the same record (its id) in the same folder and split, in the same split, anywhere; a record
that names the old one as its parent, or was masked from it; one in its place (source, row, axis, side, worker); one judged by the
same worker on the same item. Within each, rows are taken by their labels and ids, never in the order of files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl
import pyarrow as pa

from plumbline.curate.conclusions import GREATER, LESSER, TIE
from plumbline.curate.conversations import combined
from plumbline.records import Kind, Outcome
from plumbline.records.identity import canonical_conversations
from plumbline.release.layout import place_columns

LABELS = ("outcome", "is_safe", "categories", "votes", "other_labels")
"""What is compared of a record beside its texts."""
_TOLD = ("outcome", "is_safe")
"""Those that are told by which way they changed."""
_OTHERS = (
    *(
        "strength",
        "weight",
        "severity",
        "confidence",
        "rating",
        "transcript_score",
        "description_score",
        "tags",
        "reviews",
    ),
)
_OF_SIDES = ("is_safe", "categories", "severity")
_APART = ("axis", "side", "worker")
_SAFE, _UNSAFE = "safe", "unsafe"
_TO_THE_OTHER, _A_SIDE, _NOTHING, _OTHER = "to the other side", "a side", "not said", "other than before"
_PARENTS = pl.List(pl.UInt64)
_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    **dict.fromkeys(("folder", "split"), pl.Categorical),
    **dict.fromkeys(("place", "in_split", "id", "where", "item", "judge"), pl.UInt64),
    **dict.fromkeys(("outcome", "is_safe"), pl.Categorical),
    **dict.fromkeys(("categories", "votes", "other_labels"), pl.UInt64),
    "parents": _PARENTS,
}


@dataclass
class RowIndex:
    """Which records there are, where, and how they are labelled: hashes, 88 bytes a row and 8 for each parent."""

    _frames: list[pl.DataFrame] = field(default_factory=list)
    _former: list[pl.DataFrame] = field(default_factory=list)

    def add(self, kind: Kind, table: pa.Table) -> None:
        """Note rows."""
        places = place_columns(kind, table)
        words = {name: _words(table, name) for name in ("source", "worker", *_APART) if name in table.schema.names}
        where = pl.DataFrame({**words, "row": pl.Series(table["row"]), "kind": [kind.value] * len(table)}).hash_rows()
        frame = places.with_columns(
            place=places.hash_rows(),
            in_split=places["split"].hash(),
            id=_words(table, "id").hash(),
            where=where,
            item=_items(kind, table),
            judge=words["worker"].hash() if "worker" in words else pl.lit(0, pl.UInt64),
            parents=_hashed_lists(table, "parents"),
            **_labels(kind, table),
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
        return pl.concat(self._former) if self._former else pl.DataFrame(schema={"id": pl.UInt64, "parent": pl.UInt64})


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


def _labels(kind: Kind, table: pa.Table) -> dict[str, pl.Series]:
    """The columns of `LABELS`; what is said of sides in the order of their texts, whichever stands first."""
    names = set(table.schema.names)
    told = pl.DataFrame({name: pl.Series(table[name]) for name in (*LABELS, *_OTHERS) if name in names - {"outcome"}})
    if "categories" in names:
        by_side = kind is Kind.COMPARISONS
        sorted_names = pl.element().list.sort() if by_side else pl.element().sort()
        told = told.with_columns(
            pl.col("categories").list.eval(sorted_names) if by_side else pl.col("categories").list.sort()
        )
    outcome = _words(table, "outcome") if "outcome" in names else pl.Series([None] * len(table), dtype=pl.String)
    if kind is Kind.COMPARISONS:
        in_order = _in_order(table)
        outcome, told = _by_text(outcome, in_order), _turned(told, in_order)
    nothing = pl.Series([None] * len(table), dtype=pl.String)
    safe = _safe_words(told["is_safe"]) if "is_safe" in told.columns else nothing
    hashes = {name: _hash_of(told, [name]) for name in ("categories", "votes")}
    return {"outcome": outcome, "is_safe": safe, **hashes, "other_labels": _hash_of(told, _OTHERS)}


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
    """In words; of two sides both."""
    words = pl.when(pl.element()).then(pl.lit(_SAFE)).otherwise(pl.lit(_UNSAFE))
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
    named = after.select("key", "id", parent="parents").explode("parent").drop_nulls("parent")
    masked = after.select("key", "id").join(former, on="id")
    parents = pl.concat([named, masked.select(named.columns)])
    new, gone, found = after, before, []
    for on in (["id", "place"], ["id", "in_split"], ["id"], None, ["where"], ["item", "judge"]):
        keys = _descent(new, gone, parents) if on is None else _matches(new, gone, on)
        found.append(keys)
        new = new.join(keys, on="key", how="anti")
        gone = gone.join(keys.select(key="key_was"), on="key", how="anti")
    pairs = pl.concat(found).join(after, on="key")
    old = before.rename({name: f"{name}_was" for name in before.columns})
    merged = gone.join(parents.select(id="parent").unique(), on="id", how="semi")
    return Pairing(pairs.join(old, on="key_was"), new, gone, len(merged))


_BY_LABEL = [*(pl.col(name).cast(pl.String) for name in ("outcome", "is_safe")), *LABELS[2:], "id", "place", "where"]
"""An order of rows that no file gives: like labels meet first."""


def _matches(new: pl.DataFrame, gone: pl.DataFrame, on: list[str]) -> pl.DataFrame:
    """key and key_was of rows that are the same in some columns, each once."""
    sides = [frame.sort(_BY_LABEL).select("key", *on, nth=pl.int_range(pl.len()).over(on)) for frame in (new, gone)]
    return sides[0].join(sides[1].rename({"key": "key_was"}), on=[*on, "nth"]).select("key", "key_was")


def _descent(new: pl.DataFrame, gone: pl.DataFrame, parents: pl.DataFrame) -> pl.DataFrame:
    """key and key_was of rows of which the new one names the old one as its parent, each once."""
    old = gone.sort(_BY_LABEL).select(key_was="key", parent="id")
    candidates = (
        new.sort(_BY_LABEL)
        .select("key")
        .join(parents, on="key", maintain_order="left")
        .join(old, on="parent", maintain_order="left_right")
    )
    once = candidates.unique("key_was", keep="first", maintain_order=True)
    return once.unique("key", keep="first", maintain_order=True).select("key", "key_was")


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
