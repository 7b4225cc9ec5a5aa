"""Items judged more than once: figures by hand, who counts as a second judge, and which way verdicts point."""

import json

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from plumbline.curate.repeated import figures_of_repeated, repeated_judgements
from plumbline.curate.traits.identity import IDENTITY_SCHEMA, identity_of
from plumbline.records import Kind, comparison_table, conversation_column
from tests.models.made_up import question, reply

FLIPPED = {"safe": "unsafe", "unsafe": "safe", "lesser": "greater", "greater": "lesser", "tie": "tie"}


def identity(judged, family="safety_labels/beavertails-14", **columns):
    """Rows of (item, worker, verdict); an item is its own prompt, and its sides are its own."""
    items, workers, verdicts = zip(*judged, strict=True)
    sides = {"lesser_side": [2 * hash_of(item) for item in items], "greater_side": [2 * hash_of(i) + 1 for i in items]}
    given = {
        "position": range(len(judged)),
        "kind": [family.partition("/")[0]] * len(judged),
        "family": [family] * len(judged),
        "id": [f"row {number}" for number in range(len(judged))],
        "item_id": items,
        "group_id": items,
        "worker": workers,
        "verdict": verdicts,
        **(sides if family.startswith("comparisons") else {}),
        **columns,
    }
    table = pl.DataFrame({name: list(given.get(name, [None] * len(judged))) for name in IDENTITY_SCHEMA.names})
    return table.to_arrow().cast(IDENTITY_SCHEMA)


def hash_of(item):
    return int.from_bytes(item.encode(), "big")


def sections(rows):
    return json.loads(figures_of_repeated(repeated_judgements(rows))["sections"][0].as_py())


def value(figure):
    return figure["value"]


# Two of three items judged twice are agreed on; d was judged by one person, twice; e once; f by nobody.
LABELS = [
    *(("a", "w1", "safe"), ("a", "w2", "safe")),
    *(("b", "w1", "unsafe"), ("b", "w2", "unsafe")),
    *(("c", "w1", "safe"), ("c", "w2", "unsafe"), ("c", "w1", "unsafe")),
    *(("d", "w1", "safe"), ("d", "w1", "unsafe")),
    *(("e", "w1", "safe"), ("f", "w1", None), ("f", "w2", None)),
]


def test_labels_by_hand():
    rows = identity(
        LABELS, categories=[["hate_speech,offensive_language"] if v == "unsafe" else [] for *_, v in LABELS]
    )
    found = sections(rows)
    family = found["repeated"]["families"]["safety_labels/beavertails-14"]
    assert family == {
        "items": 3,
        "judgements": 6,
        "worker_unknown": 0,
        "set_aside": {"same worker again": 2},
    }, "what w1 says of c and of d again is no second judgement"
    # Krippendorff's alpha: disagreement 2 of 6 ratings, by chance 2 · 3 · 3 / (6 · 5): 1 − (2/6) / (18/30).
    agreement = found["agreement"]["safety_labels"]
    assert value(agreement["is_safe"]) == pytest.approx(1 - (2 / 6) / (18 / 30))
    assert agreement["hate_speech,offensive_language"] == agreement["is_safe"], "named just where it is unsafe"
    assert value(found["repeated"]["percent"]["safety_labels"]["is_safe"]) == pytest.approx(2 / 3)
    ceiling = found["noise_ceiling"]["safety_labels/beavertails-14"]
    assert value(ceiling["lower"]) == pytest.approx(2 / 3)
    assert value(ceiling["upper"]) == pytest.approx((1 + (2 * 2 / 3 - 1) ** 0.5) / 2)
    assert [(each["worker"], each["judgements"], each["model"]) for each in found["workers"]] == [
        ("w1", 3, "dawid-skene"),
        ("w2", 3, "dawid-skene"),
    ]
    assert found["repeated"]["note"] is None


def test_nothing_is_told_where_nobody_judged_a_second_time():
    assert sections(identity([("a", "w1", "safe"), ("a", "w1", "unsafe"), ("b", "w2", "safe")])) == {}
    assert sections(identity([("a", None, "safe")])) == {}


def test_rows_of_nobody_all_count_and_the_doubt_is_told():
    found = sections(identity([("a", None, "safe"), ("a", None, "safe"), ("b", None, "safe"), ("b", None, "unsafe")]))
    assert "workers" not in found
    assert "copies" in found["repeated"]["note"]
    assert value(found["repeated"]["percent"]["safety_labels"]["is_safe"]) == 0.5


def test_who_errs_is_found_whichever_way_labels_are_turned():
    rng = np.random.default_rng(0)
    truth, errs = rng.random(150) < 0.5, {"careful": 0.02, "fair": 0.1, "careless": 0.4}
    judged = [
        (f"item {item}", name, "unsafe" if truth[item] ^ (rng.random() < chance) else "safe")
        for item in range(150)
        for name, chance in errs.items()
    ]
    turned = [(item, worker, FLIPPED[verdict]) for item, worker, verdict in judged]
    called = {"unnamed-1": "careful", "unnamed-2": "careless", "unnamed-3": "fair"}
    for rows, family in ((judged, "safety_labels/pku-19"), (turned, "safety_labels/pku-19")):
        workers = sections(identity(rows, family))["workers"]
        assert not set(errs) & {each["worker"] for each in workers}, "what may be a name is not told"
        abilities = {called[each["worker"]]: value(each["ability"]) for each in workers}
        assert abilities["careless"] < 0.75 < abilities["fair"] < abilities["careful"]
    # The same of pairs whose replies are nobody else's: there Bradley–Terry is the one-coin model.
    of_pairs = [(item, worker, {"safe": "lesser", "unsafe": "greater"}[verdict]) for item, worker, verdict in judged]
    workers = sections(identity(of_pairs, "comparisons/overall"))["workers"]
    abilities = {called[each["worker"]]: value(each["ability"]) for each in workers}
    assert {each["model"] for each in workers} == {"one-coin"}
    assert abilities["careless"] < 0.75 < abilities["fair"] < abilities["careful"]


def test_a_pair_shown_the_other_way_round_is_the_same_judgement():
    """The reply that wins is the same, or the other: by its text, whichever side it stands on."""

    def told(second_outcome, *, swapped):
        sides = [
            reply("good"),
            reply("bad"),
            *([reply("bad"), reply("good")] if swapped else [reply("good"), reply("bad")]),
        ]
        continuations = pa.ListArray.from_arrays(pa.array([0, 2, 4], pa.int32()), conversation_column(sides))
        columns = {"axis": "overall", "outcome": ["first", second_outcome], "worker": ["w1", "w2"]}
        table = comparison_table(
            conversation_column([question(0)] * 2), continuations, {**columns, "source": "made-up", "row": [0, 1]}
        )
        found = sections(identity_of(Kind.COMPARISONS, table.append_column("position", pa.array([0, 1]))))
        return value(found["repeated"]["percent"]["comparisons"]["overall"])

    assert (told("first", swapped=False), told("second", swapped=True)) == (1.0, 1.0)
    assert (told("second", swapped=False), told("first", swapped=True)) == (0.0, 0.0)


def test_agreement_of_pairs_does_not_hang_on_which_side_is_the_lesser():
    judged = [("a", "w1", "lesser"), ("a", "w2", "lesser"), ("b", "w1", "lesser"), ("b", "w2", "greater")]
    judged += [("c", "w1", "lesser"), ("c", "w2", "tie")]
    turned = [(item, worker, FLIPPED[verdict] if item == "a" else verdict) for item, worker, verdict in judged]
    one, other = (sections(identity(rows, "comparisons/overall")) for rows in (judged, turned))
    figure = one["agreement"]["comparisons"]["overall"]
    assert figure == other["agreement"]["comparisons"]["overall"]
    # Twice 6 ratings, of each side 5 and 2 ties: disagreement 8 of 12, by chance (12² − 5² − 5² − 2²) / (12 · 11).
    assert value(figure) == pytest.approx(1 - (8 / 12) / (90 / 132))
    assert figure["n"] == 3


def test_ties_are_set_aside_of_the_ceiling_and_equal_sides_of_everything():
    judged = [
        *(("a", "w1", "lesser"), ("a", "w2", "lesser"), ("a", "w3", "tie")),
        *(("b", "w1", "lesser"), ("b", "w2", "greater")),
        *(("c", "w1", "lesser"), ("c", "w2", "greater")),
    ]
    same = [hash_of("c") * 2 + 1 if item == "c" else hash_of(item) * 2 for item, *_ in judged]
    found = sections(identity(judged, "comparisons/overall", lesser_side=same))
    assert found["repeated"]["families"]["comparisons/overall"]["set_aside"] == {"both sides are the same": 2}
    ceiling = found["noise_ceiling"]["comparisons/overall"]
    assert (ceiling["ties_set_aside"], value(ceiling["agreement"])) == (1, 0.5)
    assert value(found["repeated"]["percent"]["comparisons"]["overall"]) == pytest.approx((1 / 3 + 0) / 2)
