"""Whether an ensemble's spread tells errors, by cross-validation: what `benchmarks.encoder_quality` measures of heads on a frozen trunk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

from plumbline.measure import Bootstrap, Figure, rate_figure
from plumbline.models.calibration import Calibration
from plumbline.models.figures.uncertainty import spread_of, telling_figures
from plumbline.models.rows.folds import Deal
from plumbline.models.transformer.frozen.head_ensemble import EnsembleSettings, calibrate_members, fit_heads

Floats = NDArray[np.float64]
Preparer = Callable[[Floats], Callable[[Floats], Floats]]


@dataclass(frozen=True)
class Said:
    """What the heads say of n rows.

    Attributes:
        probabilities: shape (n,); mean of the heads' calibrated probabilities.
        disagreement: shape (n,); their standard deviation, of k − 1.
        unsure_nats: shape (n,); how many nats one would learn of the label by knowing which head is right: entropy of
            the mean probability less the mean entropy; in [0, ln 2].
    """

    probabilities: Floats
    disagreement: Floats
    unsure_nats: Floats


def said_by(member_scores: Floats, calibration: Calibration) -> Said:
    """Mean and spread of heads.

    Args:
        member_scores: shape (n, k).
        calibration: score of a head → probability.
    Source: the nats are the mutual information of Houlsby et al. 2011 (BALD, arXiv 1112.5745), §2. Deviation: over
        bootstrap heads, not a posterior.
    """
    chances = calibration.probabilities(member_scores)
    mean = chances.mean(axis=1)
    nats = np.maximum(_entropy(mean) - _entropy(chances).mean(axis=1), 0.0)
    return Said(mean, spread_of(member_scores, calibration), nats)


def _entropy(chances: Floats) -> Floats:
    """Nats of a yes or no with these chances."""
    return np.asarray(-xlogy(chances, chances) - xlogy(1 - chances, 1 - chances), np.float64)


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
    """The calibration of heads whose held-out rows may stand there several times.

    Args:
        held_out: of rows no head had seen.
        is_positive: shape (n,), of all rows.
        settings: of the heads.
    """
    labels = is_positive[held_out.positions]
    return calibrate_members(held_out.member_scores, labels, with_offset=settings.with_intercept)


def error_figures(
    said: Said,
    is_positive: NDArray[np.bool_],
    *,
    bootstrap: Bootstrap,
    group_ids: NDArray[np.str_],
) -> Mapping[str, Figure]:
    """Does the spread tell errors of the heads' mean? Errors are taken at probability one half.

    Args:
        said: of n held-out rows.
        is_positive: shape (n,).
        bootstrap, group_ids: of the intervals.
    Returns:
        ``error_auroc_by_*``: how well disagreement, nats and nearness to one half (what a single head has too) rank
        errors above what is right; 0.5 says nothing. ``accuracy``, and ``accuracy_at_*`` of the share of rows that is
        surest by nearness to one half or by disagreement: ties are cut by position.
    """
    is_error = (said.probabilities >= 0.5) != is_positive
    unsure = {
        "disagreement": said.disagreement,
        "unsure_nats": said.unsure_nats,
        "nearness_to_half": -np.abs(said.probabilities - 0.5),
    }
    figures = {"accuracy": rate_figure((~is_error).astype(float), bootstrap=bootstrap, group_ids=group_ids)}
    for name, values in unsure.items():
        told = telling_figures(values, is_error, bootstrap=bootstrap, group_ids=group_ids)
        figures |= {f"{key}_by_{name}": figure for key, figure in told.items()}
    return figures
