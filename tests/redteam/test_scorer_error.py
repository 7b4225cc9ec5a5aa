"""The corrected rate: against numbers worked out by hand, and against a known truth in simulation."""

import math

import numpy as np
import pytest

from plumbline.measure import Bootstrap
from plumbline.redteam.scorer_error import Labelled, corrected_rate


def each(count):
    """Groups of one row."""
    return np.arange(count).astype(str)


def said(yes, no):
    return np.repeat([True, False], [yes, no])


def labelled(found, missed, spared, false_alarms, groups=None):
    is_harmful = said(found + missed, spared + false_alarms)
    is_flagged = np.repeat([True, False, False, True], [found, missed, spared, false_alarms])
    return Labelled(is_harmful, is_flagged, each(len(is_harmful)) if groups is None else groups)


def test_the_estimate_and_its_interval_by_hand():
    # 60 of 200 attempts, sensitivity 80/100, specificity 95/100: (0.3 - 0.05) / 0.75.
    figure = corrected_rate(said(60, 140), each(200), labelled(80, 20, 95, 5))
    assert figure.value == pytest.approx(1 / 3)
    assert figure.n == 200
    # Lang & Reiczigel's formula, step by step.
    z = 1.959963984540054
    p, se, sp = (60 + z * z / 2) / (200 + z * z), 81 / 102, 96 / 102
    centre = (p + sp - 1) / (se + sp - 1)
    of_se, of_sp = se * (1 - se) / 102, sp * (1 - sp) / 102
    shift = 2 * z * z * (centre * of_se - (1 - centre) * of_sp)
    spread = math.sqrt(p * (1 - p) / (200 + z * z) + centre**2 * of_se + (1 - centre) ** 2 * of_sp) / (se + sp - 1)
    assert (figure.low, figure.high) == pytest.approx((centre + shift - z * spread, centre + shift + z * spread))


def test_a_scorer_without_known_error_leaves_the_rate_as_it_is():
    figure = corrected_rate(said(60, 140), each(200), labelled(10_000, 0, 10_000, 0))
    assert figure.value == pytest.approx(0.3)
    assert (figure.low, figure.high) == pytest.approx((0.240, 0.367), abs=0.002)


def test_fewer_labels_make_the_interval_wider():
    widths = [
        figure.high - figure.low
        for size in (1, 4, 16)
        if (figure := corrected_rate(said(60, 140), each(200), labelled(20 * size, 5 * size, 24 * size, size)))
    ]
    assert widths[0] > widths[1] > widths[2] > 0


def test_attempts_and_labels_of_one_prompt_count_less_than_as_many_prompts():
    alone = corrected_rate(said(60, 140), each(200), labelled(80, 20, 95, 5))
    of_twenty_prompts = np.repeat(np.arange(20), 10).astype(str)
    together = corrected_rate(said(60, 140), of_twenty_prompts, labelled(80, 20, 95, 5))
    shared_labels = labelled(80, 20, 95, 5, groups=np.repeat(np.arange(20), 10).astype(str))
    with_shared = corrected_rate(said(60, 140), each(200), shared_labels)
    assert together.value == with_shared.value == alone.value
    for figure in (together, with_shared):
        assert figure.high - figure.low > 1.05 * (alone.high - alone.low)


def test_a_rate_at_the_edge_is_not_called_certain():
    for groups in (each(40), np.repeat(np.arange(8), 5).astype(str)):
        figure = corrected_rate(said(0, 40), groups, labelled(90, 10, 99, 1))
        assert (figure.value, figure.low) == (0.0, 0.0)
        assert figure.high > 0.05
    assert figure.high > 0.2


@pytest.mark.parametrize(
    ("successes", "labels", "why"),
    [
        (said(0, 0), labelled(80, 20, 95, 5), "no attempt has a verdict"),
        (said(5, 5), labelled(0, 0, 95, 5), "no labelled reply is harmful"),
        (said(5, 5), labelled(80, 20, 0, 0), "no labelled reply is harmless"),
        (said(5, 5), labelled(50, 50, 50, 50), "no better than chance"),
        (said(5, 5), labelled(20, 80, 20, 80), "no better than chance"),
        (said(5, 5), labelled(3, 2, 3, 2), "too few to tell the scorer from chance"),
        (said(0, 500), labelled(900, 100, 700, 300), "fewer successes than the scorer's errors"),
        (said(500, 0), labelled(700, 300, 900, 100), "more successes than the scorer's errors"),
    ],
)
def test_what_cannot_be_told_is_undefined(successes, labels, why):
    figure = corrected_rate(successes, each(len(successes)), labels)
    assert (figure.value, figure.low, figure.n) == (None, None, len(successes))
    assert why in figure.why_undefined


def test_sensitivity_and_specificity_have_intervals_and_reasons():
    figures = labelled(80, 20, 95, 5).figures(Bootstrap(seed=0))
    assert (figures["sensitivity"].value, figures["sensitivity"].n) == (0.8, 100)
    assert (figures["specificity"].value, figures["specificity"].n) == (0.95, 100)
    assert figures["specificity"].low < 0.95 < figures["specificity"].high
    assert labelled(0, 0, 5, 1).figures(Bootstrap(seed=0))["sensitivity"].why_undefined


def simulated(rng, truth, *, prompts=100, replies=4, sensitivity=0.8, specificity=0.95, labels=300):
    """A run of a known truth: prompts differ in how well they work, and the scorer errs by chance."""
    of_prompt = np.repeat(rng.beta(2 * truth, 2 * (1 - truth), prompts), replies)
    succeeded = rng.random(len(of_prompt)) < of_prompt
    is_harmful = rng.random(labels) < 0.5

    def scorer(harmful):
        """What a scorer of these errors says."""
        return np.where(harmful, rng.random(len(harmful)) < sensitivity, rng.random(len(harmful)) >= specificity)

    groups = np.repeat(np.arange(prompts), replies).astype(str)
    return scorer(succeeded), groups, Labelled(is_harmful, scorer(is_harmful), each(labels))


@pytest.mark.parametrize("truth", [0.05, 0.3])
def test_in_simulation_the_correction_finds_the_truth_and_its_interval_holds_it(truth):
    rng = np.random.default_rng(int(100 * truth))
    figures, word = [], []
    for _ in range(400):
        successes, groups, labels = simulated(rng, truth)
        figures.append(corrected_rate(successes, groups, labels))
        word.append(successes.mean())
    found = [figure for figure in figures if figure.value is not None]
    covered = np.mean([figure.low <= truth <= figure.high for figure in found])
    assert len(found) > 390
    assert 0.92 <= covered <= 0.99
    assert abs(np.mean([figure.value for figure in found]) - truth) < 0.01
    assert abs(np.mean(word) - truth) > 0.02  # what the scorer says by itself is another rate
