"""Comparisons of two replies: how strongly, whether places on the screen draw answers, and model against model.

Polarity is that of the store: the better stored side. Nothing here turns it.
Source: Bai et al. 2022, §2.3 (strengths), §2.4 and §4.3 (Elo); ties as Davidson 1970 has them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plumbline.collect.dashboard.answers import AXES, NOT_NAMED
from plumbline.collect.dashboard.columns import Frozen
from plumbline.collect.dashboard.counted import BOOTSTRAP, Bools, Counted, those
from plumbline.collect.kinds import Purpose
from plumbline.collect.kinds.strength import Scale, asked_on
from plumbline.collect.study_settings import Question, StudyKind
from plumbline.measure import Figure, fit_bradley_terry, wilson_figure
from plumbline.measure.pooling import pooled_rate
from plumbline.records import Axis

MOST_MODELS = 20
"""Beyond it the models with the fewest comparisons are left out, and counted."""


@dataclass(frozen=True, slots=True)
class Count:
    """How often a value was given, and its share in [0, 1] (Wilson's interval; judgements taken as independent)."""

    value: int
    count: int
    share: Figure


@dataclass(frozen=True, slots=True)
class ModelPair:
    """Two models that met.

    Attributes:
        first_wins, second_wins, ties: comparisons.
        first_rate: share that the first won, a tie one half; drawn by item.
    """

    first: str
    second: str
    first_wins: int
    second_wins: int
    ties: int
    first_rate: Figure


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """Models against each other.

    Attributes:
        pairs: of models that met, by name.
        elo: ratings in Elo points, mean zero over those rated; why there is none where there is none.
        n: comparisons of two known, different models that are in it.
        same_model, unknown_model, left_out: comparisons that are not: both replies of one model, a model that is not
            known, a model beyond the first 20.
    """

    pairs: tuple[ModelPair, ...]
    elo: dict[str, Figure]
    n: int
    same_model: int
    unknown_model: int
    left_out: int


@dataclass(frozen=True, slots=True)
class AxisFigures:
    """Comparisons on one axis.

    Attributes:
        axis: its name.
        question: what A or B was said to be on the screen: better, or more harmful. Steps are in its words; all else is told
            of the better side.
        comparisons: that stand.
        steps: of the scale as shown, 1 = most strongly A, which is the worse one where "more harmful" is asked; empty where
            there is no scale.
        strengths: as stored: positive where the first stored side is better, negative where the second is.
        ties: share of ties.
        shown_first: share of those without a tie in which what was shown first was named: 0.5 without a bias of sides.
        first_better: share in which the first stored side is better, a tie one half.
        models: against each other.
    """

    axis: str
    question: str
    comparisons: int
    steps: tuple[Count, ...]
    strengths: tuple[Count, ...]
    ties: Figure
    shown_first: Figure
    first_better: Figure
    models: ModelFigures


def axes_of(counted: Counted) -> tuple[AxisFigures, ...]:
    """Of every axis of the study; none where nothing is compared."""
    if counted.study.kind is StudyKind.SAFETY_LABELS:
        return ()
    rows = counted.rows(counted.view.choices, Purpose.WORK)
    return tuple(
        _axis(counted, axis, those(rows, rows["axis"] == AXES.index(axis))) for axis in counted.study.judged_axes
    )


def shown_first_of(rows: Frozen) -> Figure:
    """Share in which what was shown first was named; drawn by assignment."""
    kept = rows["a_named"] != NOT_NAMED
    return pooled_rate(rows["a_named"][kept].astype(np.float64), BOOTSTRAP, rows["assignment"][kept])


def _axis(counted: Counted, axis: Axis, rows: Frozen) -> AxisFigures:
    scale = Scale(counted.study.strengths)
    has_scale = counted.study.kind is not StudyKind.TWO_AXIS_RANKING
    half = scale.steps // 2
    signed = np.where(rows["first_better"] == 1.0, 1, -1) * rows["strength"].astype(np.int64)
    strengths = [value for value in range(-half, half + 1) if value]
    ties = (rows["first_better"] == 0.5).astype(np.float64)
    return AxisFigures(
        axis=axis.value,
        question=(asked_on(axis, counted.study.question) if has_scale else Question.BETTER).value,
        comparisons=len(ties),
        steps=counts(rows["step"], range(1, scale.steps + 1)) if has_scale else (),
        strengths=counts(signed, strengths) if has_scale else (),
        ties=pooled_rate(ties, BOOTSTRAP, rows["assignment"]),
        shown_first=shown_first_of(rows),
        first_better=pooled_rate(rows["first_better"], BOOTSTRAP, rows["item"]),
        models=_models(counted, rows),
    )


def counts(given: np.ndarray, values: range | list[int]) -> tuple[Count, ...]:
    """How often each value was given."""
    n = len(given)
    found = {int(value): int(count) for value, count in zip(*np.unique(given, return_counts=True), strict=True)}
    return tuple(Count(value, found.get(value, 0), wilson_figure(found.get(value, 0), n)) for value in values)


def _models(counted: Counted, rows: Frozen) -> ModelFigures:
    first, second = rows["first_model"], rows["second_model"]
    known = (first >= 0) & (second >= 0)
    differ = known & (first != second)
    met = np.bincount(np.concatenate([first[differ], second[differ]]), minlength=len(counted.view.models))
    names = counted.view.models
    order = sorted((number for number in range(len(met)) if met[number]), key=lambda each: (-met[each], names[each]))
    taken = np.zeros(len(names) + 1, dtype=bool)
    taken[order[:MOST_MODELS]] = True
    used = differ & taken[first] & taken[second]
    return ModelFigures(
        pairs=_pairs(names, rows, used),
        elo=_elo(names, rows, used),
        n=int(used.sum()),
        same_model=int((known & ~differ).sum()),
        unknown_model=int((~known).sum()),
        left_out=int((differ & ~used).sum()),
    )


def _elo(names: tuple[str, ...], rows: Frozen, used: Bools) -> dict[str, Figure]:
    fit = fit_bradley_terry(
        rows["first_model"][used], rows["second_model"][used], rows["first_better"][used], group_ids=rows["item"][used]
    )
    return {names[code]: fit.elo[code] for code in sorted(fit.elo, key=lambda code: names[code])}


def _pairs(names: tuple[str, ...], rows: Frozen, used: Bools) -> tuple[ModelPair, ...]:
    """Each pair of models once, by name; points are counted for the one whose name comes first."""
    rank = np.argsort(np.argsort(np.array([*names, ""])[:-1], kind="stable"), kind="stable")
    first, second = rank[rows["first_model"][used]], rank[rows["second_model"][used]]
    swapped = first > second
    points = np.where(swapped, 1.0 - rows["first_better"][used], rows["first_better"][used])
    low, high = np.where(swapped, second, first), np.where(swapped, first, second)
    by_rank, width = sorted(names), len(names)
    items, codes, made = rows["item"][used], low * width + high, []
    for code in np.unique(codes).tolist():
        of_pair = codes == code
        got = points[of_pair]
        made.append(
            ModelPair(
                first=by_rank[code // width],
                second=by_rank[code % width],
                first_wins=int((got == 1.0).sum()),
                second_wins=int((got == 0.0).sum()),
                ties=int((got == 0.5).sum()),
                first_rate=pooled_rate(got, BOOTSTRAP, items[of_pair]),
            )
        )
    return tuple(made)
