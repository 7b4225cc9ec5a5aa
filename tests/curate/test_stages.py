"""Stages: what is alive and as what, what hangs together, and what repeats what."""

import pyarrow as pa
import pytest

from plumbline.curate import stages
from plumbline.curate.clusters import VERIFIED_SCHEMA, candidate_pairs
from plumbline.curate.rules import RULES
from plumbline.curate.traits.identity import identity_of
from plumbline.records import Kind
from tests.curate.made_up import comparisons, frame, labels, placed

IDENTITY = identity_of(
    Kind.SAFETY_LABELS,
    placed(labels(*[("q", f"r{n}", True, {"worker": "w", "split": "train" if n else None}) for n in range(5)])),
)


def fates_of(*rows):
    return pa.Table.from_pylist([{"reason": "r", "removed": False, **row} for row in rows], stages.FATE_SCHEMA)


def test_alive_is_what_no_step_removed_as_the_last_step_left_it():
    fates = fates_of(
        {"step": 2, "position": 0, "split": "late"},
        {"step": 0, "position": 0, "split": "early"},
        {"step": 1, "position": 1, "removed": True},
        {"step": 0, "position": 1, "split": "held"},
        {"step": 0, "position": 2, "verdict": "unsafe", "label": "{}"},
        {"step": 0, "position": 3, "label": "{}"},
    )
    columns = ["split", "verdict", "worker", "kind"]
    rows = stages.alive_rows(IDENTITY, fates, columns=columns).to_pylist()
    assert [(row["position"], row["split"], row["verdict"], row["worker"]) for row in rows] == [
        (0, "late", "safe", "w"),
        (2, "train", "unsafe", None),
        (3, "train", None, None),  # what several judgements came to is that nothing is known
        (4, "train", "safe", "w"),
    ]
    sizes = pa.table({"characters": [10, 11, 12, 13, 14]})
    told = stages.alive_rows(IDENTITY, fates, sizes, columns=["characters", "split"])
    assert told["characters"].to_pylist() == [10, 12, 13, 14]
    nothing = stages.alive_rows(IDENTITY, stages.no_fates(IDENTITY), sizes, columns=columns)
    assert nothing.schema.names == ["position", *columns]
    assert len(nothing) == 5
    gone = fates_of(*[{"step": 0, "position": n, "removed": True} for n in range(5)])
    assert len(stages.alive_rows(IDENTITY, gone, columns=columns)) == 0
    assert stages.splits_left(IDENTITY, fates)["split"].to_pylist() == ["late", "train"]
    assert stages.splits_left(IDENTITY, fates_of())["split"].to_pylist() == [None, "train"]


def verified(*pairs):
    rows = [{"a": a, "b": b, "similarity": s} for a, b, s in pairs]
    return pa.Table.from_pylist(rows, VERIFIED_SCHEMA)


def places_of(*rows, of_items=True):
    """(item, split, family)."""
    told = [{"id": f"r{n}", "item_id": i, "split": s, "family": f} for n, (i, s, f) in enumerate(rows)]
    return stages.places_of(frame(told).to_arrow(), within="family", of_items=of_items)


def repeats(places, pairs):
    found = stages.repeats_of(places, pairs).to_pylist()
    return {row["position"]: (row["partner"], row["similarity"]) for row in found}


def test_what_repeats_a_row_that_stays_goes_train_before_others():
    places = places_of(*[(f"i{n}", split, "f") for n, split in enumerate(["train", "test", "train", None, "test"])])
    chain = verified((0, 1, 0.8), (0, 2, 0.9), (2, 3, 0.75), (1, 4, 0.7))
    assert repeats(places, chain) == {0: ("r1", 0.8), 2: ("r3", 0.75), 4: ("r1", 0.7)}
    assert repeats(places, verified()) == {}
    assert repeats(places, verified((0, 2, 0.9))) == {2: ("r0", 0.9)}


def test_judgements_of_an_item_go_or_stay_together():
    # i is judged three times, k twice; of their pairs only some were candidates.
    places = places_of(*[(item, None, "f") for item in "iikik"])
    same = [(0, 1, 1.0), (0, 3, 1.0), (1, 3, 1.0), (2, 4, 1.0)]
    assert repeats(places, verified(*same)) == {}
    found = repeats(places, verified(*same, (3, 4, 0.8)))
    assert found == {2: ("r0", 0.8), 4: ("r0", 0.8)}
    apart = places_of(*[("i", None, family) for family in "ffg"], ("k", None, "g"))
    assert repeats(apart, verified((2, 3, 0.9))) == {3: ("r2", 0.9)}, "one item of two families is two"
    assert repeats(apart, verified((0, 1, 1.0))) == {}


def test_where_items_do_not_count_the_same_item_again_repeats_the_first():
    places = places_of(*[("i", None, "f")] * 3, ("k", None, "f"), of_items=False)
    same = verified((0, 1, 1.0), (0, 2, 1.0), (1, 2, 1.0), (1, 3, 0.8))
    assert repeats(places, same) == {1: ("r0", 1.0), 2: ("r0", 1.0)}, "3 is like a row that goes, and stays"


def test_clusters_are_counted_where_several_items_are_alike():
    places = places_of(*[(item, None, "f") for item in "iikmmn"])
    pairs = verified((0, 1, 1.0), (3, 4, 1.0), (1, 2, 0.8))
    assert stages.cluster_sizes(places, pairs).to_pylist() == [{"size": 3, "clusters": 1}]
    assert stages.cluster_sizes(places, verified()).num_rows == 0


def test_rows_of_one_key_hang_together_whichever_of_them_were_compared():
    keys = stages.keys_of(frame([{"group_id": g} for g in "abacbddd"]).to_arrow(), key="group_id")
    clusters = stages.clusters_of(keys, verified((0, 3, 0.9), (4, 5, 0.7)))
    found = dict(zip(clusters["position"].to_pylist(), clusters["cluster"].to_pylist(), strict=True))
    assert found == {0: 0, 2: 0, 3: 0, 1: 1, 4: 1, 5: 1, 6: 1, 7: 1}
    assert stages.clusters_of(keys, verified()).num_rows == 0


def test_rows_of_no_cluster_are_with_those_of_their_key():
    rows = frame([{"group_id": g} for g in "aabc"]).to_arrow()
    clusters = pa.table({"position": [0, 1, 3], "cluster": [0, 0, 0]})
    told = stages.with_clusters(rows, clusters, key="group_id")
    assert told["cluster"].to_pylist() == ["cluster 0", "cluster 0", "b", "cluster 0"]
    assert stages.with_clusters(rows, clusters.slice(0, 0), key="group_id")["cluster"].to_pylist() == list("aabc")


def test_a_rule_without_notes_notes_nothing():
    with pytest.raises(ValueError, match="notes nothing"):
        stages.noted(frame([{"id": "x"}]).to_arrow(), rule="exact-duplicates")


def test_rows_that_belong_to_nobody_meet_nobody():
    from plumbline.curate.traits import trait_table

    asked = "one two three four five six"
    table = placed(comparisons(*[(asked, "a", "b", None)] * 3))
    shingles = trait_table(table, trait="prompt-shingles").append_column("worker", pa.array(["x", None, "x"]))
    met = stages.bands_of(shingles, within="worker", threshold=0.7)
    assert set(met["position"].to_pylist()) == {0, 2}
    assert set(stages.bands_of(shingles, within=None, threshold=0.7)["position"].to_pylist()) == {0, 1, 2}
    assert len(candidate_pairs(met)) == 1


def test_another_version_of_a_rule_decides_nothing():
    rows = frame([{"id": "x", "split": None, "apart": None}] * 2).to_arrow()
    version = RULES["exact-duplicates"].version
    assert len(stages.judged(rows, rule="exact-duplicates", version=version, settings={})) == 1
    with pytest.raises(ValueError, match="expected version 99"):
        stages.judged(rows, rule="exact-duplicates", version=99, settings={})
