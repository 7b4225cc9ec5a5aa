"""Agreement on each question, overall and over time.

Source: Krippendorff 2011; Fleiss 1971; Bai et al. 2022, app. D (percent agreement on comparisons); Ganguli et al. 2022, §3.4
(Fleiss' kappa of reviews on the scale, and where ratings of 3 and more are one). Intervals draw items.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from plumbline.collect.dashboard.counted import BOOTSTRAP, Counted, Ints, moment
from plumbline.collect.dashboard.questions import Question, questions
from plumbline.measure import Bootstrap, Figure
from plumbline.measure.pooled_agreement import Agreement, RatedUnits, agreement_of_units

MOST_SLICES = 12
_OF_SLICES = replace(BOOTSTRAP, resamples=400)
LEAST_ITEMS = 20
"""A slice of time has at least so many items that several people judged."""


@dataclass(frozen=True, slots=True)
class AgreementFigures:
    """How far the judgements of a question agree.

    Attributes:
        percent: share in [0, 1] of pairs of answers about one thing that are equal, averaged over things.
        fleiss_kappa: the same beyond chance.
        krippendorff_alpha: by level of measurement: nominal, ordinal, interval.
    """

    percent: Figure
    fleiss_kappa: Figure
    krippendorff_alpha: dict[str, Figure]


@dataclass(frozen=True, slots=True)
class AgreementSlice:
    """Agreement on the items whose last judgement came between two moments; slices have equally many items."""

    begins: datetime
    ends: datetime
    agreement: AgreementFigures


@dataclass(frozen=True, slots=True)
class QuestionAgreement:
    """One question.

    Attributes:
        question: its name.
        purpose: of the items that ask it.
        judgements: answers, those about what nobody else answered too.
        overall: over all of them.
        over_time: at most 12 slices, none where items are few; main questions only.
        why_alone: why nobody can answer about the same as somebody else, so that nothing is defined; None where they can.
        bootstrap_flops: additions and multiplications of the intervals of `overall`.
    """

    question: str
    purpose: str
    judgements: int
    overall: AgreementFigures
    over_time: tuple[AgreementSlice, ...]
    why_alone: str | None
    bootstrap_flops: int


def agreement_of(counted: Counted) -> tuple[QuestionAgreement, ...]:
    """Of every question of the study."""
    return tuple(_agreement(question) for question in questions(counted))


def _agreement(question: Question) -> QuestionAgreement:
    overall = _figures(question, None)
    return QuestionAgreement(
        question=question.name,
        purpose=question.purpose.value,
        judgements=len(question.value),
        overall=_told(overall),
        over_time=tuple(_over_time(question)) if question.is_main and question.why_alone is None else (),
        why_alone=question.why_alone,
        bootstrap_flops=overall.flops,
    )


def _figures(question: Question, rows: Ints | None, bootstrap: Bootstrap = BOOTSTRAP) -> Agreement:
    if question.why_alone is not None:
        return Agreement.undefined(0, question.why_alone, question.levels)
    taken = slice(None) if rows is None else rows
    clusters = question.item[taken] if question.has_clusters else None
    units = RatedUnits.of(question.unit[taken], question.value[taken], clusters)
    return agreement_of_units(units, question.levels, bootstrap)


def _told(agreement: Agreement) -> AgreementFigures:
    return AgreementFigures(agreement.percent, agreement.fleiss_kappa, dict(agreement.alpha.items()))


def _over_time(question: Question) -> list[AgreementSlice]:
    """Slices by the moment of an item's last judgement, of the items that several people judged."""
    if not len(question.unit):
        return []
    _, units = np.unique(question.unit, return_inverse=True)
    several = np.flatnonzero(np.bincount(units)[units] >= 2)
    if not len(several):
        return []
    items, of_row = np.unique(question.item[several], return_inverse=True)
    last = np.zeros(len(items), dtype=np.int64)
    np.maximum.at(last, of_row, question.at[several])
    count = min(MOST_SLICES, len(items) // LEAST_ITEMS)
    if count < 2:
        return []
    slice_of_item = np.zeros(len(items), dtype=np.int64)
    order = np.lexsort((items, last))
    parts = np.array_split(order, count)
    for number, part in enumerate(parts):
        slice_of_item[part] = number
    slices = []
    for number, part in enumerate(parts):
        rows = several[slice_of_item[of_row] == number]
        begins, ends = moment(last[part[0]]), moment(last[part[-1]])
        slices.append(AgreementSlice(begins, ends, _told(_figures(question, rows, _OF_SLICES))))
    return slices
