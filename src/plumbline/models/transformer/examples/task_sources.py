"""Which rows of which tables teach which heads."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from plumbline.models.rows.training_rows import (
    LabelRows,
    PreferenceRows,
    axis_advice,
    label_rows,
    nothing_of_kind,
    preference_rows,
    require_harm_axis,
)
from plumbline.models.scored_model import Task
from plumbline.records import Axis, Kind, NoDataError, UsageError, kind_of

COST, UNSAFE = "cost", "unsafe"
CATEGORY = "category:"


def reward_head(axis: Axis) -> str:
    """The name of an axis's head."""
    return f"reward:{axis}"


def category_head(category: str) -> str:
    """The name of a category's head."""
    return f"{CATEGORY}{category}"


@dataclass(frozen=True, slots=True)
class TaskSources:
    """The rows of the tables, by what they can teach."""

    pairs: list[PreferenceRows] = field(default_factory=list)
    labels: list[LabelRows] = field(default_factory=list)


def sources_of_tasks(
    tables: Sequence[pa.Table], asked: Task | Collection[Task], axis: Axis | None, place: str
) -> TaskSources:
    """The rows that a task, or several together, learn from; see `training_examples.prepare_rows`."""
    tasks: Collection[Task] = (asked,) if isinstance(asked, str) else asked
    if set(tasks) == {"cost"}:
        require_harm_axis(axis)
    comparisons = [table for table in tables if len(table) and kind_of(table) is Kind.COMPARISONS]
    labels = [table for table in tables if len(table) and kind_of(table) is Kind.SAFETY_LABELS]
    wants_pairs, wants_labels = {"preference", "cost"} & set(tasks), {"moderation", "cost"} & set(tasks)
    if wants_pairs and not comparisons:
        raise nothing_of_kind("comparisons", place, tables)
    if "moderation" in tasks and not labels:
        raise nothing_of_kind("safety labels", place, tables)
    if asked == "preference" and axis is None:
        _require_one_axis(comparisons, place)
    pairs = _preference_rows(comparisons, tasks, axis, place) if wants_pairs else []
    return TaskSources(pairs, _label_rows(labels, tasks, place) if wants_labels else [])


def _preference_rows(
    tables: Sequence[pa.Table], tasks: Collection[Task], axis: Axis | None, place: str
) -> list[PreferenceRows]:
    """Decided comparisons, a table and axis at a time."""
    present = sorted({Axis(name) for table in tables for name in table["axis"].unique().to_pylist()})
    wanted = [] if "preference" not in tasks else present if axis is None else [axis]
    if "cost" in tasks and Axis.HARMLESSNESS not in wanted:
        wanted = [*wanted, Axis.HARMLESSNESS]
    missing = [each for each in wanted if each not in present]
    if missing:
        raise UsageError(
            "PL-TRN-011",
            place,
            f"no comparison is judged on {missing[0]}",
            expected=str(missing[0]),
            found=", ".join(present),
            advice=axis_advice(missing[0], present),
        )
    return [rows for each in wanted for rows in _rows_on(tables, each, place)]


def _require_one_axis(tables: Sequence[pa.Table], place: str) -> None:
    """Refuse comparisons on several axes for one preference model."""
    present = sorted({str(name) for table in tables for name in table["axis"].unique().to_pylist()})
    if len(present) > 1:
        raise UsageError(
            "PL-TRN-011",
            place,
            "the comparisons are judged on several axes",
            expected="one axis: helpfulness and harmlessness are never mixed",
            found=", ".join(present),
            advice=f"--on with one of these: {', '.join(present)}",
        )


def _rows_on(tables: Sequence[pa.Table], axis: Axis, place: str) -> list[PreferenceRows]:
    """The rows of every table that has the axis; a table without a decided one is no error while others have some."""
    found: list[PreferenceRows] = []
    refusal: NoDataError | None = None
    for table in tables:
        if axis not in table["axis"].unique().to_pylist():
            continue
        try:
            found.append(preference_rows(table, axis=axis, place=place))
        except NoDataError as error:
            refusal = error
    if not found and refusal is not None:
        raise refusal
    return found


def _label_rows(tables: Sequence[pa.Table], tasks: Collection[Task], place: str) -> list[LabelRows]:
    """The labels of every table; one without a label is no error while others, or the comparisons, have some."""
    found: list[LabelRows] = []
    refusal: NoDataError | None = None
    for table in tables:
        try:
            found.append(label_rows(table, place=place))
        except NoDataError as error:
            refusal = error
    if not found and refusal is not None and "moderation" in tasks:
        raise refusal
    return found


def head_names(sources: TaskSources, tasks: Collection[Task], axis: Axis | None) -> tuple[str, ...]:
    """The heads that the rows give the tasks, in the order of their numbers."""
    names: list[str] = []
    if "preference" in tasks:
        present = dict.fromkeys(rows.axis for rows in sources.pairs)
        names += [reward_head(each) for each in present if axis in (None, each)]
    if "cost" in tasks:
        names.append(COST)
    if "moderation" in tasks:
        categories = {name for rows in sources.labels for name in rows.categories}
        names += [UNSAFE, *(category_head(name) for name in sorted(categories))]
    return tuple(names)
