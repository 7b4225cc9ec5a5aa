import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.measure import ELO_PER_NAT, Figure, elo_lead, win_probability


def test_scale() -> None:
    """A lead of 400 is odds of 10 to 1; a score difference of 1 is about 174 points (Bai et al. 2022)."""
    assert win_probability(400) == pytest.approx(10 / 11)
    assert win_probability(0) == 0.5
    assert abs(ELO_PER_NAT - 173.7178) < 1e-4
    assert win_probability(ELO_PER_NAT) == pytest.approx(1 / (1 + math.exp(-1)))
    assert win_probability(-1e6) == 0.0  # far beyond any rating, and no overflow


@given(st.floats(-2000, 2000))
def test_lead_and_win_rate_are_inverse(lead: float) -> None:
    rate = win_probability(lead)
    assert rate == pytest.approx(1 / (1 + 10 ** (-lead / 400)))
    assert elo_lead(Figure(rate, rate, rate, 5, None)).value == pytest.approx(lead, abs=1e-6)


def test_the_interval_is_carried_over() -> None:
    figure = elo_lead(Figure(0.75, 0.5, 10 / 11, 40, None))
    assert figure.value == pytest.approx(190.848, abs=1e-3)
    assert (figure.low, figure.high) == (pytest.approx(0.0), pytest.approx(400.0))
    assert figure.n == 40


def test_infinite_leads_are_undefined() -> None:
    assert elo_lead(Figure(1.0, 0.7, 1.0, 9, None)) == Figure.undefined(9, "the win rate is 1, the lead infinite")
    assert elo_lead(Figure(0.0, 0.0, 0.3, 9, None)).value is None
    assert elo_lead(Figure(0.9, 0.7, 1.0, 9, None)).why_undefined == "the interval of the win rate reaches 0 or 1"
    assert elo_lead(Figure.undefined(0, "no rows")) == Figure.undefined(0, "no rows")
    one_cluster = elo_lead(Figure.without_interval(0.5, 3, "one cluster only"))
    assert one_cluster == Figure.without_interval(0.0, 3, "one cluster only")


def test_invalid_calls_are_refused() -> None:
    with pytest.raises(ValueError, match=r"win_rate: expected numbers in \[0, 1\], found 1.5"):
        elo_lead(Figure(1.5, 1.0, 2.0, 3, None))
    with pytest.raises(ValueError, match="elo_lead_points: expected a finite number, found inf"):
        win_probability(math.inf)
