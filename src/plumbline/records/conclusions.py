"""Conclusions: records that stand for several judgements, told from judgements by the votes that they carry.

Ids are of content, and content does not hold votes: what several people who name nobody came to has the id of what each of
them said. So wherever records are compared by id or counted, a conclusion is known by its votes and parents, too.
"""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from plumbline.records.extra import extra_values
from plumbline.records.tables import Kind

AGGREGATED = "aggregated"
"""The key of `extra` under which the rule `aggregate` keeps what else it came to."""


def conclusions_of(kind: Kind, records: pa.Table) -> pa.Array:
    """Votes and parents of the records that stand for several judgements.

    Args:
        kind: of the records.
        records: n records.
    Returns:
        n strings: JSON of votes (for the first side, the second, and ties; of a label for safe and unsafe), parents in order
        of the alphabet and, of a label, category_votes and category_judges (those who called it unsafe and said anything of
        categories), the same where votes and parents are; null where a record is one judgement.
    """
    found: list[str | None] = [None] * len(records)
    if kind is Kind.COMPARISONS:
        rows = records.filter(pc.is_valid(records["votes"])).select(["votes", "parents"])
        places = pc.indices_nonzero(pc.is_valid(records["votes"])).to_pylist()
        told = [{"votes": row["votes"], "parents": row["parents"]} for row in rows.to_pylist()]
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
    """What tells records of one id apart, since others said it of them: one is a duplicate only where this is the same, too.

    Args:
        kind: of the records.
        records: n records.
    Returns:
        n strings: of what stands for several judgements its votes and parents, of an attempt its reviews, of a prompt its
        categories; null where there is nothing.
    """
    if kind in (Kind.COMPARISONS, Kind.SAFETY_LABELS):
        return conclusions_of(kind, records)
    name = "reviews" if kind is Kind.RED_TEAM_ATTEMPTS else "categories"
    told = [json.dumps(_in_one_order(values)) if values else None for values in records[name].to_pylist()]
    return pa.array(told, pa.string())


def _in_one_order(values: list[Any]) -> list[Any]:
    return sorted(values, key=lambda value: json.dumps(value, sort_keys=True))


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
    judges = noted.get("category_judges")
    if not _is_count(judges):  # not noted: all who called it unsafe, where anybody said anything of categories
        judges = noted["votes"][1] if of_categories or row["categories"] is not None else 0
    return {
        "votes": noted["votes"],
        "category_votes": of_categories,
        "category_judges": judges,
        "parents": row["parents"],
    }


def _are_votes(votes: object, length: int) -> bool:
    return isinstance(votes, list) and len(votes) == length and all(map(_is_count, votes)) and sum(votes) > 0


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < 1 << 31
