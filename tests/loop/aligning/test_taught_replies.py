"""Which replies of a source a policy is taught; what was judged worse or unsafe never slips in."""

import pytest

from plumbline.formats import Loaded
from plumbline.lineage import ALL_USES, Terms, Use, with_terms
from plumbline.loop.aligning.taught_replies import taught_replies
from plumbline.records import (
    Axis,
    Kind,
    NoDataError,
    PermittedUseError,
    UsageError,
    records_from_table,
    table_from_records,
)
from tests.models.made_up import BAD, GOOD, labels_table, pairs_table


def loaded(**tables):
    terms = Terms(ALL_USES, "MIT")
    kinds = {Kind(name): table for name, table in tables.items()}
    return Loaded(kinds, [], [], 1, [], {}, terms)


def said(taught):
    return {conversation[-1].text.rsplit(" ", 1)[0] for conversation in taught.said}


@pytest.mark.parametrize(("flipped", "expected"), [(False, GOOD), (True, BAD)])
def test_the_better_side_is_learnt_whichever_stands_first(flipped, expected):
    found = taught_replies(
        loaded(comparisons=pairs_table(60, flipped=flipped)), "better", place="made-up", override_uses=False
    )
    assert said(found) == set(expected)
    assert (len(found.said), found.repeated, found.not_meant) == (60, 0, 0)


def test_a_tie_and_what_nobody_judged_have_no_better_side():
    import dataclasses

    table = pairs_table(6)
    records = list(records_from_table(table))
    changed = [
        dataclasses.replace(each, outcome=outcome) for each, outcome in zip(records, ["tie", None] * 3, strict=True)
    ]
    unjudged = with_terms(table_from_records(changed), Terms(ALL_USES, "MIT"))
    with pytest.raises(NoDataError, match="PL-SUP-005"):
        taught_replies(loaded(comparisons=unjudged), "better", place="made-up", override_uses=False)


def test_a_reply_is_safe_only_where_every_label_says_so():
    import dataclasses

    table = labels_table(60)
    records = list(records_from_table(table))
    safe = [each for each in records if each.is_safe]
    doubted = dataclasses.replace(safe[0], is_safe=False, worker="another")
    unknown = dataclasses.replace(safe[1], is_safe=None, worker="another")
    both = with_terms(table_from_records([*records, doubted, unknown]), Terms(ALL_USES, "MIT"))
    found = taught_replies(loaded(safety_labels=both), "safe", place="made-up", override_uses=False)
    assert set(found.said) == {each.conversation for each in safe[2:]}
    assert found.not_meant == 62 - len(found.said)
    every = taught_replies(loaded(safety_labels=both), "all", place="made-up", override_uses=False)
    assert (len(set(every.said)), every.repeated, every.not_meant) == (60, 2, 0)


def test_terms_are_kept_and_the_choice_must_be_made():
    table = with_terms(pairs_table(6), Terms(frozenset({Use.PREFERENCE, Use.POLICY}), "MIT"))
    with pytest.raises(PermittedUseError, match="PL-USE-001"):
        taught_replies(loaded(comparisons=table), "better", place="made-up", override_uses=False)
    assert taught_replies(loaded(comparisons=table), "better", place="made-up", override_uses=True)
    for wrong in (None, "best"):
        with pytest.raises(UsageError, match="PL-SUP-004"):
            taught_replies(loaded(comparisons=table), wrong, place="made-up", override_uses=True)


def test_what_is_better_on_one_axis_is_not_mixed_with_what_is_better_on_another():
    """The same pairs, judged the other way round on the second axis."""
    import pyarrow as pa

    helpful, harmless = pairs_table(20, axis="helpfulness"), pairs_table(20, flipped=True, axis="harmlessness")
    both = loaded(comparisons=pa.concat_tables([helpful, harmless]))
    with pytest.raises(UsageError, match="PL-TRN-011"):
        taught_replies(both, "better", place="made-up", override_uses=False)
    for axis, expected in ((Axis.HELPFULNESS, GOOD), (Axis.HARMLESSNESS, BAD)):
        found = taught_replies(both, "better", on=axis, place="made-up", override_uses=False)
        assert said(found) == set(expected)
