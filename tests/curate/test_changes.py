"""Changes: every one is listed, with every kind of personal data and the ids before and after."""

from plumbline.curate.accounting import total
from plumbline.curate.changes import CHANGES_SCHEMA, changes_of
from plumbline.curate.summary import summary_of
from plumbline.curate.writing import records_left
from tests.curate.made_up import attempts, comparisons, curated, labels, ledger, recipe_of

ONE, CARD = "jo.doe@quietmail.net", "4111 1111 1111 1111"


def left(result):
    """What would be written, part after part."""
    parts = range(len(result.rows.parts))
    return [row for n in parts for row in records_left(result.rows.read(n), result.fates.read(n)).to_pylist()]


def changes(result, *rules):
    """Rows of the list of changes, part after part."""
    told = []
    for number in range(len(result.rows.parts)):
        rows, fates = result.rows.read(number), result.fates.read(number)
        found = changes_of(rows, fates, records_left(rows, fates), list(rules))
        assert found.schema == CHANGES_SCHEMA
        told += found.to_pylist()
    return told


def test_what_is_removed_is_no_change(tmp_path):
    rows = labels((ONE, "r", True), ("clean", "r", True))
    result = curated(tmp_path, recipe_of('personal-data\naction = "remove"'), rows)
    assert changes(result, "personal-data") == []
    assert len(ledger(result)) == 1


def test_every_change_is_listed_with_every_kind_and_both_ids(tmp_path):
    judged = [
        (f"{ONE} {CARD}", "x", "first"),
        (f"{ONE} {CARD}", "y", "first"),
        (ONE, "x", "tie"),
        ("clean", "x", "first"),
    ]
    pairs = comparisons(*[(q, "a", "b", outcome, {"worker": worker}) for q, worker, outcome in judged])
    rules = ["personal-data", "aggregate", "splits"]
    recipe = recipe_of(*rules)
    result = curated(tmp_path, recipe, pairs, attempts((f"me {CARD}", "no")), rows_of_a_part=3)
    told = changes(result, *[step.rule.name for step in recipe.steps])
    counted = [total(step.changed) for step in result.waterfall.steps]
    assert [sum(row["step"] == step for row in told) for step in (1, 2, 3)] == counted == [4, 1, 4]
    by_row = {(row["kind"], row["row"], row["step"]): row for row in told}
    first, merged, gone = (by_row["comparisons", *at] for at in ((0, 1), (0, 2), (1, 1)))
    was = pairs["id"].to_pylist()
    assert (first["id_before"], first["reason"], first["personal_data"]) == (
        *(was[0], "credit-card, email", ["credit-card", "email"]),
    )
    written = {row["row"]: row["id"] for row in left(result) if "continuations" in row}
    lost = {row["row"]: row["id"] for row in ledger(result) if row["kind"] == "comparisons"}
    assert first["id"] == merged["id"] == {**written, **lost}[0]
    assert (merged["judgements"], merged["personal_data"], merged["reason"]) == (
        2,
        None,
        "stands for several judgements",
    )
    assert merged["id_before"] not in (was[0], merged["id"], None)
    assert (gone["id"], gone["id_before"]) == (lost[1], was[1]), "what went later is listed, too"
    assert by_row["comparisons", 3, 3]["id_before"] is None
    assert by_row["comparisons", 3, 3]["split"] is None
    assert by_row["red_team_attempts", 0, 1]["personal_data"] == ["credit-card"]
    assert result.personal_data == {"credit-card": 3, "email": 3}, "a record with both counts under both"
    (step, *_) = summary_of(result, recipe, 5, {}, {})["steps"]
    assert step["kinds"] == result.personal_data
    assert step["reasons"] == {"credit-card, email": 2, "credit-card": 1, "email": 1}
