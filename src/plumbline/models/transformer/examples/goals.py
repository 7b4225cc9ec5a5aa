"""What one training is for: a task, or several on one trunk, each with the rows that it is measured on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from plumbline.models.rows.training_rows import require_harm_axis
from plumbline.models.scored_model import TASKS, Task
from plumbline.models.training import TaskRows, rows_of_task
from plumbline.records import Axis, Kind


@dataclass(frozen=True, slots=True)
class TaskData:
    """What to train on, and what for.

    Attributes:
        tables: by kind; those of other kinds than the tasks need are passed over.
        tasks: each once.
        axis: of a preference model, where the comparisons are on several.
        place: what errors call the data.
        override_uses: go on though the data does not permit this use.
        together: several goals on one trunk; then a preference model comes of every axis that comparisons are judged
            on, where no axis is asked for.
    """

    tables: Mapping[Kind, pa.Table]
    tasks: tuple[Task, ...]
    axis: Axis | None
    place: str
    override_uses: bool = False
    together: bool = False


@dataclass(frozen=True, slots=True)
class Goal:
    """What one model of a training tells.

    Attributes:
        axis: of a preference model; None for others.
        rows: that it learns from and is measured on.
    """

    task: Task
    axis: Axis | None
    rows: TaskRows


def goals_of(data: TaskData) -> tuple[Goal, ...]:
    """The goals of a training: preference first, an axis at a time, then cost and moderation.

    Raises:
        NoDataError, UsageError: as `rows_of_task`; also where comparisons of one goal are on several axes, or cost alone
            is asked for on another axis than harmlessness.
    """
    if data.tasks == ("cost",):
        require_harm_axis(data.axis)
    found = []
    for task in sorted(data.tasks, key=TASKS.index):
        for axis in _axes(data, task):
            rows = rows_of_task(data.tables, task, axis=axis, place=data.place)
            own = rows.pairs.axis if rows.pairs is not None and task == "preference" else None
            found.append(Goal(task, own, rows))
    return tuple(found)


def _axes(data: TaskData, task: Task) -> list[Axis | None]:
    """The axes that a task is trained on, one model each."""
    comparisons = data.tables.get(Kind.COMPARISONS)
    if task != "preference":
        return [None]
    if not data.together or data.axis is not None or comparisons is None or not len(comparisons):
        return [data.axis]
    return [Axis(name) for name in sorted(comparisons["axis"].unique().to_pylist())]
