"""How far several heads lie apart on the same rows, and whether that tells where a model errs.

Covers numbers only: scores of heads come in, whatever fitted them (`transformer.frozen.head_ensemble`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from plumbline.measure import Bootstrap, Figure, auroc, bootstrap_figure, rate_figure
from plumbline.models.calibration import Calibration
from plumbline.models.figures.measured_rows import Json, figures_json
from plumbline.models.scored_model import Floats, ScoredModel, better_sign

COVERAGES = (0.5, 0.8, 0.9)
"""Shares of rows that are kept, the surest first, at which accuracy is told."""


def spread_of(member_scores: Floats, calibration: Calibration) -> Floats:
    """How far heads lie apart: the standard deviation of their calibrated probabilities, of k − 1; at most about 0.5.

    Args:
        member_scores: shape (n, k).
        calibration: score of a head → probability.
    """
    spread: Floats = calibration.probabilities(member_scores).std(axis=1, ddof=1)
    return spread


def reply_spread(model: ScoredModel, members: Floats | None) -> Floats | None:
    """How far an ensemble's heads lie apart on replies: the standard deviation of their probabilities.

    Args:
        model: whose ensemble it is.
        members: shape (n, k); None where there is no ensemble.
    Returns:
        Shape (n,), at most about 0.5; None where there is no ensemble.
    """
    if members is None or model.ensemble is None:
        return None
    return spread_of(members, model.ensemble.calibration)


def pair_spread(model: ScoredModel, members: Floats | None) -> Floats | None:
    """The same of pairs: of the probability that one side is the better one, which is that of the other side too.

    Args:
        model: of rewards or costs.
        members: shape (n, 2, k); None where there is no ensemble.
    """
    if members is None or model.ensemble is None:
        return None
    calibration = model.ensemble.pair_calibration or model.ensemble.calibration
    return spread_of(better_sign(model) * (members[:, 0] - members[:, 1]), calibration)


def uncertainty_figures(
    probabilities: Floats,
    spread: Floats | None,
    is_positive: NDArray[np.bool_],
    *,
    bootstrap: Bootstrap,
    group_ids: NDArray[np.str_],
) -> Json | None:
    """Does the spread of an ensemble tell where the model itself errs? Errors are taken at probability one half.

    Args:
        probabilities: shape (n,); the model's own.
        spread: shape (n,); of the ensemble beside it; None where there is none.
        is_positive: shape (n,).
        bootstrap, group_ids: of the intervals.
    Returns:
        ``accuracy``; ``by_spread`` and ``by_nearness`` (of the model's own probability to one half), each with
        ``error_auroc`` and ``accuracy_at_50``, ``_80`` and ``_90`` per cent of the rows, the surest first. None without
        an ensemble.
    """
    if spread is None:
        return None
    is_error = (probabilities >= 0.5) != is_positive
    by = {"spread": spread, "nearness": -np.abs(probabilities - 0.5)}
    return {
        "accuracy": rate_figure((~is_error).astype(float), bootstrap=bootstrap, group_ids=group_ids).to_json(),
        **{
            f"by_{name}": figures_json(telling_figures(unsure, is_error, bootstrap=bootstrap, group_ids=group_ids))
            for name, unsure in by.items()
        },
    }


def telling_figures(
    unsure: Floats, is_error: NDArray[np.bool_], *, bootstrap: Bootstrap, group_ids: NDArray[np.str_]
) -> dict[str, Figure]:
    """How well a measure of doubt tells errors.

    Args:
        unsure: shape (n,); higher = less sure.
        is_error: shape (n,).
        bootstrap, group_ids: of the intervals.
    Returns:
        ``error_auroc``: how well it ranks errors above what is right; 0.5 says nothing. ``accuracy_at_*``: of the share
        of rows that is surest; ties are cut by position.
    """
    figures = {"error_auroc": auroc(unsure, is_error, bootstrap=bootstrap, group_ids=group_ids)}
    for coverage in COVERAGES:
        figures[f"accuracy_at_{round(100 * coverage)}"] = selective_accuracy(
            unsure, is_error, coverage, bootstrap=bootstrap, group_ids=group_ids
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
