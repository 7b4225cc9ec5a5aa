"""Identity: verdicts by the order of the texts, whichever side stood first, and replies that are known again."""

import pytest

from plumbline.curate.traits.identity import IDENTITY_SCHEMA, identity_of
from plumbline.records import Kind
from tests.curate.made_up import attempts, comparisons, labels, placed, prompts

TURNED = {"first": "second", "second": "first", "tie": "tie", None: None}
REPLIES = [("aa", "b"), ("b", "aa"), ("é", "z"), ("Z", "a"), ("same", "same")]


@pytest.mark.parametrize("outcome", ["first", "second", "tie", None])
@pytest.mark.parametrize("axis", ["helpfulness", "harmlessness"])
def test_shown_the_other_way_round_the_verdict_is_the_same(outcome, axis):
    plain = comparisons(*[("q", one, other, outcome) for one, other in REPLIES], axis=axis)
    turned = comparisons(*[("q", other, one, TURNED[outcome]) for one, other in REPLIES], axis=axis)
    one, other = (identity_of(Kind.COMPARISONS, placed(table)) for table in (plain, turned))
    assert one.schema == IDENTITY_SCHEMA
    same = [name for name in IDENTITY_SCHEMA.names if name not in ("id", "in_order", "verdict")]
    assert one.select(same).equals(other.select(same))
    distinct = slice(0, len(REPLIES) - 1)
    assert one["verdict"].to_pylist()[distinct] == other["verdict"].to_pylist()[distinct]
    assert one["in_order"].to_pylist()[distinct] == [not told for told in other["in_order"].to_pylist()[distinct]]
    flipped = identity_of(
        Kind.COMPARISONS, placed(comparisons(*[("q", *r, TURNED[outcome]) for r in REPLIES], axis=axis))
    )
    opposite = {"lesser": "greater", "greater": "lesser", "tie": "tie", None: None}
    assert flipped["verdict"].to_pylist() == [opposite[told] for told in one["verdict"].to_pylist()]
    # The better side, whichever stands first.
    first = one.to_pylist()[0]
    if outcome in ("first", "second"):
        assert (first["verdict"] == "lesser") == ((outcome == "first") == first["in_order"])


def test_a_reply_is_known_again_in_another_comparison_of_the_same_prompt():
    table = comparisons(("q", "x", "y", None), ("q", "z", "x", None), ("other", "x", "y", None))
    rows = identity_of(Kind.COMPARISONS, placed(table)).to_pylist()
    sides = [{row["lesser_side"], row["greater_side"]} for row in rows]
    assert len(sides[0] & sides[1]) == 1
    assert not sides[2] & (sides[0] | sides[1]), "after another prompt it is another reply"


def test_other_kinds():
    told = identity_of(
        Kind.SAFETY_LABELS, placed(labels(("q", "r", True, {"categories": []}), ("q", "r", False), ("q", "r", None)))
    ).to_pylist()
    assert [row["verdict"] for row in told] == ["safe", "unsafe", None]
    assert [row["categories"] for row in told] == [[], None, None]
    assert {row["family"] for row in told} == {"safety_labels/beavertails-14"}
    assert len({r["item_id"] for r in told}) == 1
    for kind, table in ((Kind.RED_TEAM_ATTEMPTS, attempts(("q", "r"))), (Kind.PROMPTS, prompts(("q",)))):
        (row,) = identity_of(kind, placed(table, 5)).to_pylist()
        assert (row["position"], row["family"], row["verdict"]) == (5, kind.value, None)
        assert row["item_id"] == row["id"] == table["id"][0].as_py()
    for kind, table in ((Kind.COMPARISONS, comparisons(("q", "a", "b", None))), (Kind.PROMPTS, prompts(("q",)))):
        assert identity_of(kind, placed(table.slice(0, 0))).schema == IDENTITY_SCHEMA
