"""Several heads on one trunk, each fitted on another draw of the groups: what one head is unsure of, they disagree on.

Covers heads on dense rows (features of a frozen trunk, or of `dense_features`) and a temperature found on rows that they had not
seen; what their spread tells is `uncertainty`'s subject. For pairs rows are differences, and the heads disagree on which side is
better.

Does not cover what all heads share: a trunk that cannot see the harm, labels that are wrong in one way. Where the rows
are unlike all training rows, heads on one trunk may well agree and be wrong together.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from plumbline.models.calibration import Calibration, fit_calibration
from plumbline.models.linear.dense_logistic import DenseFit, fit_dense
from plumbline.records import NoDataError, UsageError

Floats = NDArray[np.float64]

_ATTEMPTS = 20


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
class HeadEnsemble:
    """Heads on one trunk.

    Attributes:
        weights: shape (k, d).
        intercepts: shape (k,); 0 for pairs.
        calibration: score of a head → probability; one for all heads. Of rewards, the difference of two scores.
        pair_calibration: of costs, the difference of two costs → probability; else None.
    """

    weights: Floats
    intercepts: Floats
    calibration: Calibration = field(default_factory=Calibration)
    pair_calibration: Calibration | None = None

    def member_scores(self, rows: NDArray[np.floating]) -> Floats:
        """Scores of each head, shape (n, k), of rows (n, d)."""
        scores: Floats = np.asarray(rows, np.float64) @ self.weights.T + self.intercepts
        return scores


def fit_heads(
    rows: NDArray[np.floating],
    is_positive: NDArray[np.bool_],
    group_ids: NDArray[np.str_],
    settings: EnsembleSettings,
    *,
    row_weights: Floats | None = None,
    intercept_column: Floats | None = None,
) -> HeadEnsemble:
    """Fit each head on a draw of the groups, with replacement; not calibrated.

    Args:
        rows: shape (n, d).
        is_positive: shape (n,).
        group_ids: shape (n,); rows of one group are drawn together.
        settings: how many heads, and how.
        row_weights: shape (n,), >= 0; all 1 where absent.
        intercept_column: shape (n,); what the intercept is multiplied by, where the settings ask for one: 0 of pairs
            among labels; all 1 where absent.
    Raises:
        NoDataError: draw upon draw leaves one class only.
        UsageError: as `fit_dense`.
    """
    weights: Floats = np.ones(len(rows)) if row_weights is None else np.asarray(row_weights, np.float64)
    column: Floats = np.ones(len(rows)) if intercept_column is None else np.asarray(intercept_column, np.float64)
    column = column if settings.with_intercept else np.zeros(len(rows))
    codes = np.unique(group_ids, return_inverse=True)[1]
    fits = []
    for member in range(settings.members):
        random = np.random.default_rng([settings.seed, member])
        drawn = _draw(codes, np.asarray(is_positive, bool), weights, column, random)
        fits.append(_fit(rows, is_positive, drawn, column, settings))
    return HeadEnsemble(np.stack([fit.weights for fit in fits]), np.array([fit.intercept for fit in fits]))


def _draw(
    codes: NDArray[np.int64],
    is_positive: NDArray[np.bool_],
    weights: Floats,
    column: Floats,
    random: np.random.Generator,
) -> Floats:
    """Row weights of one draw of the groups that leaves both classes, where an intercept needs them."""
    count = int(codes.max()) + 1
    for _ in range(_ATTEMPTS):
        drawn: Floats = weights * np.bincount(random.integers(count, size=count), minlength=count)[codes]
        told = is_positive[(drawn > 0) & (column != 0)]
        if (drawn > 0).any() and (not column.any() or 0 < told.sum() < len(told)):
            return drawn
    raise NoDataError(
        "PL-FRZ-005",
        "rows",
        "draws of the groups leave rows of one class only",
        found=f"{int(is_positive.sum())} positive of {len(is_positive)} rows in {count} groups",
        advice="add rows of the class that is rare",
    )


def _fit(
    rows: NDArray[np.floating],
    is_positive: NDArray[np.bool_],
    drawn: Floats,
    column: Floats,
    settings: EnsembleSettings,
) -> DenseFit:
    kept = np.flatnonzero(drawn)
    return fit_dense(
        rows[kept],
        is_positive[kept],
        l2=settings.l2,
        row_weights=drawn[kept],
        intercept_column=column[kept] if column[kept].any() else None,
    )


def calibrate_members(
    member_scores: Floats, is_positive: NDArray[np.bool_], *, weights: Floats | None = None, with_offset: bool
) -> Calibration:
    """The temperature (and offset, where asked for) at which the *mean* of the heads' probabilities is best.

    The heads' mean score is calibrated first; the mean of sigmoids is less sure than the sigmoid of the mean, so the
    scale is then raised until the mean probability has the lowest loss.

    Args:
        member_scores: shape (n, k); of rows no head had seen.
        is_positive: shape (n,).
        weights: shape (n,), >= 0; all 1 where absent.
        with_offset: False for differences of pairs and for costs, whose zero has a meaning of its own.
    """
    first = fit_calibration(member_scores.mean(axis=1), is_positive, weights=weights, with_offset=with_offset)
    factors = np.geomspace(0.5, 4.0, 43)
    losses = []
    for factor in factors:
        scaled = Calibration(first.scale * float(factor), first.offset * float(factor))
        mean = np.clip(scaled.probabilities(member_scores).mean(axis=1), 1e-12, 1 - 1e-12)
        row_losses = -np.where(is_positive, np.log(mean), np.log1p(-mean))
        losses.append(float(np.average(row_losses, weights=weights)))
    best = float(factors[int(np.argmin(losses))])
    return Calibration(first.scale * best, first.offset * best)
