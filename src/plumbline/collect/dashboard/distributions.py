"""What was answered and how long it took: labels, grades, known answers, seconds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plumbline.collect.dashboard.answers import CLOSED, CONFIDENCE, GRADES, MARK, RATING, SELF
from plumbline.collect.dashboard.comparing import Count, counts
from plumbline.collect.dashboard.counted import BOOTSTRAP, Counted, Ints, Reals
from plumbline.collect.dashboard.ledger import PURPOSES
from plumbline.collect.kinds import KNOWN_ANSWERS, Purpose
from plumbline.collect.kinds.blind_review import MOST_RATING
from plumbline.collect.kinds.preference_chat import RATINGS
from plumbline.collect.kinds.spot_check import MARKS
from plumbline.collect.study_settings import StudyKind
from plumbline.measure import Figure
from plumbline.measure.pooling import Pooled, pooled_figure, pooled_rate
from plumbline.measure.quantiles import quantile_figure
from plumbline.measure.rates import at_the_edge, mean_of_totals
from plumbline.records import TAXONOMIES

_ASKED = {
    RATING: (Purpose.REVIEW, range(MOST_RATING + 1)),
    SELF: (Purpose.WORK, range(MOST_RATING + 1)),
    CLOSED: (Purpose.WORK, range(1, len(RATINGS) + 1)),
    MARK: (Purpose.SPOT_CHECK, range(1, len(MARKS) + 1)),
    CONFIDENCE: (Purpose.WORK, range(4)),
}
"""Of each grade, the queue that asks for it and the values that it has."""


@dataclass(frozen=True, slots=True)
class LabelFigures:
    """Harm labels of a queue; each judgement counts once.

    Attributes:
        purpose: work, or adjudication for rulings.
        unsafe: share.
        categories: share of judgements that name a category, by category.
    """

    purpose: str
    judgements: int
    unsafe: Figure
    categories: dict[str, Figure]


@dataclass(frozen=True, slots=True)
class GradeFigures:
    """A question that is answered by a number: a review's rating, a self-rating, a confidence …"""

    question: str
    purpose: str
    values: tuple[Count, ...]


@dataclass(frozen=True, slots=True)
class KnownAnswerFigures:
    """Items with known answers.

    Attributes:
        purpose: training, gold or attention.
        finished: assignments.
        accuracy: share of the answers asked for that were right; drawn by assignment.
    """

    purpose: str
    finished: int
    accuracy: Figure


@dataclass(frozen=True, slots=True)
class TimeFigures:
    """Seconds, of items of a purpose or of judgements of a kind, where they were measured."""

    of: str
    measured: int
    lower_quartile: Figure
    median: Figure
    upper_quartile: Figure


def labels_of(counted: Counted) -> tuple[LabelFigures, ...]:
    """Labels and rulings, apart."""
    if counted.study.kind not in (StudyKind.SAFETY_LABELS, StudyKind.TWO_AXIS_RANKING):
        return ()
    asks_for_labels = counted.study.kind is StudyKind.SAFETY_LABELS
    purposes = (Purpose.WORK, Purpose.ADJUDICATION) if asks_for_labels else (Purpose.ADJUDICATION,)
    return tuple(_labels(counted, purpose) for purpose in purposes)


def _labels(counted: Counted, purpose: Purpose) -> LabelFigures:
    rows = counted.rows(counted.view.labels, purpose)
    items = rows["item"]
    return LabelFigures(
        purpose=purpose.value,
        judgements=len(items),
        unsafe=pooled_rate(1.0 - rows["is_safe"], BOOTSTRAP, items),
        categories={
            name: pooled_rate((rows["categories"] >> place & 1).astype(np.float64), BOOTSTRAP, items)
            for place, name in enumerate(TAXONOMIES[counted.study.taxonomy])
        },
    )


def grades_of(counted: Counted) -> tuple[GradeFigures, ...]:
    """Every question that was answered by a number."""
    made = []
    for question, (purpose, values) in _ASKED.items():
        rows = counted.rows(counted.view.grades, purpose)
        given = rows["value"][rows["question"] == question]
        if len(given):
            made.append(GradeFigures(GRADES[question], purpose.value, counts(given, values)))
    return tuple(made)


def known_answers_of(counted: Counted, worker: int | None = None) -> tuple[KnownAnswerFigures, ...]:
    """Accuracy by purpose, of everybody or of one worker; purposes that nobody did are left out."""
    scores, assignments = counted.view.scores, counted.view.assignments
    made = []
    for purpose in KNOWN_ANSWERS:
        rows = scores["assignment"]
        kept = counted.is_finished[rows] & (assignments["purpose"][rows] == PURPOSES.index(purpose))
        if worker is not None:
            kept &= assignments["worker"][rows] == worker
        if kept.any():
            accuracy = _accuracy(scores["right"][kept], scores["asked"][kept])
            made.append(KnownAnswerFigures(purpose.value, int(kept.sum()), accuracy))
    return tuple(made)


def _accuracy(right: Ints, asked: Ints) -> Figure:
    if not asked.sum():
        return Figure.undefined(len(asked), "nothing was asked whose answer is known")
    kept = asked > 0
    columns = np.stack([right[kept], asked[kept]], axis=1).astype(np.float64)
    pooled = Pooled.of(columns)
    return at_the_edge(
        pooled_figure(pooled, mean_of_totals, BOOTSTRAP, "nothing was asked"), pooled.clusters, BOOTSTRAP
    )


def item_times(counted: Counted) -> tuple[TimeFigures, ...]:
    """Seconds that finished items took, by what they are for; of an item all judgements together, corrections not."""
    seconds, purposes = seconds_by_assignment(counted), counted.view.assignments["purpose"]
    made = []
    for place, purpose in enumerate(PURPOSES):
        of_purpose = seconds[(purposes == place) & ~np.isnan(seconds)]
        if len(of_purpose):
            made.append(time_figures(purpose.value, of_purpose))
    return tuple(made)


def judgement_times(counted: Counted) -> tuple[TimeFigures, ...]:
    """Seconds that single judgements of finished items took, by their kind."""
    acts = counted.view.acts
    kept = counted.is_first & ~np.isnan(acts["seconds"])
    made = []
    for number, kind in enumerate(counted.view.kinds):
        of_kind = acts["seconds"][kept & (acts["kind"] == number)]
        if len(of_kind):
            made.append(time_figures(kind, of_kind))
    return tuple(made)


def time_figures(name: str, seconds: Reals) -> TimeFigures:
    """Quartiles of measured seconds."""
    quartiles = [quantile_figure(seconds, share) for share in (0.25, 0.5, 0.75)]
    return TimeFigures(name, len(seconds), quartiles[0], quartiles[1], quartiles[2])


def seconds_by_assignment(counted: Counted) -> Reals:
    """Seconds of each finished assignment; NaN where it is not finished or a part of it was not measured."""
    acts, count = counted.view.acts, len(counted.view.assignments["item"])
    kept = counted.is_first
    # NaN of a part makes NaN of the whole.
    total = np.bincount(acts["assignment"][kept], weights=acts["seconds"][kept], minlength=count)
    return np.where(counted.is_finished, total, np.nan)
