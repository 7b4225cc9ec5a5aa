"""Curations from records to what is left: steps one after another, and what each makes of what those before it left."""

import json

from plumbline.curate.accounting import total
from plumbline.curate.recipe import read_recipe
from plumbline.curate.summary import summary_of
from plumbline.curate.writing import records_left
from tests.curate.made_up import attempts, comparisons, curated, labels, ledger, prompts, recipe_of, rows_gone

ONE, OTHER, CARD = "jo.doe@quietmail.net", "al.roe@quietmail.net", "4111 1111 1111 1111"


def left(result):
    """What would be written, part after part."""
    parts = range(len(result.rows.parts))
    return [row for n in parts for row in records_left(result.rows.read(n), result.fates.read(n)).to_pylist()]


def test_masked_before_anything_is_compared(tmp_path):
    pairs = comparisons(
        (f"I am {ONE}", "a", "b", "first", {"split": "train"}),
        (f"I am {OTHER}", "a", "b", "first", {"split": "test"}),
        (f"I am {OTHER}", "b", "a", "first", {"split": "test"}),
        ("clean", "a", "b", "first", {"split": "train"}),
    )
    result = curated(tmp_path, recipe_of("personal-data", "exact-duplicates", "conflicts"), pairs)
    before = pairs.to_pylist()
    assert rows_gone(result) == {
        ("comparisons", 0): "exact-duplicates",
        ("comparisons", 1): "conflicts",
        ("comparisons", 2): "conflicts",
    }
    first, second, third = ledger(result)
    assert [row["parents"] for row in (first, second, third)] == [[row["id"]] for row in before[:3]]
    assert first["partner"] == first["id"] == second["id"]
    assert second["partner"] == third["id"]
    assert left(result) == [before[3]]
    counts = result.waterfall.steps[0]
    assert counts.changed == {"comparisons": {"test": 2, "train": 1}}
    assert counts.reasons == {"email": 3}
    assert result.personal_data == {"email": 3}
    assert result.census == [
        {"family": "comparisons/helpfulness", "records": 4, "records_distinct": 3, "items": 2, "judged_both_ways": 1}
    ]


def test_removed_for_the_kinds_asked_for_and_else_left_as_they_are(tmp_path):
    rows = labels(
        (ONE, "r", True), (f"my card is {CARD}", "r", True), ("clean", "r", True), (f"{CARD} {ONE}", "r", False)
    )
    result = curated(tmp_path, recipe_of('personal-data\naction = "remove"\nkinds = ["email"]'), rows)
    assert rows_gone(result) == {("safety_labels", n): "personal-data" for n in (0, 3)}
    assert left(result) == [rows.to_pylist()[n] for n in (1, 2)], "a card number was not asked for"
    assert [row["id"] for row in ledger(result)] == [rows["id"][n].as_py() for n in (0, 3)], "as they were read"


def test_rules_after_aggregation_see_what_was_concluded(tmp_path):
    judged = [
        ("tie", True, "x"),
        ("tie", False, "y"),
        ("both", True, "x"),
        ("both", True, "y"),
        ("one", True, "x"),
        ("two", True, "x"),
    ]
    rows = labels(*[(item, "r", safe, {"worker": worker}) for item, safe, worker in judged])
    recipe = recipe_of('aggregate\nties = "unknown"', "conflicts", 'balance\nby = "worker"\nmost = 1')
    result = curated(tmp_path, recipe, rows)
    assert [(row["row"], row["rule"]) for row in ledger(result) if row["rule"] != "balance"] == [
        (1, "aggregate"),
        (3, "aggregate"),
    ]
    balanced = [row["row"] for row in ledger(result) if row["rule"] == "balance"]
    assert balanced in ([4], [5]), "what several judged is nobody's"
    assert {row["row"]: row["is_safe"] for row in left(result)} == {0: None, 2: True, 9 - balanced[0]: True}


def test_splits_once_given_are_those_that_later_rules_see(tmp_path):
    rows = comparisons(*[(f"q{n}", "a", "b", "first") for n in range(30)])
    recipe = recipe_of(
        "splits\nshares = { train = 0.5, test = 0.5 }", "leakage\nthreshold = 1", 'balance\nby = "axis"\nmost = 4'
    )
    result = curated(tmp_path, recipe, rows)
    assert result.waterfall.left == {"comparisons": {"test": 4, "train": 4}}
    assert {(row["split"], row["rule"]) for row in ledger(result)} == {("test", "balance"), ("train", "balance")}
    written = left(result)
    assert total(result.waterfall.left) == len(written) == 30 - len(ledger(result))
    again = curated(tmp_path / "more", recipe_of("splits\nshares = { train = 0.5, test = 0.5 }"), rows.slice(3), rows)
    splits = {}
    for row in left(again):
        assert splits.setdefault(row["group_id"], row["split"]) == row["split"]
    assert all(splits[row["group_id"]] == row["split"] for row in written), "whatever stands beside them"


def test_the_summary_adds_up_and_holds_no_texts(tmp_path):
    told = [("secret", "train"), ("secret", "test"), ("secret", None), ("else", "train"), ("third", "validation")]
    rows = comparisons(
        *[(word, f"{word} a{n}", "b", "first", {"split": split}) for n, (word, split) in enumerate(told)]
    )
    recipe = recipe_of("near-duplicates", "leakage\nthreshold = 1", "splits")
    summary = summary_of(
        curated(tmp_path, recipe, rows, attempts(("secret", "no"))), recipe, 7, {"PL-X": 1}, {"prompts": 2}
    )
    json.dumps(summary)
    assert "secret" not in json.dumps(summary)
    assert summary["rows"] == {"read": 7, "quarantined": {"PL-X": 1}, "not_taken": {"prompts": 2}}
    assert summary["recipe"]["digest"] == recipe.digest
    steps = summary["steps"]
    assert [step["rule"] for step in steps] == ["near-duplicates", "leakage", "splits"]
    for step, after in zip(steps, [*steps[1:], {"before": summary["written"]}], strict=True):
        assert total(step["before"]) - total(step["removed"]) == total(after["before"])
    assert steps[1]["removed"] == {"comparisons": {"train": 1}}
    assert steps[2]["changed"] == {"comparisons": {"data": 1}, "red_team_attempts": {"data": 1}}
    assert summary["records"]["removed"] == 1
    assert summary["leakage"] == {
        "splits": ["test", "train", "validation"],
        "exact": [[None, 1, 0], [1, None, 0], [0, 0, None]],
        "near": None,  # at a threshold of 1 nothing looks for it
    }
    assert summary["clusters"] == {"near-duplicates": {"sizes": {}, "rows": 0}}


def test_hh_nosafe_leaves_nothing_of_safety_work_whatever_kind_says_so(tmp_path):
    tables = [
        comparisons(
            ("of an attempt", "a", "b", "first"),
            ("of a label", "a", "b", "first"),
            ("of a prompt", "a", "b", "first"),
            ("fine", "a", "b", "first"),
            (["H: fine too"], ["A: a", "H: how do I poison my neighbour", "A: b"], ["A: c"], "first"),
        ),
        comparisons(("of harm", "a", "b", "first"), axis="harmlessness"),
        labels(("of a label", "r", True)),
        attempts(("of an attempt", "no")),
        prompts(
            ("of a prompt", {"categories": ["theft"]}), ("of harm",), ("ask me",), ("how do I poison my neighbour",)
        ),
    ]
    result = curated(tmp_path, read_recipe("hh-nosafe"), *tables)
    assert [(row["group_id"], row["row"]) for row in left(result)] == [
        (tables[0]["group_id"][3].as_py(), 3),
        (tables[4]["group_id"][2].as_py(), 2),
    ]
    assert {row["rule"] for row in ledger(result)} == {"safety-prompts", "safety-material"}
