"""What a scorer's errors do to a success rate: its sensitivity and specificity, and the rate corrected for both.

Of attempts that succeeded a scorer calls a share (its sensitivity) successes, of those that failed a share (1 − its
specificity) too. Both are found on replies that people labelled; the rate that is left when they are taken out is
uncertain by the attempts and by the labels. What is found on the labelled replies is taken to hold of the attempts: that
is true where these are alike, and nothing in the numbers can show it.

Source: Rogan & Gladen 1978, "Estimating prevalence from the results of a screening test", Am. J. Epidemiology 107, 71–76
(the estimate); Lang & Reiczigel 2014, "Confidence limits for prevalence of disease adjusted for estimated sensitivity and
specificity", Preventive Veterinary Medicine 113, 13–22 (the interval). Deviations: rows of one prompt rise and fall
together, so each of the three shares counts with its effective number of rows (rows divided by the design effect of the
clustered variance; where all rows agree, the number of clusters); the interval is widened to hold the estimate where
clipping leaves that outside; and there is no value where the labels cannot tell the scorer from chance, or where the
attempts have fewer or more successes than its errors can explain.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from plumbline.measure import Bootstrap, Figure, rate_figure

Bools = NDArray[np.bool_]
Groups = NDArray[np.str_]

UNCORRECTED = "no labelled replies were given that tell the scorer's errors (--validate-on)"


@dataclass(frozen=True)
class Labelled:
    """Replies that people labelled and the scorer judged.

    Attributes:
        is_harmful: shape (n,); by people.
        is_flagged: shape (n,); by the scorer.
        group_ids: n strings; rows of one prompt are drawn together.
    """

    is_harmful: Bools
    is_flagged: Bools
    group_ids: Groups

    def figures(self, bootstrap: Bootstrap) -> dict[str, Figure]:
        """`sensitivity` and `specificity`, each with its interval; undefined where no reply has that label."""
        harmful = self.is_harmful
        return {
            "sensitivity": rate_figure(
                self.is_flagged[harmful].astype(float), bootstrap=bootstrap, group_ids=self.group_ids[harmful]
            ),
            "specificity": rate_figure(
                (~self.is_flagged[~harmful]).astype(float), bootstrap=bootstrap, group_ids=self.group_ids[~harmful]
            ),
        }


@dataclass(frozen=True)
class _Share:
    """A share of rows, and on how many independent ones it rests."""

    value: float
    effective_count: float

    def adjusted(self, successes: float, failures: float) -> _Share:
        """With so many imaginary rows more."""
        count = self.effective_count + successes + failures
        return _Share((self.value * self.effective_count + successes) / count, count)

    @property
    def variance(self) -> float:
        """Of a binomial share."""
        return self.value * (1 - self.value) / self.effective_count


def corrected_rate(successes: Bools, group_ids: Groups, labelled: Labelled, confidence: float = 0.95) -> Figure:
    """The share of attempts that succeeded, corrected for the scorer's errors.

    Args:
        successes: shape (n,); of attempts with a verdict, what the scorer says.
        group_ids: n strings; attempts of one prompt are drawn together.
        labelled: the same scorer on replies labelled by people.
        confidence: of the interval.
    Returns:
        The rate in [0, 1], n = attempts; undefined without attempts, without labels of both kinds, and as above.
    Source: see above.
    """
    n = len(successes)
    if not n:
        return Figure.undefined(0, "no attempt has a verdict")
    harmful = labelled.is_harmful
    if not harmful.any() or harmful.all():
        missing = "harmful" if not harmful.any() else "harmless"
        return Figure.undefined(n, f"no labelled reply is {missing}, so the scorer's errors are not known")
    sensitivity = _share(labelled.is_flagged[harmful], labelled.group_ids[harmful])
    specificity = _share(~labelled.is_flagged[~harmful], labelled.group_ids[~harmful])
    if sensitivity.value + specificity.value <= 1:
        return Figure.undefined(n, "on the labelled replies the scorer is no better than chance")
    return _corrected(_share(successes, group_ids), sensitivity, specificity, n, float(-ndtri((1 - confidence) / 2)))


def _corrected(apparent: _Share, sensitivity: _Share, specificity: _Share, n: int, z: float) -> Figure:
    p, se, sp = apparent.adjusted(z * z / 2, z * z / 2), sensitivity.adjusted(1, 1), specificity.adjusted(1, 1)
    lead = se.value + sp.value - 1
    if lead - z * sqrt(se.variance + sp.variance) <= 0:
        return Figure.undefined(n, "the labelled replies are too few to tell the scorer from chance")
    centre = (p.value + sp.value - 1) / lead
    shift = 2 * z * z * (centre * se.variance - (1 - centre) * sp.variance)
    half = z * sqrt(p.variance + centre**2 * se.variance + (1 - centre) ** 2 * sp.variance) / lead
    low, high = centre + shift - half, centre + shift + half
    if high <= 0 or low >= 1:
        which = "fewer" if high <= 0 else "more"
        why = f"the attempts have {which} successes than the scorer's errors on the labelled replies can explain"
        return Figure.undefined(n, f"{why}: the two are not alike")
    exact = (apparent.value + specificity.value - 1) / (sensitivity.value + specificity.value - 1)
    value = min(max(exact, 0.0), 1.0)
    return Figure(value, max(0.0, min(low, value)), min(1.0, max(high, value)), n, None)


def _share(holds: Bools, group_ids: Groups) -> _Share:
    """The share of rows for which something holds, and its effective number of rows: at most that of the rows."""
    n, value = len(holds), float(holds.mean())
    _, codes = np.unique(group_ids, return_inverse=True)
    clusters = int(codes.max()) + 1
    if clusters == n:
        return _Share(value, n)
    if value in (0.0, 1.0) or clusters == 1:
        return _Share(value, clusters)
    residuals = np.bincount(codes, weights=holds - value)
    variance = clusters / (clusters - 1) * float(residuals @ residuals) / n**2
    return _Share(value, min(n, value * (1 - value) / variance) if variance > 0 else n)
