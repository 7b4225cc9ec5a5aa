"""The questions of a study that several people answer about the same thing, each as ratings in long form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from plumbline.collect.dashboard.answers import AXES, RATING
from plumbline.collect.dashboard.columns import Frozen
from plumbline.collect.dashboard.counted import MOST_PLACES, Counted, Ints, Reals, those
from plumbline.collect.kinds import Purpose
from plumbline.collect.study_settings import CHATS, StudyKind
from plumbline.measure import MeasurementLevel
from plumbline.records import TAXONOMIES

IS_SAFE, REVIEW_RATING, SUCCEEDED = "is_safe", "rating", "rating >= 3"
STRENGTH = " strength"
_SUCCESS = 3
"""From this rating on an attempt succeeded: Ganguli et al. 2022, §3.4."""
_NOMINAL: tuple[MeasurementLevel, ...] = ("nominal",)
_ORDERED: tuple[MeasurementLevel, ...] = ("ordinal", "interval")


@dataclass(frozen=True, eq=False)
class Question:
    """Answers to one question.

    Attributes:
        name: an axis, "helpfulness strength", "is_safe", "category: …", "rating", "rating >= 3".
        purpose: of the items.
        is_main: whether it is also told over time and by worker; others follow from one that is.
        levels: of measurement, for alpha.
        unit: what is answered about; nobody answers about a unit twice.
        item: row number of its item.
        has_clusters: an item has several units.
        worker, at: whose answer, and when.
        value: what was answered; on an axis 1 = the first stored side is better, and a strength is negative where the
            second is.
        why_alone: why nobody else can answer about the same; None where they can.
    """

    name: str
    purpose: Purpose
    is_main: bool
    levels: tuple[MeasurementLevel, ...]
    unit: Ints
    item: Ints
    has_clusters: bool
    worker: Ints
    at: Ints
    value: Reals
    why_alone: str | None = None


def questions(counted: Counted) -> Iterator[Question]:
    """The questions of the study's kind, the main ones first in each group."""
    study = counted.study
    if study.judged_axes and study.kind is not StudyKind.SAFETY_LABELS:
        yield from _axes(counted)
    if study.kind is StudyKind.SAFETY_LABELS:
        yield from _labels(counted)
    if study.kind is StudyKind.RED_TEAM_CHAT and study.review is not None:
        grades = counted.rows(counted.view.grades, Purpose.REVIEW)
        rows = those(grades, grades["question"] == RATING)
        value = rows["value"].astype(np.float64)
        yield _question(REVIEW_RATING, rows, value, ("nominal", *_ORDERED), Purpose.REVIEW)
        yield _question(SUCCEEDED, rows, (value >= _SUCCESS).astype(np.float64), _NOMINAL, Purpose.REVIEW, main=False)


def main_questions(counted: Counted) -> list[Question]:
    """Those that are told by worker."""
    return [question for question in questions(counted) if question.is_main]


def _axes(counted: Counted) -> Iterator[Question]:
    kind = counted.study.kind
    rows = counted.rows(counted.view.choices, Purpose.WORK)
    for axis in counted.study.judged_axes:
        of_axis = those(rows, rows["axis"] == AXES.index(axis))
        is_ranking = kind is StudyKind.TWO_AXIS_RANKING
        unit = of_axis["item"] * MOST_PLACES + of_axis["place"] if is_ranking else of_axis["item"]
        why = None
        if kind in CHATS:
            unit, why = of_axis["act"], "in a chat everybody judges replies of their own, so nothing is judged twice"
        yield Question(
            name=axis.value,
            purpose=Purpose.WORK,
            is_main=True,
            levels=_NOMINAL,
            unit=unit,
            item=of_axis["item"],
            has_clusters=is_ranking,
            worker=of_axis["worker"],
            at=of_axis["at"],
            value=of_axis["first_better"],
            why_alone=why,
        )
        if kind is StudyKind.PAIRS:
            signed = np.where(of_axis["first_better"] == 1.0, 1.0, -1.0) * of_axis["strength"]
            yield _question(axis.value + STRENGTH, of_axis, signed, _ORDERED, Purpose.WORK, main=False)


def _labels(counted: Counted) -> Iterator[Question]:
    rows = counted.rows(counted.view.labels, Purpose.WORK)
    yield _question(IS_SAFE, rows, rows["is_safe"].astype(np.float64), _NOMINAL, Purpose.WORK)
    for place, category in enumerate(TAXONOMIES[counted.study.taxonomy]):
        given = (rows["categories"] >> place & 1).astype(np.float64)
        yield _question(f"category: {category}", rows, given, _NOMINAL, Purpose.WORK, main=False)


def _question(
    name: str, rows: Frozen, value: Reals, levels: tuple[MeasurementLevel, ...], purpose: Purpose, *, main: bool = True
) -> Question:
    """A question that an item asks once."""
    return Question(
        name=name,
        purpose=purpose,
        is_main=main,
        levels=levels,
        unit=rows["item"],
        item=rows["item"],
        has_clusters=False,
        worker=rows["worker"],
        at=rows["at"],
        value=value,
    )
