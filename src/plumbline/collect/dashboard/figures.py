"""All figures of one study at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from plumbline.collect.dashboard.agreement import QuestionAgreement, agreement_of
from plumbline.collect.dashboard.comparing import AxisFigures, axes_of
from plumbline.collect.dashboard.counted import Counted
from plumbline.collect.dashboard.distributions import (
    GradeFigures,
    KnownAnswerFigures,
    LabelFigures,
    TimeFigures,
    grades_of,
    item_times,
    judgement_times,
    known_answers_of,
    labels_of,
)
from plumbline.collect.dashboard.progress import Progress, progress_of
from plumbline.collect.kinds import Purpose
from plumbline.collect.store.unfillable import Unfillable


@dataclass(frozen=True, slots=True)
class Basis:
    """What figures rest on.

    Attributes:
        as_of: when it was begun to be read; what came in while it was read may be in it.
        judgements: that stand: of finished work, each as it was last corrected.
        finished: pieces of work that they are of: one has several judgements where it is a chat.
        corrections: that stand in the place of others.
        uncounted: of work that is not finished.
        unreadable: whose payload is none of ours, see `collect`'s check of a store.
        stored: all that the store had.
        late: submissions whose slot was another's by then; they are no judgements.
        people: who judged.
    """

    as_of: datetime
    judgements: int
    finished: int
    corrections: int
    uncounted: int
    unreadable: int
    stored: int
    late: int
    people: int


@dataclass(frozen=True, slots=True)
class StudyFigures:
    """What the dashboard shows of a study. Every figure has its value, its interval, its n, and why one is missing.

    Attributes:
        study, kind: its name and kind.
        basis: the moment and the judgements that all of it is about.
        progress: queues, days, pace.
        agreement: by question.
        known_answers: by purpose; none where nobody did any.
        axes: comparisons by axis; none where nothing is compared.
        labels: harm labels and rulings.
        grades: ratings, marks, confidence.
        item_times: seconds by what items are for.
        judgement_times: seconds by kind of judgement.
    """

    study: str
    kind: str
    basis: Basis
    progress: Progress
    agreement: tuple[QuestionAgreement, ...]
    known_answers: tuple[KnownAnswerFigures, ...]
    axes: tuple[AxisFigures, ...]
    labels: tuple[LabelFigures, ...]
    grades: tuple[GradeFigures, ...]
    item_times: tuple[TimeFigures, ...]
    judgement_times: tuple[TimeFigures, ...]


def figures_of(
    counted: Counted, leased: dict[Purpose, int], late: int, as_of: datetime, unfillable: Unfillable | None = None
) -> StudyFigures:
    """All of it.

    Args:
        counted: of the study's ledger.
        leased: items in somebody's hands, by what they are for.
        late: submissions that came late.
        as_of: when the ledger was begun to be read.
        unfillable: places that nobody can fill; None where they were not counted.
    """
    acts = counted.view.acts
    basis = Basis(
        as_of=as_of,
        judgements=int(counted.stands.sum()),
        finished=int(counted.is_finished.sum()),
        corrections=int((counted.stands & (acts["corrects"] > 0)).sum()),
        uncounted=int((~counted.is_finished[acts["assignment"]]).sum()),
        unreadable=counted.view.unreadable,
        stored=counted.view.stored,
        late=late,
        people=len(counted.view.people),
    )
    return StudyFigures(
        study=counted.study.name,
        kind=counted.study.kind.value,
        basis=basis,
        progress=progress_of(counted, leased, as_of, unfillable),
        agreement=agreement_of(counted),
        known_answers=known_answers_of(counted),
        axes=axes_of(counted),
        labels=labels_of(counted),
        grades=grades_of(counted),
        item_times=item_times(counted),
        judgement_times=judgement_times(counted),
    )
