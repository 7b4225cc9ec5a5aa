"""The noise ceiling: the accuracy that a perfect model would reach against judgements of people who disagree.

An item's judgements fall on class c with probability p_c. Whoever knew p would name its largest and be right with
probability max p against one further judgement; the ceiling is the mean of max p over items. Counting how often the
majority of few votes is right is no estimate of it: the votes choose the label that they are then held against, and
the result is too high (with three coin tosses an item 0.75 instead of 0.5).

What two judgements an item tell is a, the chance that two agree, with E Σ p² = a. Hence, with no assumption on p,

    a <= E max p <= (1 + √((k − 1)(k a − 1)))/k             for two classes: (1 + √(2a − 1))/2,

both sharp for two classes: on the left items are clear or coin tosses, on the right all are equally hard. In between,
the estimate takes p of two classes to follow a beta distribution over items. With three judgements an item, the data
cannot tell that from other shapes of the same a: it is a model's word, the bounds are not.

Judgements of one item are taken as independent draws from the crowd. A tie between two sides is no class: the caller
sets ties aside, hands in their number, and the ceiling is that of decided judgements.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betainc, betaln

from plumbline.measure.arrays import FloatArray, Ids, vote_table
from plumbline.measure.beta_binomial import beta_figure
from plumbline.measure.bootstrap import Bootstrap, Clusters
from plumbline.measure.figure import Figure
from plumbline.measure.pooling import pooled_rate

LEAST_ITEMS = 30
"""Items of at least three judgements that a beta distribution is fitted to; with fewer there is no estimate."""
MOST_LABEL_VOTES = 999
"""The largest majority that the estimate is worked out against, vote by vote; the bounds know no such limit."""


@dataclass(frozen=True, eq=False)
class NoiseCeiling:
    """The accuracy that a perfect model could reach.

    Attributes:
        estimate: by the beta-binomial model; in [1/k, 1].
        lower, upper: bounds that hold whatever the items are like; each with its own interval. The ceiling lies between
            `lower.low` and `upper.high` with at least the confidence asked for.
        agreement: chance that two judgements of an item agree.
        label_votes: against what: one judgement, or the majority of this many.
        items_judged_once: left out, like those without a judgement.
        ties_set_aside: as the caller counted them.
    """

    estimate: Figure
    lower: Figure
    upper: Figure
    agreement: Figure
    label_votes: int
    items_judged_once: int
    ties_set_aside: int

    def to_json(self) -> dict[str, Any]:
        """Give the figures under their names, each as `Figure.to_json`, and the three counts."""
        figures = {name: getattr(self, name).to_json() for name in ("estimate", "lower", "upper", "agreement")}
        counts = ("label_votes", "items_judged_once", "ties_set_aside")
        return {**figures, **{name: getattr(self, name) for name in counts}}


def format_ceiling(lower: Figure, upper: Figure) -> str:
    """Write what is told of a ceiling for certain: `0.707–0.824 (n=943 judged twice)`, `at least 0.707 (…)`, `unknown: why`.

    Args:
        lower, upper: of a `NoiseCeiling`; the ends shown are the outer ones of their intervals. Where there are none it says
            why: the bounds themselves are then not for certain.
    """
    if lower.value is None:
        return f"unknown: {lower.why_undefined}"
    low = lower.value if lower.low is None else lower.low
    high = upper.value if upper.high is None else upper.high
    told = f"at least {low:.3f}" if high is None else f"{low:.3f}–{high:.3f}"
    why = "" if lower.low is not None else f", no interval: {lower.why_undefined}"
    return f"{told} (n={lower.n} judged twice{why})"


def noise_ceiling(
    votes: ArrayLike,
    *,
    bootstrap: Bootstrap,
    group_ids: Ids | None = None,
    exchangeable_classes: bool = False,
    label_votes: int = 1,
    ties_set_aside: int = 0,
) -> NoiseCeiling:
    """Bound and estimate the accuracy of a perfect model from items that were judged at least twice.

    Args:
        votes: shape (items, classes); how many judgements of each item fell on each class.
        bootstrap: seed, number of draws, confidence.
        group_ids: shape (items,); items of one id are drawn together. None: items are independent.
        exchangeable_classes: whether swapping the classes changes nothing, as for the two sides of a pair: the beta
            distribution is then held symmetric. For safe and unsafe it is not.
        label_votes: odd; 1: the ceiling against one further judgement; 3, 5, …: against the majority of as many, of two
            classes only. The estimate goes to `MOST_LABEL_VOTES`.
        ties_set_aside: judgements left out of the votes as ties; only handed on.
    Returns:
        The figures, n = items judged at least twice; undefined where there is none. The estimate is undefined also for
        more than two classes, below `LEAST_ITEMS` items of three judgements, and above `MOST_LABEL_VOTES`. The order of
        items and the names of groups change nothing.
    Raises:
        ValueError: not a table of counts, one class only, label_votes even or < 1 or not 1 for more classes than two,
            or group_ids that do not fit.
    Source: the moment bounds are Jensen's inequality and Σ p² <= max p; the model is Skellam 1948, JRSS B 10. Deviation:
        maximum likelihood, and an interval by bootstrap over items or groups. Checked by simulation, see
        docs/design/aggregation.md.
    """
    table = vote_table(votes)
    classes = table.shape[1]
    _check_settings(classes, label_votes, ties_set_aside)
    clusters = Clusters.of(group_ids, len(table))
    total = table.sum(axis=1)
    used = np.flatnonzero(total >= 2.0)
    used = used[np.lexsort(table[used].T)]  # sums, and so draws, are then the same whatever the order of the rows
    once = int((total == 1.0).sum())
    if len(used) == 0:
        nothing = Figure.undefined(0, "no item was judged twice" if len(table) else "no rows")
        return NoiseCeiling(nothing, nothing, nothing, nothing, label_votes, once, ties_set_aside)
    table, clusters = table[used], clusters.take(used)
    total = table.sum(axis=1)
    agreeing = (table * (table - 1.0)).sum(axis=1) / (total * (total - 1.0))
    agreement = pooled_rate(agreeing, bootstrap, clusters.codes)
    lower = _mapped(agreement, lambda a: max(a, 1.0 / classes))
    upper = _mapped(agreement, lambda a: _upper_bound(a, classes, label_votes))
    estimate = _estimate(table, clusters, bootstrap, exchangeable_classes, label_votes)
    return NoiseCeiling(estimate, lower, upper, agreement, label_votes, once, ties_set_aside)


def _check_settings(classes: int, label_votes: int, ties_set_aside: int) -> None:
    if classes < 2:
        raise ValueError(f"votes: expected at least two classes, found {classes}.")
    if label_votes < 1 or label_votes % 2 == 0:
        raise ValueError(f"label_votes: expected 1, 3, 5, … so that a majority is no tie, found {label_votes}.")
    if label_votes > 1 and classes > 2:
        raise ValueError(f"label_votes: expected 1 for {classes} classes, whose majority may tie, found {label_votes}.")
    if ties_set_aside < 0:
        raise ValueError(f"ties_set_aside: expected >= 0, found {ties_set_aside}.")


def majority_accuracy_of(chance: float, label_votes: int) -> float:
    """Chance that the majority of an odd number of judgements, each right with this chance, is right.

    Args:
        chance: in [0, 1].
        label_votes: odd.
    Returns:
        In [0, 1]; `chance` itself for one judgement.
    Source: Condorcet 1785, as an incomplete beta function, whose cost does not grow with the votes. Deviation: none.
    """
    wins = (label_votes + 1) / 2.0
    return float(betainc(wins, wins, chance))


def _upper_bound(agreement: float, classes: int, label_votes: int) -> float:
    """The ceiling if all items were equally hard.

    The majority of several judgements is right with a chance that is concave in max p above one half, so that Jensen's
    inequality holds for it too.
    """
    hard = (1.0 + math.sqrt(max(0.0, (classes - 1) * (classes * agreement - 1.0)))) / classes
    return min(1.0, majority_accuracy_of(hard, label_votes))


def _mapped(figure: Figure, rising: Callable[[float], float]) -> Figure:
    """A figure under a function that does not fall, ends of the interval and all."""
    ends = [None if number is None else rising(number) for number in (figure.value, figure.low, figure.high)]
    return Figure(ends[0], ends[1], ends[2], figure.n, figure.why_undefined)


def _estimate(table: FloatArray, clusters: Clusters, bootstrap: Bootstrap, symmetric: bool, label_votes: int) -> Figure:
    """The mean of max p under the beta distribution of greatest likelihood, with its interval."""
    n = len(table)
    if table.shape[1] > 2:
        return Figure.undefined(n, "the model knows two classes only")
    enough = int((table.sum(axis=1) >= 3.0).sum())
    if enough < LEAST_ITEMS:
        return Figure.undefined(n, f"{enough} items with three judgements, the model needs {LEAST_ITEMS}")
    if label_votes > MOST_LABEL_VOTES:
        return Figure.undefined(n, f"the model knows majorities of up to {MOST_LABEL_VOTES} votes")

    ceiling = partial(_ceiling_of_beta, label_votes)
    return beta_figure(table, ceiling, clusters, bootstrap, symmetric=symmetric)


def _ceiling_of_beta(label_votes: int, alpha: FloatArray, beta: FloatArray) -> FloatArray:
    """Mean, over p from a beta distribution, of the chance that the likelier class is the majority: (draws,)."""
    total = np.zeros(len(alpha))
    for wins in range((label_votes + 1) // 2, label_votes + 1):
        losses = label_votes - wins
        weight = math.comb(label_votes, wins)
        for likelier, other in ((alpha, beta), (beta, alpha)):
            one, two = likelier + wins, other + losses
            # The part of the integral of p^wins (1 − p)^losses that lies above one half.
            total += weight * np.exp(betaln(one, two) - betaln(alpha, beta)) * (1.0 - betainc(one, two, 0.5))
    return np.asarray(np.clip(total, 0.5, 1.0))
