"""Several heads on one trunk, each fitted on another draw of the groups: what one head is unsure of, they disagree on.

Covers heads on dense rows (features of a frozen trunk, or of `dense_features`), their mean, their spread, a temperature
found out of fold, and figures that say whether the spread tells errors. For pairs rows are differences, and the heads
disagree on which side is better.

Does not cover what all heads share: a trunk that cannot see the harm, labels that are wrong in one way. Where the rows
are unlike all training rows, heads on one trunk may well agree and be wrong together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

from plumbline.measure import Bootstrap, Figure, auroc, bootstrap_figure, rate_figure
from plumbline.models.calibration import Calibration, fit_calibration
from plumbline.models.dense_logistic import DenseFit, fit_dense
from plumbline.models.folds import Deal
from plumbline.records import NoDataError, UsageError

Floats = NDArray[np.float64]
Preparer = Callable[[Floats], Callable[[Floats], Floats]]

_ATTEMPTS = 20
COVERAGES = (0.5, 0.8, 0.9)
"""Shares of rows that are kept, the surest first, at which accuracy is told."""


@dataclass(frozen=True, slots=True)
class EnsembleSettings:
    """How heads are fitted.

    Attributes:
        members: k heads, at least 2.
        l2: penalty of each.
        seed: of the draws of groups.
        with_intercept: False for pairs, whose rows are differences.
    """

    members: int = 16
    l2: float = 1.0
    seed: int = 0
    with_intercept: bool = True

    def __post_init__(self) -> None:
        """Refuse an ensemble of one."""
        if self.members < 2:
            raise UsageError(
                "PL-FRZ-004",
                "members",
                "one head alone has nothing to disagree with",
                expected="at least 2",
                found=str(self.members),
                advice="members=16",
            )


@dataclass(frozen=True)
class Judgements:
    """What the heads say of n rows.

    Attributes:
        scores: shape (n,); mean of the heads, log-odds before calibration.
        score_spread: shape (n,); standard deviation of the heads' scores, of k − 1.
        probabilities: shape (n,); mean of the heads' calibrated probabilities.
        disagreement: shape (n,); standard deviation of the heads' calibrated probabilities, of k − 1; at most about 0.5.
        unsure_nats: shape (n,); how many nats one would learn of the label by knowing which head is right: entropy of
            the mean probability less the mean entropy; in [0, ln 2].
    """

    scores: Floats
    score_spread: Floats
    probabilities: Floats
    disagreement: Floats
    unsure_nats: Floats


@dataclass(frozen=True)
class HeadEnsemble:
    """Heads on one trunk.

    Attributes:
        weights: shape (k, d).
        intercepts: shape (k,); 0 for pairs.
        calibration: score of a head → probability; one for all heads.
    """

    weights: Floats
    intercepts: Floats
    calibration: Calibration = field(default_factory=Calibration)

    def member_scores(self, rows: NDArray[np.floating]) -> Floats:
        """Scores of each head, shape (n, k), of rows (n, d)."""
        scores: Floats = np.asarray(rows, np.float64) @ self.weights.T + self.intercepts
        return scores

    def judge(self, rows: NDArray[np.floating]) -> Judgements:
        """What the heads say of rows (n, d); of pairs, rows are first − second."""
        return judge_scores(self.member_scores(rows), self.calibration)


def judge_scores(member_scores: Floats, calibration: Calibration) -> Judgements:
    """Mean and spread of heads.

    Args:
        member_scores: shape (n, k).
        calibration: score of a head → probability.
    Source: the nats are the mutual information of Houlsby et al. 2011 (BALD, arXiv 1112.5745), §2. Deviation: over
        bootstrap heads, not a posterior.
    """
    chances = calibration.probabilities(member_scores)
    mean = chances.mean(axis=1)
    return Judgements(
        member_scores.mean(axis=1),
        member_scores.std(axis=1, ddof=1),
        mean,
        chances.std(axis=1, ddof=1),
        np.maximum(_entropy(mean) - _entropy(chances).mean(axis=1), 0.0),
    )


def _entropy(chances: Floats) -> Floats:
    """Nats of a yes or no with these chances."""
    return np.asarray(-xlogy(chances, chances) - xlogy(1 - chances, 1 - chances), np.float64)


def fit_heads(
    rows: NDArray[np.floating],
    is_positive: NDArray[np.bool_],
    group_ids: NDArray[np.str_],
    settings: EnsembleSettings,
    *,
    row_weights: Floats | None = None,
) -> HeadEnsemble:
    """Fit each head on a draw of the groups, with replacement; not calibrated.

    Args:
        rows: shape (n, d).
        is_positive: shape (n,).
        group_ids: shape (n,); rows of one group are drawn together.
        settings: how many heads, and how.
        row_weights: shape (n,), >= 0; all 1 where absent.
    Raises:
        NoDataError: draw upon draw leaves one class only.
        UsageError: as `fit_dense`.
    """
    weights: Floats = np.ones(len(rows)) if row_weights is None else np.asarray(row_weights, np.float64)
    codes = np.unique(group_ids, return_inverse=True)[1]
    fits = []
    for member in range(settings.members):
        random = np.random.default_rng([settings.seed, member])
        drawn = _draw(codes, np.asarray(is_positive, bool), weights, settings, random)
        fits.append(_fit(rows, is_positive, drawn, settings))
    return HeadEnsemble(np.stack([fit.weights for fit in fits]), np.array([fit.intercept for fit in fits]))


def _draw(
    codes: NDArray[np.int64],
    is_positive: NDArray[np.bool_],
    weights: Floats,
    settings: EnsembleSettings,
    random: np.random.Generator,
) -> Floats:
    """Row weights of one draw of the groups that leaves both classes, where an intercept needs them."""
    count = int(codes.max()) + 1
    for _ in range(_ATTEMPTS):
        drawn: Floats = weights * np.bincount(random.integers(count, size=count), minlength=count)[codes]
        told = is_positive[drawn > 0]
        if len(told) and (not settings.with_intercept or 0 < told.sum() < len(told)):
            return drawn
    raise NoDataError(
        "PL-FRZ-005",
        "rows",
        "draws of the groups leave rows of one class only",
        found=f"{int(is_positive.sum())} positive of {len(is_positive)} rows in {count} groups",
        advice="add rows of the class that is rare",
    )


def _fit(
    rows: NDArray[np.floating], is_positive: NDArray[np.bool_], drawn: Floats, settings: EnsembleSettings
) -> DenseFit:
    kept = np.flatnonzero(drawn)
    return fit_dense(
        rows[kept],
        is_positive[kept],
        l2=settings.l2,
        row_weights=drawn[kept],
        intercept_column=np.ones(len(kept)) if settings.with_intercept else None,
    )


@dataclass(frozen=True)
class HeldOut:
    """Scores of heads that had not seen the rows.

    Attributes:
        positions: shape (p,); which rows, fold by fold; with repeats a row stands there once a repeat.
        member_scores: shape (p, k).
    """

    positions: NDArray[np.int64]
    member_scores: Floats


def held_out_scores(
    rows: NDArray[np.floating],
    is_positive: NDArray[np.bool_],
    group_ids: NDArray[np.str_],
    deal: Deal,
    settings: EnsembleSettings,
    *,
    prepare: Preparer | None = None,
) -> HeldOut:
    """Scores of each held-out row by heads fitted without its fold.

    Args:
        rows, is_positive, group_ids: as of `fit_heads`.
        deal: which rows are held out of which fit.
        settings: how many heads, and how.
        prepare: fits, on the rows of a fit, what makes rows ready (`dense_features`); None takes rows as they are.
    """
    scores = []
    for fold in deal.folds:
        others = deal.others(fold)
        ready = prepare(np.asarray(rows[others], np.float64)) if prepare else _as_they_are
        heads = fit_heads(ready(np.asarray(rows[others], np.float64)), is_positive[others], group_ids[others], settings)
        scores.append(heads.member_scores(ready(np.asarray(rows[fold], np.float64))))
    return HeldOut(deal.positions, np.concatenate(scores))


def _as_they_are(rows: Floats) -> Floats:
    return rows


def calibrate_heads(held_out: HeldOut, is_positive: NDArray[np.bool_], settings: EnsembleSettings) -> Calibration:
    """The temperature (and offset, where there is an intercept) at which the *mean* of the heads' probabilities is best.

    The heads' mean score is calibrated first; the mean of sigmoids is less sure than the sigmoid of the mean, so the
    scale is then raised until the mean probability has the lowest loss.

    Args:
        held_out: of rows no head had seen.
        is_positive: shape (n,), of all rows.
        settings: of the heads.
    """
    labels = is_positive[held_out.positions]
    first = fit_calibration(held_out.member_scores.mean(axis=1), labels, with_offset=settings.with_intercept)
    factors = np.geomspace(0.5, 4.0, 43)
    losses = []
    for factor in factors:
        scaled = Calibration(first.scale * float(factor), first.offset * float(factor))
        mean = np.clip(scaled.probabilities(held_out.member_scores).mean(axis=1), 1e-12, 1 - 1e-12)
        losses.append(float(-np.where(labels, np.log(mean), np.log1p(-mean)).mean()))
    best = float(factors[int(np.argmin(losses))])
    return Calibration(first.scale * best, first.offset * best)


def error_figures(
    judgements: Judgements,
    is_positive: NDArray[np.bool_],
    *,
    bootstrap: Bootstrap,
    group_ids: NDArray[np.str_],
) -> Mapping[str, Figure]:
    """Does the spread tell errors? Errors are taken at probability one half.

    Args:
        judgements: of n held-out rows.
        is_positive: shape (n,).
        bootstrap, group_ids: of the intervals.
    Returns:
        ``error_auroc_by_*``: how well disagreement, nats and nearness to one half (what a single head has too) rank
        errors above what is right; 0.5 says nothing. ``accuracy``, and ``accuracy_at_*`` of the share of rows that is
        surest by nearness to one half or by disagreement: ties are cut by position.
    """
    is_error = (judgements.probabilities >= 0.5) != is_positive
    unsure = {
        "disagreement": judgements.disagreement,
        "unsure_nats": judgements.unsure_nats,
        "nearness_to_half": -np.abs(judgements.probabilities - 0.5),
    }
    figures = {"accuracy": rate_figure((~is_error).astype(float), bootstrap=bootstrap, group_ids=group_ids)}
    for name, values in unsure.items():
        figures[f"error_auroc_by_{name}"] = auroc(values, is_error, bootstrap=bootstrap, group_ids=group_ids)
        for coverage in COVERAGES:
            figures[f"accuracy_at_{round(100 * coverage)}_by_{name}"] = selective_accuracy(
                values, is_error, coverage, bootstrap=bootstrap, group_ids=group_ids
            )
    return figures


def selective_accuracy(
    unsure: Floats,
    is_error: NDArray[np.bool_],
    coverage: float,
    *,
    bootstrap: Bootstrap,
    group_ids: NDArray[np.str_] | None = None,
) -> Figure:
    """Share of right answers among the rows that are surest.

    Args:
        unsure: shape (n,); higher = less sure.
        is_error: shape (n,).
        coverage: share of rows kept, in (0, 1]; each draw keeps that share of its own weight.
        bootstrap, group_ids: of the interval.
    Source: El-Yaniv & Wiener 2010 (risk–coverage). Deviation: none.
    """
    order = np.argsort(unsure, kind="stable")
    right = (~is_error[order]).astype(np.float64)

    def statistic(weights: Floats) -> Floats:
        """Accuracy within the coverage, for each draw of row weights (draws, n)."""
        drawn = weights[:, order]
        before = np.cumsum(drawn, axis=1) - drawn
        kept = np.clip(coverage * drawn.sum(axis=1, keepdims=True) - before, 0.0, drawn)
        accuracy: Floats = np.einsum("ij,j->i", kept, right) / kept.sum(axis=1)
        return accuracy

    return bootstrap_figure(statistic, len(order), bootstrap=bootstrap, group_ids=group_ids)


def lower_bound(judgements: Judgements, deviations: float) -> Floats:
    """A score to rank by where being wrong is dear: mean less so many standard deviations, shape (n,).

    Source: Coste et al. 2023 (arXiv 2310.02743), uncertainty-weighted optimisation. Deviation: the standard deviation,
    not the variance.
    """
    bound: Floats = judgements.scores - deviations * judgements.score_spread
    return bound


def pair_probability(first_scores: Floats, second_scores: Floats, calibration: Calibration) -> Judgements:
    """What the heads say of pairs whose sides were scored apart.

    Args:
        first_scores, second_scores: shape (n, k), of the same heads in the same order.
        calibration: score difference → probability that the first side is better.
    """
    return judge_scores(first_scores - second_scores, calibration)


__all__ = [
    "EnsembleSettings",
    "HeadEnsemble",
    "HeldOut",
    "Judgements",
    "calibrate_heads",
    "error_figures",
    "fit_heads",
    "held_out_scores",
    "judge_scores",
    "lower_bound",
    "pair_probability",
    "selective_accuracy",
]
