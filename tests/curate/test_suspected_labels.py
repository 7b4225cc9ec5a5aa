"""Suspected labels: polarity, by whichever id and side a score names a record; what is not on the list is counted."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from plumbline.curate.suspected_labels import LABEL_COLUMNS, Suspected, labels_left, suspected_labels
from plumbline.records import NoDataError, PlumblineError
from tests.curate.made_up import comparisons, curated, recipe_of

PAIR = {"kind": "comparisons", "axis": "harmlessness"}
REPLY = {"kind": "safety_labels", "taxonomy": "beavertails-14"}


def labels(*rows: dict) -> pl.DataFrame:
    nothing = dict.fromkeys(LABEL_COLUMNS)
    places = {"item_id": "item", "source": "file"}
    whole = [{**nothing, **places, "row": number, "known_as": [row["id"]], **row} for number, row in enumerate(rows)]
    return pl.DataFrame(whole, schema=LABEL_COLUMNS)


def scores(*rows: tuple) -> pl.DataFrame:
    schema = {"id": pl.String, "side": pl.Int8, "head": pl.String, "probability": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def listed(found: Suspected, *columns: str) -> list[tuple]:
    return pl.DataFrame(pl.from_arrow(found.table)).select(columns).rows()


def test_the_label_that_goes_worst_with_its_score_stands_first() -> None:
    records = labels(
        {**PAIR, "id": "a", "outcome": "first"},
        {**PAIR, "id": "b", "outcome": "second"},
        {**REPLY, "id": "c", "is_safe": True},
        {**REPLY, "id": "d", "is_safe": False},
        {**PAIR, "id": "tie", "outcome": "tie"},
        {**PAIR, "id": "unscored", "outcome": "first"},
    )
    told = [("a", 0, "harmlessness", 0.7), ("b", 0, "harmlessness", 0.9), ("c", None, "unsafe", 0.6)]
    found = suspected_labels(
        records, scores(*told, ("d", None, "unsafe", 0.6), ("tie", 0, None, 0.2), ("gone", 0, None, 0))
    )
    assert listed(found, "rank", "id", "label", "suggested") == [
        (1, "b", "second", "first"),
        (2, "c", "safe", "unsafe"),
        (3, "d", "unsafe", "unsafe"),
        (4, "a", "first", "first"),
    ]
    assert found.table["probability"].to_pylist() == pytest.approx([0.1, 0.4, 0.6, 0.7])
    counts = found.counts()
    assert [counts[name] for name in ("n", "scored", "unscored", "unlabelled", "unknown_ids")] == [4, 4, 1, 1, 1]
    assert {head["head"]: (head["n"], head["doubted"]) for head in counts["heads"]} == {
        "harmlessness": (2, 1),
        "unsafe": (2, 1),
    }


@pytest.mark.parametrize(("side", "probability"), [(0, 0.2), (None, 0.2), (1, 0.8)])
def test_a_score_of_the_second_side_is_turned_round(side: int | None, probability: float) -> None:
    records = labels({**PAIR, "id": "a", "outcome": "first"})
    found = suspected_labels(records, scores(("a", side, None, probability)))
    assert listed(found, "label", "probability", "suggested") == [("first", pytest.approx(0.2), "second")]


def test_of_categories_only_those_are_ranked_that_the_record_says() -> None:
    knows = {**REPLY, "is_safe": False, "categories": ["hate_speech,offensive_language"]}
    records = labels(
        {**knows, "id": "a"},
        {**REPLY, "id": "b", "is_safe": False},
        {**knows, "id": "c", "taxonomy": "own", "categories": []},
        {**knows, "id": "d", "taxonomy": "own", "categories": ["rudeness"]},
    )
    heads = ("hate_speech,offensive_language", "rudeness")
    found = suspected_labels(records, scores(*((each, None, head, 0.25) for each in "abcd" for head in heads)))
    assert listed(found, "id", "head", "label", "probability") == [
        ("a", heads[0], "applies", 0.25),
        ("d", heads[1], "applies", 0.25),
        ("c", heads[1], "does not apply", 0.75),
    ]
    assert found.unscored == 1


def test_a_record_is_found_by_the_first_of_its_ids_and_scores_on_other_axes_are_left() -> None:
    records = labels({**PAIR, "id": "now", "outcome": "first", "known_as": ["now", "row", "former"]})
    told = [("former", 0, None, 0.1), ("row", 0, None, 0.3), ("row", 0, "helpfulness", 0.9), ("row", 0, "unsafe", 0.8)]
    found = suspected_labels(records, scores(*told))
    assert listed(found, "id", "probability") == [("now", 0.3)]


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("PL-LBL-004", [("a", 0, None, 0.1), ("a", 0, None, 0.2)]),
        ("PL-LBL-004", [("a", 0, None, 0.4), ("a", 1, None, 0.4)]),
        ("PL-LBL-005", [("a", 0, None, 0.1), ("b", 0, None, 0.2)]),
        ("PL-LBL-006", [("c", 0, None, 0.1)]),
    ],
)
def test_scores_that_cannot_be_read_one_way_are_refused(code: str, told: list[tuple]) -> None:
    records = labels(
        {**PAIR, "id": "a", "outcome": "first"}, {**PAIR, "id": "b", "outcome": "first", "axis": "overall"}
    )
    with pytest.raises(PlumblineError, match=code):
        suspected_labels(records, scores(*told))


def test_copies_and_both_sides_that_agree_are_one_score() -> None:
    records = labels({**PAIR, "id": "a", "outcome": "first"}, {**PAIR, "id": "a", "outcome": "first"})
    found = suspected_labels(records, scores(("a", 0, None, 0.4), ("a", 0, None, 0.4), ("a", 1, None, 0.6)))
    assert listed(found, "rank", "row", "probability") == [(1, 0, 0.4), (2, 1, 0.4)]


def test_a_record_masked_in_its_extra_alone_is_known_by_its_own_id_and_by_no_parents(tmp_path: Path) -> None:
    """The sides of a parent may stand the other way round: its score would be read of the wrong one."""
    older, mail = "0" * 32, "jo.doe@quietmail.net"
    told = {"extra": json.dumps({"note": f"ask {mail}"}), "parents": [older]}
    table = comparisons(("q", "x", "y", "first", told), (f"I am {mail}", "x", "y", "first", {"parents": [older]}))
    result = curated(tmp_path, recipe_of("personal-data"), table)
    left = labels_left(result.rows, result.fates)
    was, now = table["id"].to_pylist(), [row["id"] for row in result.rows.read(0).to_pylist()]
    assert (mail in str(result.rows.read(0).to_pylist()), now[0] == was[0], now[1] == was[1]) == (False, True, False)
    assert left["known_as"].to_list() == [[was[0]], [now[1], was[1]]]
    with pytest.raises(NoDataError, match="PL-LBL-006"):
        suspected_labels(left, scores((older, 0, None, 0.1)))
    found = suspected_labels(left, scores(*[(id_, 0, None, 0.1) for id_ in was]))
    assert listed(found, "id", "probability") == [(id_, 0.1) for id_ in now]
