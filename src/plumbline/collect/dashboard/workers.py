"""How each worker does: a line of the list, and a sheet. By pseudonym; never a name or where somebody came from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import numpy as np

from plumbline.collect.dashboard.answers import AXES, NOT_NAMED
from plumbline.collect.dashboard.comparing import shown_first_of
from plumbline.collect.dashboard.counted import BOOTSTRAP, Counted, Ints, Reals, microseconds_of, moment, those
from plumbline.collect.dashboard.distributions import (
    KnownAnswerFigures,
    TimeFigures,
    known_answers_of,
    seconds_by_assignment,
    time_figures,
)
from plumbline.collect.dashboard.ledger import PURPOSES
from plumbline.collect.dashboard.narrowed import about_worker
from plumbline.collect.dashboard.progress import Day, days_of
from plumbline.collect.dashboard.questions import Question, main_questions
from plumbline.collect.kinds import Purpose
from plumbline.collect.store.dashboard_rows import JudgingPerson
from plumbline.measure import Figure, wilson_figure
from plumbline.measure.pooled_agreement import agreement_with_others
from plumbline.measure.quantiles import quantile_figure

WorkerOrder = Literal[
    "pseudonym", "finished", "median_seconds", "shown_first", "agreement", "gold", "attention", "training",
    "corrections", "released", "expired", "late", "last",
]  # fmt: skip
"""Columns that the list may be sorted by."""
_NOBODY = -1
_BETWEEN = "_"
PLACE = rf"(-?[0-9]+(\.[0-9]+)?(e-?[0-9]{{1,3}})?)?{_BETWEEN}[A-Za-z0-9-]{{1,40}}"
"""What `place_of` gives, as a pattern."""


@dataclass(frozen=True, slots=True)
class WorkerLine:
    """One worker of a study.

    Attributes:
        finished: assignments that were finished and count, by what they were for.
        median_seconds: of an item of their work, or of whatever they did where they did no work.
        shown_first: share in which they named what was shown first (Wilson's interval; judgements as independent).
        agreement: share of the others' answers to the same that are theirs; its interval stands on the sheet.
        training, gold, attention: share of known answers that they got right (Wilson's interval).
        corrections: judgements of theirs that were corrected.
        released, expired: assignments that they gave back or let run out, and did not finish since.
        late: submissions whose slot was another's by then.
        last: when they judged last.
    """

    pseudonym: str
    is_blocked: bool
    is_erased: bool
    finished: dict[str, int]
    median_seconds: Figure
    shown_first: Figure
    agreement: Figure
    training: Figure
    gold: Figure
    attention: Figure
    corrections: int
    released: int
    expired: int
    late: int
    last: datetime | None


@dataclass(frozen=True, slots=True)
class WorkerQuestion:
    """A worker against everybody else who answered the same; intervals of both are drawn by what was answered about."""

    question: str
    percent: Figure
    cohen_kappa: Figure


@dataclass(frozen=True, slots=True)
class WorkerSheet:
    """All of one worker in a study.

    Attributes:
        as_of: the moment that it is of.
        line: as in the list.
        days: judgements by day, corrections not among them.
        shown_first: by axis, drawn by assignment.
        agreement: by question.
        known_answers: by purpose.
        item_times: seconds of their items, by what these were for.
    """

    as_of: datetime
    line: WorkerLine
    days: tuple[Day, ...]
    shown_first: dict[str, Figure]
    agreement: tuple[WorkerQuestion, ...]
    known_answers: tuple[KnownAnswerFigures, ...]
    item_times: tuple[TimeFigures, ...]


def lines_of(
    counted: Counted,
    given_up: Mapping[str, tuple[int, int]],
    late: Mapping[str, int],
    others: Sequence[JudgingPerson] = (),
) -> tuple[WorkerLine, ...]:
    """Everybody who judged something, gave something back or came late with it, by pseudonym.

    Args:
        counted: of the study's ledger.
        given_up: released and expired, by person.
        late: submissions that came late, by person.
        others: of those two, who judged nothing.
    """
    people = (*counted.view.people, *others)
    count = len(people)
    agreement, seconds = _agreement(counted, count), _times(counted, count)
    shown, known = _shown_first(counted, count), _known_answers(counted, count)
    corrections, last = _corrections(counted, count), _last(counted, count)
    finished = _finished(counted, count)
    made = []
    for number, person in enumerate(people):
        released, expired = given_up.get(person.id, (0, 0))
        made.append(
            WorkerLine(
                pseudonym=person.pseudonym,
                is_blocked=person.is_blocked,
                is_erased=person.is_erased,
                finished=finished[number],
                median_seconds=seconds[number],
                shown_first=shown[number],
                agreement=agreement[number],
                training=known[Purpose.TRAINING][number],
                gold=known[Purpose.GOLD][number],
                attention=known[Purpose.ATTENTION][number],
                corrections=int(corrections[number]),
                released=released,
                expired=expired,
                late=late.get(person.id, 0),
                last=moment(last[number]) if last[number] else None,
            )
        )
    return tuple(sorted(made, key=lambda line: line.pseudonym))


def sorted_lines(lines: tuple[WorkerLine, ...], by: WorkerOrder, descending: bool) -> list[WorkerLine]:
    """By a column, then by pseudonym; who has no value in it comes last either way."""
    value = _VALUES[by]
    there = [line for line in lines if value(line) is not None]
    missing = [line for line in lines if value(line) is None]
    return sorted(there, key=value, reverse=descending) + missing


def place_of(line: WorkerLine, by: WorkerOrder) -> str:
    """Where a line stands in the list sorted by a column: its value there and its pseudonym."""
    value = _number(line, by)
    # A plus sign would be a space in an address.
    return f"{'' if value is None else repr(value).replace('+', '')}{_BETWEEN}{line.pseudonym}"


def lines_after(lines: Sequence[WorkerLine], by: WorkerOrder, descending: bool, place: str) -> list[WorkerLine]:
    """Of sorted lines those after a place, also where the line that stood there has moved since.

    Args:
        place: of the last line of the page before, as `place_of` gives it.
    """
    told, _, pseudonym = place.partition(_BETWEEN)
    value = float(told) if told else None
    if by == "pseudonym":
        return [line for line in lines if line.pseudonym != pseudonym and (line.pseudonym < pseudonym) == descending]
    last = _sorting(value, descending), pseudonym
    return [line for line in lines if (_sorting(_number(line, by), descending), line.pseudonym) > last]


def _sorting(value: float | None, descending: bool) -> tuple[bool, float]:
    return value is None, 0.0 if value is None else -value if descending else value


def _number(line: WorkerLine, by: WorkerOrder) -> float | None:
    value = None if by == "pseudonym" else _VALUES[by](line)
    return float(microseconds_of(value)) if isinstance(value, datetime) else None if value is None else float(value)


def sheet_of(counted: Counted, line: WorkerLine, as_of: datetime) -> WorkerSheet:
    """The sheet of somebody who has a line."""
    numbers = {pseudonym: number for number, pseudonym in enumerate(counted.pseudonyms)}
    worker = numbers.get(line.pseudonym, _NOBODY)
    counted = about_worker(counted, worker)
    acts, assignments = counted.view.acts, counted.view.assignments
    own = assignments["worker"][acts["assignment"]] == worker
    rows = counted.rows(counted.view.choices, Purpose.WORK)
    shown = {
        axis.value: shown_first_of(those(rows, kept))
        for axis in counted.study.judged_axes
        if (kept := (rows["worker"] == worker) & (rows["axis"] == AXES.index(axis))).any()
    }
    seconds = seconds_by_assignment(counted)
    times = []
    for place, purpose in enumerate(PURPOSES):
        theirs = seconds[(assignments["worker"] == worker) & (assignments["purpose"] == place) & ~np.isnan(seconds)]
        if len(theirs):
            times.append(time_figures(purpose.value, theirs))
    return WorkerSheet(
        as_of=as_of,
        line=line,
        days=days_of(acts["at"][counted.is_first & own]),
        shown_first=shown,
        agreement=tuple(_against_others(question, worker) for question in main_questions(counted)),
        known_answers=known_answers_of(counted, worker),
        item_times=tuple(times),
    )


_VALUES: Mapping[str, Callable[[WorkerLine], Any]] = {
    "pseudonym": lambda line: line.pseudonym,
    "finished": lambda line: line.finished.get(Purpose.WORK.value, 0),
    "median_seconds": lambda line: line.median_seconds.value,
    "shown_first": lambda line: line.shown_first.value,
    "agreement": lambda line: line.agreement.value,
    "gold": lambda line: line.gold.value,
    "attention": lambda line: line.attention.value,
    "training": lambda line: line.training.value,
    "corrections": lambda line: line.corrections,
    "released": lambda line: line.released,
    "expired": lambda line: line.expired,
    "late": lambda line: line.late,
    "last": lambda line: line.last,
}


def _against_others(question: Question, worker: int) -> WorkerQuestion:
    if question.why_alone is not None:
        figure = Figure.undefined(0, question.why_alone)
        return WorkerQuestion(question.name, figure, figure)
    percent, kappa = agreement_with_others(question.unit, question.value, question.worker == worker, BOOTSTRAP)
    return WorkerQuestion(question.name, percent, kappa)


def _agreement(counted: Counted, count: int) -> list[Figure]:
    """Of all main questions together; each thing that others answered about counts the same."""
    agreed, things = np.zeros(count), np.zeros(count)
    for question in main_questions(counted):
        if question.why_alone is not None or not len(question.unit):
            continue
        units = np.unique(question.unit, return_inverse=True)[1]
        values, given = np.unique(question.value, return_inverse=True)
        cells = units * len(values) + given
        same = np.bincount(cells)[cells] - 1.0
        others = np.bincount(units)[units] - 1.0
        kept = others > 0
        workers = question.worker[kept]
        agreed += np.bincount(workers, weights=same[kept] / others[kept], minlength=count)
        things += np.bincount(workers, minlength=count)
    return [
        Figure.without_interval(float(share / n), int(n), "the interval is on the worker's sheet")
        if n
        else Figure.undefined(0, "nobody else answered the same")
        for share, n in zip(agreed, things, strict=True)
    ]


def _times(counted: Counted, count: int) -> list[Figure]:
    seconds = seconds_by_assignment(counted)
    assignments = counted.view.assignments
    measured = ~np.isnan(seconds)
    is_work = assignments["purpose"] == PURPOSES.index(Purpose.WORK)
    by_worker = _grouped(assignments["worker"][measured], seconds[measured], count)
    of_work = _grouped(assignments["worker"][measured & is_work], seconds[measured & is_work], count)
    return [quantile_figure(work if len(work) else every) for work, every in zip(of_work, by_worker, strict=True)]


def _grouped(workers: Ints, values: Reals, count: int) -> list[Reals]:
    order = np.argsort(workers, kind="stable")
    ends = np.cumsum(np.bincount(workers, minlength=count))
    return np.split(values[order], ends[:-1]) if count else []


def _shown_first(counted: Counted, count: int) -> list[Figure]:
    rows = counted.rows(counted.view.choices, Purpose.WORK)
    kept = rows["a_named"] != NOT_NAMED
    named = np.bincount(rows["worker"][kept], weights=rows["a_named"][kept], minlength=count)
    n = np.bincount(rows["worker"][kept], minlength=count)
    return [wilson_figure(int(first), int(every)) for first, every in zip(named, n, strict=True)]


def _known_answers(counted: Counted, count: int) -> dict[Purpose, list[Figure]]:
    scores, assignments = counted.view.scores, counted.view.assignments
    rows = scores["assignment"]
    found = {}
    for purpose in (Purpose.TRAINING, Purpose.GOLD, Purpose.ATTENTION):
        kept = counted.is_finished[rows] & (assignments["purpose"][rows] == PURPOSES.index(purpose))
        workers = assignments["worker"][rows[kept]]
        right = np.bincount(workers, weights=scores["right"][kept], minlength=count)
        asked = np.bincount(workers, weights=scores["asked"][kept], minlength=count)
        found[purpose] = [wilson_figure(int(good), int(every)) for good, every in zip(right, asked, strict=True)]
    return found


def _corrections(counted: Counted, count: int) -> Ints:
    acts = counted.view.acts
    kept = counted.is_finished[acts["assignment"]] & (acts["corrects"] > 0)
    return np.bincount(counted.view.assignments["worker"][acts["assignment"][kept]], minlength=count)


def _last(counted: Counted, count: int) -> Ints:
    last = np.zeros(count, dtype=np.int64)
    acts = counted.view.acts
    np.maximum.at(last, counted.view.assignments["worker"][acts["assignment"]], acts["at"])
    return last


def _finished(counted: Counted, count: int) -> list[dict[str, int]]:
    assignments = counted.view.assignments
    width = len(PURPOSES)
    cells = assignments["worker"] * width + assignments["purpose"]
    by_cell = np.bincount(cells[counted.is_finished], minlength=count * width).reshape(count, width)
    return [
        {purpose.value: int(number) for purpose, number in zip(PURPOSES, row, strict=True) if number} for row in by_cell
    ]
