"""Conclusions: records that stand for several judgements, told from judgements by the votes that they carry.

Ids are of content, and content does not hold votes: what several people who name nobody came to has the id of what each of
them said. So wherever records are compared by id or counted, a conclusion is known by its votes and parents, too.
"""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from plumbline.records.extra import extra_values
from plumbline.records.tables import Kind

AGGREGATED = "aggregated"
"""The key of `extra` under which the rule `aggregate` keeps what else it came to."""

_APART = {
    Kind.COMPARISONS: ("is_safe", "categories", "severity"),
    Kind.RED_TEAM_ATTEMPTS: ("outcome", "transcript_score", "description_score", "tags", "reviews"),
    Kind.PROMPTS: ("categories",),
}
MOST_VOTES = 1_000_000
"""Of one record for one side; more are no votes. So those of a thousand records can be added up."""


def conclusions_of(kind: Kind, records: pa.Table) -> pa.Array:
    """Votes and parents of the records that stand for several judgements.

    Args:
        kind: of the records.
        records: n records.
    Returns:
        n strings of JSON, the same where votes and parents are; null where a record is one judgement.
        ``votes``: for the first side, the second, and ties; of a label for safe and unsafe. ``parents``: in order of the
        alphabet. Of a pair ``sides_agree``: false where its judges said different things of a side by itself. Of a label
        ``category_votes``, and ``category_judges``: how many called it unsafe and said anything of categories.
    """
    found: list[str | None] = [None] * len(records)
    if kind is Kind.COMPARISONS:
        rows = records.filter(pc.is_valid(records["votes"])).select(["votes", "extra", "parents"])
        places = pc.indices_nonzero(pc.is_valid(records["votes"])).to_pylist()
        told = [_of_pair(row) for row in rows.to_pylist()]
    elif kind is Kind.SAFETY_LABELS:
        noted = pc.fill_null(pc.match_substring(records["extra"], f'"{AGGREGATED}"'), False)
        places = pc.indices_nonzero(noted).to_pylist()
        told = [_of_label(row) for row in records.filter(noted).select(["extra", "categories", "parents"]).to_pylist()]
    else:
        return pa.array(found, pa.string())
    for place, values in zip(places, told, strict=True):
        if _are_votes(values.get("votes"), 3 if kind is Kind.COMPARISONS else 2):
            found[place] = json.dumps({**values, "parents": sorted(values["parents"])}, sort_keys=True)
    return pa.array(found, pa.string())


def apart_of(kind: Kind, records: pa.Table) -> pa.Array:
    """What tells records of one id apart: what was said beyond what the id holds. Where it differs, neither is a duplicate.

    Args:
        kind: of the records.
        records: n records.
    Returns:
        n strings: of what stands for several judgements its votes and parents; of a comparison what was said of either side by
        itself; of an attempt its outcome, scores, tags and reviews; of a prompt its categories. Null where there is nothing.
    """
    frame = pl.DataFrame({name: _plain(records[name]) for name in _APART.get(kind, ())})
    apart = pl.Series("apart", [None] * len(records), pl.String)
    if any(column.null_count() < len(column) for column in frame):
        said = pl.when(pl.any_horizontal(pl.all().is_not_null())).then(pl.struct(frame.columns).struct.json_encode())
        apart = frame.select(said.alias("apart"))["apart"]
    conclusions = pl.Series("votes", conclusions_of(kind, records))
    both = pl.concat_str(pl.lit(conclusions), pl.lit(apart), separator="\n", ignore_nulls=True)
    found = pl.select(pl.when(both != "").then(both).alias("apart"))["apart"]
    return found.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(pa.string())


def _plain(column: pa.ChunkedArray) -> pl.Series:
    """The values; lists in one order, and null where an attempt has none."""
    values = pl.Series(column)
    if values.dtype == pl.Categorical or isinstance(values.dtype, pl.Enum):
        values = values.cast(pl.String)
    if isinstance(values.dtype, pl.List):
        inner = values.dtype.inner
        if isinstance(inner, pl.List):
            values = pl.select(pl.lit(values).list.eval(pl.element().list.sort()))[:, 0]
        elif isinstance(inner, pl.Struct):
            encoded = pl.lit(values).list.eval(pl.element().struct.json_encode()).list.sort()
            values = pl.select(pl.when(encoded.list.len() > 0).then(encoded))[:, 0]
        elif inner == pl.String:
            values = values.list.sort()
    return values


def _of_pair(row: dict[str, Any]) -> dict[str, Any]:
    noted = extra_values(row["extra"]).get(AGGREGATED)
    agree = not (isinstance(noted, dict) and noted.get("sides_agree") is False)
    return {"votes": row["votes"], "sides_agree": agree, "parents": row["parents"]}


def _of_label(row: dict[str, Any]) -> dict[str, Any]:
    noted = extra_values(row["extra"]).get(AGGREGATED)
    if not isinstance(noted, dict) or not _are_votes(noted.get("votes"), 2):
        return {}
    named = noted.get("category_votes")
    of_categories = [
        {"category": each["category"], "votes": each["votes"]}
        for each in (named if isinstance(named, list) else [])
        if isinstance(each, dict) and isinstance(each.get("category"), str) and _is_count(each.get("votes"))
    ]
    judges = noted.get("category_judges", 0)
    if "category_judges" not in noted:  # all who called it unsafe, where anybody said anything of categories
        judges = noted["votes"][1] if of_categories or row["categories"] is not None else 0
    if not _is_count(judges):
        judges = 0
    return {
        "votes": noted["votes"],
        "category_votes": of_categories,
        "category_judges": judges,
        "parents": row["parents"],
    }


def _are_votes(votes: object, length: int) -> bool:
    return isinstance(votes, list) and len(votes) == length and all(map(_is_count, votes)) and sum(votes) > 0


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value <= MOST_VOTES
