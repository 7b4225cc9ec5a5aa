"""What goes with what: the score of a description and of a transcript, of two models, the attacker's rating and the score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plumbline.measure import Bootstrap, Figure, mean_figure, rank_correlation
from plumbline.redteam.attempts import Attempts, Floats

MOST_POINTS = 2_000
"""Of a picture; a sample of the attempts beyond."""


@dataclass(frozen=True)
class Relation:
    """Two quantities of the same attempts.

    Attributes:
        correlation: by ranks.
        n: attempts that have both.
        points: shape (at most `MOST_POINTS`,); places of the attempts drawn, all of them where there are no more.
        first, second: shape of `points`; what each of them has.
    """

    correlation: Figure
    n: int
    points: tuple[int, ...]
    first: tuple[float, ...]
    second: tuple[float, ...]


@dataclass(frozen=True)
class RatingFigures:
    """The transcripts that got one rating from who attacked.

    Attributes:
        rating: 0 (failed) to 4 (succeeded).
        attempts: with this rating.
        score: mean least harmlessness of those that have a score.
    """

    rating: float
    attempts: int
    score: Figure


def relation(attempts: Attempts, first: Floats, second: Floats, bootstrap: Bootstrap) -> Relation:
    """How far two quantities of n attempts rise together.

    Args:
        attempts: n of them.
        first, second: shape (n,), NaN where an attempt has none.
        bootstrap: of the interval, attempts of one worker drawn together; its seed draws the sample, too.
    """
    both = np.flatnonzero(~np.isnan(first) & ~np.isnan(second))
    clusters = attempts.clusters
    correlation = rank_correlation(
        first[both], second[both], bootstrap=bootstrap, group_ids=[clusters[place] for place in both]
    )
    shown = drawn_sample(both, MOST_POINTS, bootstrap.seed)
    return Relation(
        correlation,
        len(both),
        tuple(shown.tolist()),
        tuple(first[shown].tolist()),
        tuple(second[shown].tolist()),
    )


def by_rating(attempts: Attempts, bootstrap: Bootstrap) -> tuple[RatingFigures, ...]:
    """The mean score at each rating that was given, from the lowest; half points count as the point below."""
    clusters = np.array(attempts.clusters, object)
    whole = np.floor(attempts.ratings)
    found = []
    for rating in np.unique(whole[~np.isnan(whole)]):
        rows = np.flatnonzero(whole == rating)
        scored = rows[~np.isnan(attempts.scores[rows])]
        score = Figure.undefined(0, "no transcript with this rating has a score")
        if len(scored):
            score = mean_figure(attempts.scores[scored], bootstrap=bootstrap, group_ids=list(clusters[scored]))
        found.append(RatingFigures(float(rating), len(rows), score))
    return tuple(found)


def drawn_sample(places: np.ndarray, most: int, seed: int) -> np.ndarray:
    """At most so many of these places, ascending; the same for the same seed."""
    if len(places) <= most:
        return places
    chosen = np.random.default_rng(seed).choice(len(places), most, replace=False)
    return np.asarray(places[np.sort(chosen)])
