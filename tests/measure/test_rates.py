import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from plumbline.measure import Bootstrap, Figure, mean_figure, preference_accuracy, rate_figure, wilson_figure

SEEDED = Bootstrap(seed=3, resamples=200)


@given(st.integers(1, 400), st.floats(0.0, 1.0), st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_agrees_with_statsmodels(n: int, share: float, confidence: float) -> None:
    successes = round(share * n)
    figure = wilson_figure(successes, n, confidence)
    low, high = proportion_confint(successes, n, alpha=1 - confidence, method="wilson")
    assert figure.value == successes / n
    assert figure.low == pytest.approx(low, abs=1e-12)
    assert figure.high == pytest.approx(high, abs=1e-12)


def test_wilson_without_trials_is_undefined_and_impossible_counts_are_refused() -> None:
    assert wilson_figure(0, 0) == Figure.undefined(0, "no rows")
    with pytest.raises(ValueError, match=r"successes: expected 0 … n = 3, found 4"):
        wilson_figure(4, 3)
    with pytest.raises(ValueError, match="confidence"):
        wilson_figure(1, 3, confidence=0)


def test_accuracy_by_hand() -> None:
    """Right, wrong, equal scores, right: (1 + 0 + 0.5 + 1) / 4."""
    figure = preference_accuracy([2.0, 1.0, 0.0, -3.0], [1, 0, 1, 0], bootstrap=SEEDED)
    assert figure.value == 0.625
    assert figure.n == 4
    assert figure.low is not None


LISTS = st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=1, max_size=40)


@given(LISTS)
@settings(max_examples=50)
def test_polarity_flipped_labels_or_flipped_scores_turn_accuracy_around(rows: list[tuple[int, bool]]) -> None:
    differences, labels = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    value = preference_accuracy(differences, labels, bootstrap=SEEDED).value
    assert preference_accuracy(differences, ~labels, bootstrap=SEEDED).value == pytest.approx(1 - value)
    assert preference_accuracy(-differences, labels, bootstrap=SEEDED).value == pytest.approx(1 - value)
    assert preference_accuracy(-differences, ~labels, bootstrap=SEEDED).value == pytest.approx(value)
    assert preference_accuracy(np.zeros(len(rows)), labels, bootstrap=SEEDED).value == 0.5


@pytest.mark.parametrize(("value", "successes"), [(1.0, 8), (0.0, 0)])
def test_a_rate_of_0_or_1_has_wilsons_interval_over_clusters(value: float, successes: int) -> None:
    figure = rate_figure([value] * 16, bootstrap=SEEDED, group_ids=np.repeat(np.arange(8), 2))
    wilson = wilson_figure(successes, 8)
    assert figure == Figure(value, wilson.low, wilson.high, 16, None)
    assert figure.high > figure.low


def test_no_rows_are_undefined_never_zero() -> None:
    for figure in (
        preference_accuracy([], [], bootstrap=SEEDED),
        rate_figure([], bootstrap=SEEDED),
        mean_figure([], bootstrap=SEEDED, group_ids=[]),
    ):
        assert figure == Figure.undefined(0, "no rows")


def test_invalid_calls_are_refused() -> None:
    with pytest.raises(ValueError, match="expected equal lengths, found score_differences 2, first_is_better 1"):
        preference_accuracy([1.0, 2.0], [1], bootstrap=SEEDED)
    with pytest.raises(ValueError, match="score_differences: expected finite numbers, found nan at row 0"):
        preference_accuracy([np.nan], [1], bootstrap=SEEDED)
    with pytest.raises(ValueError, match=r"first_is_better: expected only 0, 1, found 0\.5"):
        preference_accuracy([1.0], [0.5], bootstrap=SEEDED)
    with pytest.raises(ValueError, match=r"values: expected probabilities in \[0, 1\], found 2"):
        rate_figure([2.0], bootstrap=SEEDED)
