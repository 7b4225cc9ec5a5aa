"""The Elo scale: leads in points to win probabilities and back.

A lead of 400 points is odds of 10 to 1. Ratings from comparisons are in `bradley_terry`.
"""

import math

from scipy.special import expit

from plumbline.measure.figure import Figure

ELO_PER_NAT = 400.0 / math.log(10.0)
"""Elo points a unit of log odds, about 173.7: the lead that a preference model's score difference of 1 stands for."""


def win_probability(elo_lead_points: float) -> float:
    """Probability that the player who leads wins: 1 / (1 + 10^(−lead/400)).

    Args:
        elo_lead_points: Elo points; negative where the player is behind.
    Returns:
        A probability in [0, 1]; ties count one half.
    Raises:
        ValueError: the lead is not finite.
    Source: Bai et al. 2022, §2.4 and eq. (2.1). Deviation: none.
    """
    if not math.isfinite(elo_lead_points):
        raise ValueError(f"elo_lead_points: expected a finite number, found {elo_lead_points!r}.")
    return float(expit(elo_lead_points / ELO_PER_NAT))


def elo_lead(win_rate: Figure) -> Figure:
    """Turn a win rate into the Elo lead that predicts it, with the interval carried over.

    Args:
        win_rate: of one side against the other, in [0, 1], ties counted one half; as `rate_figure` gives it.
    Returns:
        The lead in Elo points; undefined where the win rate is, or is 0 or 1, whose lead is infinite; without an
        interval where an end of it is 0 or 1.
    Raises:
        ValueError: the win rate or an end of its interval lies outside [0, 1].
    Source: Bai et al. 2022, §2.4. Deviation: none.
    """
    numbers = (win_rate.value, win_rate.low, win_rate.high)
    for number in numbers:
        if number is not None and not 0.0 <= number <= 1.0:
            raise ValueError(f"win_rate: expected numbers in [0, 1], found {number:g}.")
    if win_rate.value is None:
        return Figure.undefined(win_rate.n, win_rate.why_undefined or "no win rate")
    if win_rate.value in (0.0, 1.0):
        return Figure.undefined(win_rate.n, f"the win rate is {win_rate.value:g}, the lead infinite")
    value = _lead(win_rate.value)
    if win_rate.low is None or win_rate.high is None:
        return Figure.without_interval(value, win_rate.n, win_rate.why_undefined or "no interval of the win rate")
    if win_rate.low <= 0.0 or win_rate.high >= 1.0:
        return Figure.without_interval(value, win_rate.n, "the interval of the win rate reaches 0 or 1")
    return Figure(value, _lead(win_rate.low), _lead(win_rate.high), win_rate.n, None)


def _lead(win_rate: float) -> float:
    """Elo points that predict this win rate, strictly between 0 and 1."""
    return ELO_PER_NAT * (math.log(win_rate) - math.log1p(-win_rate))
