"""Agreement of those who rated the same transcript: reviewers among themselves, and with the attacker."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plumbline.measure import Bootstrap, Figure, fleiss_kappa, krippendorff_alpha
from plumbline.redteam.attempts import Attempts, Floats
from plumbline.redteam.success import SUCCESS_FROM


@dataclass(frozen=True)
class Agreement:
    """How far some people agree; n of each figure counts transcripts with at least two ratings.

    Attributes:
        on_scale: Fleiss' kappa of the ratings as they are.
        binarised: the same, with ratings from `SUCCESS_FROM` as one and the others as the other.
        ordinal: Krippendorff's alpha, ordinal: a rating one step off is nearly right.
    """

    on_scale: Figure
    binarised: Figure
    ordinal: Figure


@dataclass(frozen=True)
class Reviewers:
    """The blind reviews of n attempts.

    Attributes:
        reviewed: attempts with a rating by a reviewer; a review may hold tags alone.
        reviews: ratings given.
        reviewers: people who gave one.
        among_themselves: agreement of the reviewers.
        with_attackers: of the reviewers and of those who attacked, each one rater of several.
    """

    reviewed: int
    reviews: int
    reviewers: int
    among_themselves: Agreement
    with_attackers: Agreement


def reviewers_of(attempts: Attempts, bootstrap: Bootstrap) -> Reviewers:
    """Agreement of ratings from 0 to 4.

    Args:
        attempts: n of them.
        bootstrap: of the intervals; transcripts are drawn.
    Source: Ganguli et al. 2022, §3.4: kappa 0.32 on the scale, 0.49 binarised, 0.55 binarised among reviewers only.
    """
    given = [[each.rating for each in reviews if each.rating is not None] for reviews in attempts.reviews]
    names = {each.reviewer for reviews in attempts.reviews for each in reviews if each.rating is not None}
    width = max(map(len, given), default=0)
    table = np.full((len(given), width), np.nan)
    for row, ratings in enumerate(given):
        table[row, : len(ratings)] = ratings
    reviewed = np.flatnonzero([bool(ratings) for ratings in given])
    both = np.concatenate([table, attempts.ratings[:, None]], axis=1)[reviewed]
    return Reviewers(
        len(reviewed),
        sum(map(len, given)),
        len(names),
        _agreement(table[reviewed], bootstrap),
        _agreement(both, bootstrap),
    )


def _agreement(ratings: Floats, bootstrap: Bootstrap) -> Agreement:
    if not ratings.size:
        return Agreement(*[Figure.undefined(0, "no transcript was reviewed")] * 3)
    two = np.where(np.isnan(ratings), np.nan, ratings >= SUCCESS_FROM)
    return Agreement(
        fleiss_kappa(ratings, bootstrap=bootstrap),
        fleiss_kappa(two, bootstrap=bootstrap),
        krippendorff_alpha(ratings, level="ordinal", bootstrap=bootstrap),
    )
