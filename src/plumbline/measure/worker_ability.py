"""How often each worker gives the true label, with an interval, where the truth itself is only estimated.

Source: Louis 1982, JRSS B 44, eq. (3.1): the information that is seen is that of a known truth less what not knowing it
takes away. Deviation: worker by worker, the other workers' error rates held at their estimates.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, ndtri

from plumbline.measure.arrays import FloatArray, IntArray, check_fraction, check_same_length, indices, probabilities
from plumbline.measure.figure import Figure

TOO_LITTLE_TOLD = "the other judgements of these items do not tell how often the worker is right"


def worker_abilities(
    right_chances: ArrayLike,
    worker_indices: ArrayLike,
    *,
    worker_count: int,
    prior_right: float = 0.5,
    prior_wrong: float = 0.5,
    confidence: float = 0.95,
) -> list[Figure]:
    """Share of each worker's judgements that give the true label.

    Args:
        right_chances: shape (n,); probability that the judgement gives the true label, given all judgements (for
            Dawid–Skene `posteriors[item, label]`).
        worker_indices: shape (n,); 0 … worker_count − 1.
        worker_count: workers in all, with or without judgements.
        prior_right, prior_wrong: imaginary judgements of each worker that are right and wrong, > 0: they keep a worker
            who is always right inside (0, 1).
        confidence: of the intervals, strictly between 0 and 1.
    Returns:
        For each worker the share in (0, 1), imaginary judgements included, n = judgements; undefined without any.
        Intervals are Wald's on the log-odds scale; none where the observed information is not positive.
    Raises:
        ValueError: lengths differ, or a number is out of its range.
    Source: see the module. Deviation: see the module.
    """
    check_fraction("confidence", confidence)
    chances = probabilities("right_chances", right_chances)
    workers = indices("worker_indices", worker_indices, worker_count)
    check_same_length(right_chances=chances, worker_indices=workers)
    if not (0 < prior_right < np.inf and 0 < prior_wrong < np.inf):
        raise ValueError(
            f"prior_right, prior_wrong: expected finite numbers > 0, found {prior_right!r}, {prior_wrong!r}."
        )
    right = np.bincount(workers, chances, minlength=worker_count).astype(np.float64)
    doubt = np.bincount(workers, chances * (1.0 - chances), minlength=worker_count).astype(np.float64)
    judged = np.bincount(workers, minlength=worker_count)
    return abilities_of_totals(judged, right, doubt, (prior_right, prior_wrong), confidence)


def abilities_of_totals(
    judged: IntArray, right: FloatArray, doubt: FloatArray, prior: tuple[float, float], confidence: float
) -> list[Figure]:
    """Do what `worker_abilities` does, from what each worker's judgements add up to.

    Args:
        judged: shape (workers,); judgements of each.
        right: shape (workers,); how many of them are expected to give the true label.
        doubt: shape (workers,); variance of that number, given the judgements: Σ q(1 − q).
        prior: imaginary judgements that are right, and wrong; > 0.
        confidence: of the intervals.
    Returns:
        For each worker a share, as `worker_abilities` gives it.
    """
    rows = zip(judged.tolist(), right.tolist(), doubt.tolist(), strict=True)
    return [_figure(n, a, b, prior, normal_quantile(confidence)) for n, a, b in rows]


def normal_quantile(confidence: float) -> float:
    """How many standard errors a two-sided interval reaches to each side."""
    return float(-ndtri((1.0 - confidence) / 2.0))


def _figure(n: int, right: float, doubt: float, prior: tuple[float, float], z: float) -> Figure:
    """The ability of one worker: `right` of n judgements are expected to hold, give or take the variance `doubt`."""
    if n == 0:
        return Figure.undefined(0, "no judgements")
    total = n + sum(prior)
    rights, wrongs = right + prior[0], max(n - right, 0.0) + prior[1]
    share = rights / total
    # On the log-odds scale a known truth tells n·a(1 − a); not knowing it takes the variance of `right` away.
    information = total * share * (1.0 - share) - doubt
    error = 1.0 / np.sqrt(information) if information > 0.0 else np.nan
    return ability_figure(float(np.log(rights) - np.log(wrongs)), error, n, z)


def ability_figure(log_odds: float, error: float, n: int, z: float, why: str = TOO_LITTLE_TOLD) -> Figure:
    """An ability from its log odds and their standard error.

    Args:
        log_odds: of being right.
        error: of the log odds; NaN where it cannot be told.
        n: judgements; 0 gives an undefined figure.
        z: standard errors to each side.
        why: what to say where there is no error.
    Returns:
        The ability in [0, 1]; its interval is Wald's on the log-odds scale.
    """
    if n == 0:
        return Figure.undefined(0, "no judgements")
    value = float(expit(log_odds))
    if np.isnan(error):
        return Figure.without_interval(value, n, why)
    return Figure(value, float(expit(log_odds - z * error)), float(expit(log_odds + z * error)), n, None)
