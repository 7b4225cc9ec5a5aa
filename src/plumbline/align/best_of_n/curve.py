"""What the best of n replies is worth: expected scores and the distance from the policy, from samples that exist.

From m replies to a prompt the expected best of every n up to m follows exactly, without drawing any: a reply is the best of n
of them in a known share of all choices. Scores by which replies are chosen and scores by which they are judged may be two, so
that the curve of a judge who had no part in the choice shows where the choice starts to exploit its scorer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from plumbline.measure import Bootstrap, Figure, mean_figure
from plumbline.records import UsageError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class BestOfN:
    """The best of n replies.

    Attributes:
        n: replies that it is chosen from.
        score: its expected score by the scorer that chooses, averaged over prompts.
        judged: its expected score by the judge; None where nobody else judged.
        gain, judged_gain: the same less those of a single reply, of the same prompts; None of a single reply, and of the
            judge where there is none.
        divergence: upper bound of its Kullback–Leibler divergence from the policy, in nats; see `divergence_bound`.
    """

    n: int
    score: Figure
    judged: Figure | None
    gain: Figure | None
    judged_gain: Figure | None
    divergence: float


def best_of_n_curve(
    scores: Sequence[Floats],
    sizes: Sequence[int],
    bootstrap: Bootstrap,
    *,
    judged: Sequence[Floats] | None = None,
    group_ids: Sequence[str] | None = None,
) -> list[BestOfN]:
    """Expected scores of the best of n, for several n.

    Args:
        scores: of each prompt's replies, by which the best is chosen; at least one prompt, each with as many replies as the
            largest size.
        sizes: each n, at least 1.
        bootstrap: of the intervals, which draw prompts.
        judged: of the same replies, by somebody else.
        group_ids: one a prompt; prompts of one id are drawn together. None: prompts are independent.
    Returns:
        One a size, in their order.
    Raises:
        UsageError: PL-BON-001, a prompt has fewer replies than the largest size; PL-BON-002, a score is not finite.
    Source: the estimator of Nakano et al. 2021 (WebGPT), app. I; of two scorers, Gao, Schulman & Hilton 2023, app. A.
        Deviation: equal scores share their places, so that the order in which replies came changes nothing.
    """
    _check(scores, judged, max(sizes))

    def told(by: Sequence[Floats], n: int) -> tuple[Figure, Figure | None]:
        """What is expected of the best, and what of it one reply would not have brought."""
        found = _expected(scores, by, n)
        gain = mean_figure(found - _expected(scores, by, 1), bootstrap=bootstrap, group_ids=group_ids)
        return mean_figure(found, bootstrap=bootstrap, group_ids=group_ids), None if n == 1 else gain

    curve = []
    for n in sizes:
        score, gain = told(scores, n)
        by_judge, judged_gain = (None, None) if judged is None else told(judged, n)
        curve.append(BestOfN(n, score, by_judge, gain, judged_gain, divergence_bound(n)))
    return curve


def _expected(scores: Sequence[Floats], by: Sequence[Floats], n: int) -> Floats:
    """Of each prompt, what the best of n by the scores has by somebody, shape (prompts,)."""
    return np.array([expected_best(of_prompt, n, told) for of_prompt, told in zip(scores, by, strict=True)])


def expected_best(scores: Floats, n: int, judged: Floats | None = None) -> float:
    """Mean of what the best of n has, over all choices of n of a prompt's replies.

    Args:
        scores: shape (m,), by which the best is chosen; m >= n >= 1.
        n: how many it is chosen from.
        judged: shape (m,), what is averaged; the scores themselves by default.
    """
    distinct, places = np.unique(scores, return_inverse=True)
    ends = np.cumsum(np.bincount(places, minlength=len(distinct)))
    values = scores if judged is None else judged
    of_each = np.bincount(places, weights=values, minlength=len(distinct)) / np.diff(ends, prepend=0)
    return float(np.diff(_shares_within(ends, n), prepend=0.0) @ of_each)


def divergence_bound(n: int) -> float:
    """ln n − (n − 1) / n nats: the divergence of the best of n from its policy is at most that.

    Source: Stiennon et al. 2020; that it is a bound and no equality, Beirami et al. 2024, theorem 1. It is near where two
        replies are seldom the same, and far above where the policy gives few different ones.
    """
    return math.log(n) - (n - 1) / n


def _shares_within(ends: NDArray[np.int64], n: int) -> Floats:
    """Of all choices of n of m replies, the share that lies within the worst 1 … m of them: C(end, n) / C(m, n)."""
    logs = np.full(len(ends), -np.inf)
    enough = ends >= n
    within = ends[enough].astype(np.float64)
    logs[enough] = gammaln(within + 1) - gammaln(within - n + 1)
    return np.asarray(np.exp(logs - logs[-1]), np.float64)


def _check(scores: Sequence[Floats], judged: Sequence[Floats] | None, largest: int) -> None:
    fewest = min(map(len, scores), default=0)
    if fewest < largest:
        raise UsageError(
            "PL-BON-001",
            "sizes",
            "a prompt has fewer replies than are chosen from",
            expected=f"at least {largest} scored replies to each prompt",
            found=f"{fewest}",
            advice="ask for more replies, for smaller n, or leave out the prompts that lack replies",
        )
    for name, column in (("scores", scores), ("judged", judged or [])):
        for row, of_prompt in enumerate(column):
            if not np.isfinite(of_prompt).all():
                raise UsageError(
                    "PL-BON-002",
                    f"{name}, prompt {row}",
                    "a reply has no finite score",
                    expected="a number for each reply",
                    found=f"{int((~np.isfinite(of_prompt)).sum())} of {len(of_prompt)} that are none",
                    advice="leave out the replies that could not be scored: nothing can be said of the best of them",
                )
