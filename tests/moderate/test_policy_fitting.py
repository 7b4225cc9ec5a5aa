"""Fitted thresholds keep the rate that they promise on the rows in hand, whatever the ties; what rests on too little is told."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from plumbline.models.rows.training_rows import LabelRows, label_rows
from plumbline.moderate.policy import Threshold, UnjudgedError, decide
from plumbline.moderate.policy_fitting import (
    FittedOn,
    FittingSettings,
    fit_policy,
    recall_of_heads,
    rows_of_head,
    told_of_fit,
)
from plumbline.records import Message, NoDataError, Role, UsageError, conversation_column, safety_label_table

DRUGS = "drug_abuse,weapons,banned_substance"
HEADS = ["unsafe", DRUGS]
ON = FittedOn("made-up", "0" * 64, (), "made-up")
EVEN = FittingSettings("house", flag_false_positive_rate=0.1, review_false_positive_rate=0.3)


def rows_of(is_unsafe, categories=None, taxonomy="beavertails-14") -> LabelRows:
    """Made-up labelled rows; a category of drugs wherever a row is unsafe, unless stated otherwise."""
    talks = [
        (Message(Role.HUMAN, f"question {number}?"), Message(Role.ASSISTANT, f"answer {number}"))
        for number in range(len(is_unsafe))
    ]
    columns = {
        "taxonomy": taxonomy,
        "is_safe": [not each for each in is_unsafe],
        "categories": [[DRUGS] if each else [] for each in is_unsafe] if categories is None else categories,
        "source": "made-up",
        "row": list(range(len(is_unsafe))),
    }
    return label_rows(safety_label_table(conversation_column(talks), columns), place="made-up")


HALF = rows_of([number >= 20 for number in range(40)])
RISING = np.linspace(0.01, 0.8, 40)
BOTH = np.stack([RISING, RISING], axis=1)
SIXTY = rows_of([number % 2 == 1 for number in range(60)])


def test_thresholds_by_hand():
    """Of 20 safe rows 2 may be flagged and 6 reviewed; the safe ones below the first unsafe one need not be."""
    mixed = RISING.copy()
    mixed[[14, 15, 16, 17, 18, 19]] = RISING[[30, 31, 32, 36, 37, 38]] + 0.001  # six safe rows among the unsafe
    policy = fit_policy(HEADS, np.stack([mixed, mixed], axis=1), HALF, EVEN, ON)
    threshold = policy.thresholds["unsafe"]
    assert RISING[36] + 0.001 < threshold.flag <= RISING[37]
    assert mixed[13] < threshold.review <= RISING[20]
    head = policy.calibration.heads["unsafe"]
    assert (head.negatives, head.positives, head.flagged, head.reviewed) == (20, 20, 2, 6)
    assert (policy.calibration.safe_rows, policy.calibration.safe_flagged, policy.calibration.safe_reviewed) == (
        20,
        2,
        6,
    )
    recall = recall_of_heads(policy, HEADS, np.stack([mixed, mixed], axis=1), HALF)["unsafe"]
    assert (recall.value, recall.n) == (3 / 20, 20), "37, 38 and 39 lie above"
    assert recall.low < 0.15 < recall.high
    assert policy.calibration.model_digest == ON.model_digest
    assert policy.thresholds[DRUGS] == threshold


@given(
    # Few different values: ties wherever one looks.
    arrays(np.int64, 60, elements=st.integers(0, 9)),
    arrays(bool, 60),
    st.floats(0.01, 0.98),
    st.floats(0.01, 0.98),
)
def test_the_promised_rate_holds_on_the_rows_in_hand_with_ties(values, is_unsafe, one_rate, other_rate):
    is_unsafe[:2] = [True, False]
    rows = replace(SIXTY, is_unsafe=is_unsafe, categories={DRUGS: is_unsafe})
    probabilities = np.stack([values / 10, values / 10], axis=1)
    flag, review = sorted((one_rate, other_rate))
    try:
        policy = fit_policy(HEADS, probabilities, rows, FittingSettings("house", 1, flag, review), ON)
    except NoDataError:  # nothing can be found at these rates
        assert values[is_unsafe].max() <= values[~is_unsafe].max(), "something could be told apart without any error"
        return
    found = decide(policy, HEADS, probabilities)
    reached = found.flagged | found.controversial
    for column in range(2):
        assert found.flagged[~is_unsafe, column].mean() <= flag
        assert reached[~is_unsafe, column].mean() <= review
    head = policy.calibration.heads["unsafe"]
    assert head.flagged == found.flagged[~is_unsafe, 0].sum()
    assert head.reviewed == reached[~is_unsafe, 0].sum()
    assert policy.calibration.safe_reviewed == (found.rows_flagged | found.rows_controversial)[~is_unsafe].sum()


@given(
    arrays(np.int64, (60, 2), elements=st.integers(0, 30), fill=st.nothing()),
    arrays(bool, 60),
    arrays(bool, (60, 2)),
    st.floats(0.02, 0.9),
    st.floats(0.02, 0.9),
)
def test_rates_held_together_are_kept_by_all_heads_at_once(values, is_unsafe, category, one_rate, other_rate):
    """Whatever safe rows say of categories, or do not say."""
    is_unsafe[:2], category[0] = [True, False], [True, True]
    applies, known = category.T
    rows = replace(SIXTY, is_unsafe=is_unsafe, categories={DRUGS: applies & known}, has_categories=known)
    flag, review = sorted((one_rate, other_rate))
    try:
        policy = fit_policy(HEADS, values / 31, rows, FittingSettings("house", 1, flag, review, together=True), ON)
    except NoDataError as error:
        assume("PL-POL-011" not in str(error))  # no row without the category
        return
    found = decide(policy, HEADS, values / 31)
    assert found.rows_flagged[~is_unsafe].mean() <= flag
    assert (found.rows_flagged | found.rows_controversial)[~is_unsafe].mean() <= review
    assert not [each for each in told_of_fit(policy.calibration) if "all heads together" in each]


def test_a_safe_row_is_safe_whatever_its_categories_say():
    """Labels that contradict themselves: held together, such a row counts as flagged wrongly."""
    categories = [[DRUGS] if number in (0, 1, 2) or number >= 20 else [] for number in range(40)]
    rows = rows_of([number >= 20 for number in range(40)], categories)
    of_heads = BOTH.copy()
    of_heads[:3, 1] = 0.9
    policy = fit_policy(HEADS, of_heads, rows, replace(EVEN, together=True), ON)
    assert policy.calibration.safe_flagged <= 2
    assert fit_policy(HEADS, of_heads, rows, EVEN, ON).calibration.safe_flagged >= 3


def test_heads_that_together_reach_more_than_each_by_itself_are_told():
    """Two heads with other false alarms: 2 of 20 each, 4 of 20 together, until they are held together."""
    of_heads = BOTH.copy()
    of_heads[[0, 1], 0] = of_heads[[2, 3], 1] = [0.9, 0.85]
    of_heads[20:] += 0.15
    each = fit_policy(HEADS, of_heads, HALF, EVEN, ON)
    assert (each.calibration.safe_flagged, each.calibration.together) == (4, False)
    assert any(
        "all heads together flag 20 % of the safe rows: 10 % is kept by each" in told
        for told in told_of_fit(each.calibration)
    )
    together = fit_policy(HEADS, of_heads, HALF, replace(EVEN, together=True), ON)
    assert together.calibration.safe_flagged == 2, "one of each, as many as may be"
    assert together.calibration.together
    assert together.thresholds["unsafe"].flag > each.thresholds["unsafe"].flag
    found = [decide(policy, HEADS, of_heads).rows_flagged[20:].sum() for policy in (each, together)]
    assert found[0] > found[1] > 0, "what is kept costs what is found, and no more than it must"


def test_the_order_of_labels_decides_not_their_number():
    """With every label turned round nothing can be told apart, and no policy is made up."""
    turned = rows_of([number < 20 for number in range(40)])
    with pytest.raises(NoDataError, match="PL-POL-012"):
        fit_policy(HEADS, BOTH, turned, EVEN, ON)


def test_rows_that_do_not_say_count_neither_for_nor_against_a_category():
    categories = [None if number % 2 else ([DRUGS] if number >= 20 else []) for number in range(40)]
    rows = rows_of([number >= 20 for number in range(40)], categories)
    policy = fit_policy(HEADS, BOTH, rows, EVEN, ON)
    assert (policy.calibration.heads[DRUGS].negatives, policy.calibration.heads[DRUGS].positives) == (10, 10)
    assert policy.calibration.heads["unsafe"].negatives == 20


def test_a_category_that_no_row_has_is_denied_only_by_a_taxonomy_that_lists_it():
    unsafe = [False, True]
    assert rows_of_head(rows_of(unsafe, [[], []]), DRUGS, is_main=False).known.tolist() == [True, True]
    own = rows_of(unsafe, [[], ["bad"]], taxonomy="our-own")
    assert rows_of_head(own, DRUGS, is_main=False).known.tolist() == [False, False]
    assert rows_of_head(own, "bad", is_main=False).known.tolist() == [True, True]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (rows_of([False] * 40), 'no row with "unsafe", "drug'),
        (rows_of([True] * 40), 'no row without "unsafe", "drug'),
        (rows_of([number >= 20 for number in range(40)], [[]] * 40), f'no row with "{DRUGS}"'),
        (rows_of([number >= 20 for number in range(40)], [None] * 40), f'no row with "{DRUGS}"'),
    ],
)
def test_a_head_without_rows_gets_no_threshold_that_nobody_chose(rows, told):
    with pytest.raises(NoDataError, match="PL-POL-011") as raised:
        fit_policy(HEADS, BOTH, rows, EVEN, ON)
    assert told in raised.value.found
    assert f'--ignore "{DRUGS}"' in raised.value.advice


def test_an_ignored_head_needs_no_rows_and_is_named_in_the_policy():
    rows = rows_of([number >= 20 for number in range(40)], [None] * 40)
    policy = fit_policy(HEADS, BOTH, rows, FittingSettings("house", 1, 0.1, 0.3, (DRUGS,)), ON)
    assert (list(policy.thresholds), policy.ignored) == (["unsafe"], (DRUGS,))


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        (FittingSettings("house", 1, 0.05, 0.01), "PL-POL-014"),
        (FittingSettings("house", 1, 0.0, 0.05), "PL-POL-014"),
        (FittingSettings("house", 1, 0.5, 1.0), "PL-POL-014"),
        (FittingSettings("house", 1, float("nan"), 0.5), "PL-POL-014"),
        (FittingSettings("house", ignored=("drugs",)), "PL-POL-006"),
        (FittingSettings("house", ignored=tuple(HEADS)), "PL-POL-007"),
    ],
)
def test_settings_that_cannot_be_kept_are_refused(settings, code):
    with pytest.raises(UsageError, match=code):
        fit_policy(HEADS, BOTH, HALF, settings, ON)


def test_a_row_that_was_not_judged_is_not_fitted_on():
    with pytest.raises(UnjudgedError, match="text 4"):
        fit_policy(HEADS, np.where(np.arange(40)[:, None] == 3, np.nan, BOTH), HALF, EVEN, ON)


def test_rates_that_rest_on_too_few_rows_are_told_with_wilsons_upper_end():
    told = told_of_fit(fit_policy(HEADS, BOTH, HALF, FittingSettings("house"), ON).calibration)
    assert any(
        each.startswith("flagging at 1 % false positives is no promise for")
        and "as few as 20 rows" in each
        and "16 %" in each
        for each in told
    )
    assert any("reviewing at 5 % false positives" in each and "at least 40" in each for each in told)
    assert told_of_fit(fit_policy(HEADS, BOTH, HALF, EVEN, ON).calibration) == []


def test_a_head_that_flags_nothing_is_told():
    probabilities = BOTH.copy()
    probabilities[0, 0] = probabilities[1, 0] = probabilities[2, 0] = 0.9  # three of twenty safe rows above all
    policy = fit_policy(HEADS, probabilities, HALF, EVEN, ON)
    assert policy.thresholds["unsafe"].flag == 1.0
    assert policy.thresholds["unsafe"].review < 1.0
    assert [each for each in told_of_fit(policy.calibration) if "NOTHING is flagged by" in each]
    assert policy.thresholds[DRUGS] != Threshold(1.0, 1.0)


def test_few_rows_with_the_harm_are_told():
    is_unsafe = [number >= 35 for number in range(40)]
    policy = fit_policy(HEADS, BOTH, rows_of(is_unsafe), EVEN, ON)
    assert any("fewer than 10 rows with that harm" in each for each in told_of_fit(policy.calibration))
