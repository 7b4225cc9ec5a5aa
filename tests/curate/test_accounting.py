"""Accounting: rows in = rows out + rows removed, whatever splits rows get on the way."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plumbline.curate.accounting import LEDGER_SCHEMA, census_of, ledger_of, tally_of, total, waterfall
from plumbline.curate.stages import FATE_SCHEMA, alive_rows
from plumbline.curate.traits.identity import identity_of
from plumbline.records import Kind
from tests.curate.made_up import attempts, comparisons, labels, placed, prompts

PAIRS = comparisons(
    *[
        (f"q{n}", "a", "b", "first", {"split": split, "worker": "w"})
        for n, split in enumerate([None, None, None, "train", "test"])
    ]
)


def fates_of(*decided):
    """(step, position, what) where what is "removed", a split or None."""
    return pa.Table.from_pylist(
        [
            {
                "step": step,
                "position": position,
                "removed": what == "removed",
                "reason": f"reason {step}",
                "split": None if what == "removed" else what,
                "partner": "p" if what == "removed" else None,
            }
            for step, position, what in decided
        ],
        FATE_SCHEMA,
    )


def counted(table, fates, steps):
    identity = identity_of(Kind.COMPARISONS, placed(table))
    return waterfall(tally_of(identity, fates), steps), identity


def test_a_row_is_counted_where_it_stood_when_the_rule_came():
    fates = fates_of(
        (0, 0, "train"), (0, 1, "test"), (0, 4, None), (1, 0, "removed"), (1, 3, "removed"), (2, 1, "removed")
    )
    found, _ = counted(PAIRS, fates, 3)
    assert found.read == {"comparisons": {"data": 3, "test": 1, "train": 1}}
    splits, first, second = found.steps
    assert (splits.before, splits.changed, splits.removed) == (found.read, {"comparisons": {"data": 2, "test": 1}}, {})
    assert first.before == {"comparisons": {"data": 1, "test": 2, "train": 2}}
    assert first.removed == {"comparisons": {"train": 2}}
    assert first.reasons == {"reason 1": 2}
    assert second.removed == {"comparisons": {"test": 1}}
    assert found.left == {"comparisons": {"data": 1, "test": 1}}
    rows = ledger_of(placed(PAIRS), fates, rules=["splits", "leakage", "near-duplicates"])
    assert rows.schema == LEDGER_SCHEMA
    told = [(row["row"], row["split"], row["step"], row["rule"], row["reason"]) for row in rows.to_pylist()]
    assert told == [
        (0, "train", 2, "leakage", "reason 1"),
        (1, "test", 3, "near-duplicates", "reason 2"),
        (3, "train", 2, "leakage", "reason 1"),
    ], "the ledger and the waterfall name one split"


def test_a_rule_that_decides_of_more_than_there_is_is_found_out():
    with pytest.raises(ValueError, match="step 2"):
        counted(PAIRS, fates_of((0, 3, "removed"), (1, 3, "removed")), 2)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.sampled_from(["removed", "train", "held", None, "-"]), min_size=5, max_size=5), max_size=4))
def test_nothing_is_lost_or_counted_twice(steps):
    decided, dead = [], set()
    for step, whats in enumerate(steps):
        for position, what in enumerate(whats):
            if what != "-" and position not in dead:
                decided.append((step, position, what))
                dead |= {position} if what == "removed" else set()
    fates = fates_of(*decided)
    found, identity = counted(PAIRS, fates, len(steps))
    assert total(found.read) == 5 == total(found.left) + sum(total(step.removed) for step in found.steps)
    for step, after in zip(found.steps, [*found.steps[1:], None], strict=True) if found.steps else []:
        assert total(step.before) - total(step.removed) == total(after.before if after else found.left)
    left = alive_rows(identity, fates, columns=["split"]).to_pylist()
    by_split = {}
    for row in left:
        by_split[row["split"] or "data"] = by_split.get(row["split"] or "data", 0) + 1
    assert found.left.get("comparisons", {}) == by_split
    assert len(ledger_of(placed(PAIRS), fates, rules=[str(n) for n in range(4)])) == len(dead)


@pytest.mark.parametrize(
    "table", [labels(("q", "r", True)), attempts(("q", "r")), prompts(("q",)), comparisons(("q", "a", "b", None))]
)
def test_the_ledger_of_every_kind(table):
    rows = ledger_of(placed(table), fates_of((0, 0, "removed")), rules=["x"])
    (row,) = rows.to_pylist()
    assert rows.schema == LEDGER_SCHEMA
    assert (row["id"], row["source"], row["partner"], row["kind"]) == (
        table["id"][0].as_py(),
        "made-up",
        "p",
        row["kind"],
    )
    assert set(LEDGER_SCHEMA.names) & set(table.schema.names) >= {"id", "source", "row", "split"}
    assert ledger_of(placed(table), fates_of(), rules=["x"]).schema == LEDGER_SCHEMA


def test_the_census_by_hand():
    told = [("q", "a", "b", "first"), ("q", "b", "a", "second"), ("q", "a", "b", "first"), ("q", "a", "b", "second")]
    tied = [("t", "a", "b", "first"), ("t", "a", "b", "tie"), ("t", "a", "b", None)]
    rows = identity_of(Kind.COMPARISONS, placed(comparisons(*told, *tied, ("once", "a", "b", "first"))))
    assert census_of(rows).to_pylist() == [
        {
            "family": "comparisons/helpfulness",
            "records": 8,
            "records_distinct": 7,
            "items": 3,
            "judged_both_ways": 1,
        }
    ]
    assert census_of(rows.slice(0, 0)).num_rows == 0
