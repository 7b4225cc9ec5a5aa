"""All that attempts tell together: one object, which a report draws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from plumbline.measure import Bootstrap, Figure
from plumbline.redteam.attempts import Attempts, Floats
from plumbline.redteam.by_model import ByModel, by_model, rate_or_why
from plumbline.redteam.families import Families, moulds, near_duplicates
from plumbline.redteam.map import AttemptMap, map_of
from plumbline.redteam.relations import RatingFigures, Relation, by_rating, relation
from plumbline.redteam.reviewers import Reviewers, reviewers_of
from plumbline.redteam.success import SuccessBy, most_telling, require_scale, successes
from plumbline.redteam.tags import Tags, tags_of
from plumbline.redteam.workers import Workers, workers_of

Step = Callable[[str], None]

_NOBODY = {
    SuccessBy.RATING: "no attacker gave a rating",
    SuccessBy.REVIEWS: "no reviewers agree by majority",
    SuccessBy.OUTCOME: "no attempt has an outcome",
}


@dataclass(frozen=True)
class Success:
    """What counts as success, and how often there was any.

    Attributes:
        by: the way taken.
        rates: share of successes by each way; n is the attempts of which it says something.
        flags: shape (n,); whether each attempt succeeded, None where nobody can say.
    """

    by: SuccessBy
    rates: dict[SuccessBy, Figure]
    flags: tuple[bool | None, ...]


@dataclass(frozen=True)
class RedTeamAnalysis:
    """What n attempts tell.

    Attributes:
        attempts: n.
        ids: of each.
        scored, described, rated: attempts with a transcript's score, a description's score, a rating of the attacker's.
        success: see there.
        models: figures by type and size of the model attacked.
        description: the description's score (first) against the transcript's (second).
        ratings: the transcript's score by the attacker's rating.
        rating: the attacker's rating (first) against the transcript's score (second).
        tags, reviewers, workers: see there.
        near_duplicates, moulds: families of attempts.
        map: see there.
    """

    attempts: int
    ids: tuple[str, ...]
    scored: int
    described: int
    rated: int
    success: Success
    models: ByModel
    description: Relation
    ratings: tuple[RatingFigures, ...]
    rating: Relation
    tags: Tags
    reviewers: Reviewers
    workers: Workers
    near_duplicates: Families
    moulds: Families
    map: AttemptMap


def analyse(
    table: pa.Table, bootstrap: Bootstrap, *, by: SuccessBy | None = None, step: Step = lambda _: None
) -> RedTeamAnalysis:
    """Measure attempts; the same rows and the same seed give the same.

    Args:
        table: n rows of `RED_TEAM_ATTEMPT_SCHEMA`.
        bootstrap: of all intervals.
        by: what counts as success; by default the way that says something of most attempts.
        step: told what is being measured.
    Raises:
        UsageError: there are ratings that are not from 0 to 4.
    Source: Ganguli et al. 2022, §3 and §4.
    """
    attempts = Attempts.of(table)
    require_scale(attempts)
    chosen = by or most_telling(attempts)
    flags = successes(attempts, chosen)
    step("measuring success by model")
    models = by_model(attempts, flags, bootstrap)
    step("measuring scores, tags and reviews")
    measured = {
        "description": relation(attempts, attempts.description_scores, attempts.scores, bootstrap),
        "rating": relation(attempts, attempts.ratings, attempts.scores, bootstrap),
    }
    ratings, tags = by_rating(attempts, bootstrap), tags_of(attempts, flags, bootstrap)
    reviewers, workers = reviewers_of(attempts, bootstrap), workers_of(attempts, flags, bootstrap)
    step("looking for attempts that are alike")
    alike, from_moulds = near_duplicates(attempts, flags, bootstrap), moulds(attempts, flags, bootstrap)
    step("laying out the map")
    return RedTeamAnalysis(
        attempts=len(attempts),
        ids=tuple(attempts.ids),
        scored=_given(attempts.scores),
        described=_given(attempts.description_scores),
        rated=_given(attempts.ratings),
        success=_success(attempts, chosen, bootstrap),
        models=models,
        ratings=ratings,
        tags=tags,
        reviewers=reviewers,
        workers=workers,
        near_duplicates=alike,
        moulds=from_moulds,
        map=map_of(attempts, flags, bootstrap),
        **measured,
    )


def _given(values: Floats) -> int:
    return int((~np.isnan(values)).sum())


def _success(attempts: Attempts, chosen: SuccessBy, bootstrap: Bootstrap) -> Success:
    clusters, rates = attempts.clusters, {}
    for by in SuccessBy:
        told = successes(attempts, by)
        judged = np.flatnonzero(~np.isnan(told))
        of_judged = [clusters[place] for place in judged]
        rates[by] = rate_or_why(told[judged], of_judged, bootstrap, len(attempts), _NOBODY[by])
    flags = successes(attempts, chosen)
    return Success(chosen, rates, tuple(None if np.isnan(flag) else bool(flag) for flag in flags))
