"""One call from tables to a trained model with its figures: what the command line and the demo both use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from plumbline.lineage import Use, require_use
from plumbline.measure import Bootstrap
from plumbline.models.figures.evaluation import merge_cost_figures
from plumbline.models.figures.label_figures import label_figures, told_few_safe_rows
from plumbline.models.figures.measured_rows import FIGURE_KEYS
from plumbline.models.figures.pair_figures import pair_figures
from plumbline.models.figures.source_figures import source_figures
from plumbline.models.linear.model import LinearModel
from plumbline.models.linear.training import (
    Trained,
    TrainingOptions,
    train_cost,
    train_moderation,
    train_preference,
)
from plumbline.models.out_of_fold import out_of_fold_table
from plumbline.models.rows.folds import OutOfFold
from plumbline.models.rows.repeated_rows import count_repeats
from plumbline.models.rows.trained_rows import TrainedRows
from plumbline.models.rows.training_rows import (
    LabelRows,
    PreferenceRows,
    label_rows,
    nothing_of_kind,
    preference_rows,
    require_harm_axis,
)
from plumbline.models.scored_model import Task, better_sign, main_head, pair_calibration
from plumbline.records import Axis, Kind, NoDataError

Json = dict[str, Any]
Step = Callable[[str], None]

REQUIRED_USES: dict[str, Use] = {
    "preference": Use.PREFERENCE,
    "cost": Use.PREFERENCE,
    "moderation": Use.MODERATION,
}


@dataclass(frozen=True)
class TaskRows:
    """The rows of a task: pairs for preference, labels for moderation, both for cost."""

    pairs: PreferenceRows | None
    labels: LabelRows | None


@dataclass(frozen=True)
class TrainedTask:
    """A model with what is known of it.

    Attributes:
        model: fitted on every row.
        cross_validated: the evaluation of out-of-fold scores, as `evaluate_model` would give it.
        summary: counts, convergence, categories left out: what the card and the manifest tell.
        trained_rows: the rows, to be known again.
        out_of_fold: rows of `OUT_OF_FOLD_SCHEMA`: what models that had not seen a row say of its label.
    """

    model: LinearModel
    cross_validated: Json
    summary: Json
    trained_rows: TrainedRows
    out_of_fold: pa.Table


def rows_of_task(tables: Mapping[Kind, pa.Table], task: Task, *, axis: Axis | None = None, place: str) -> TaskRows:
    """The rows of the tables that a task trains on or is measured by.

    Raises:
        NoDataError: the tables hold none.
        UsageError: the comparisons are on several axes and none was chosen; or a cost model was asked for another
            axis than harmlessness.
    """
    labels = tables.get(Kind.SAFETY_LABELS)
    if task == "cost":
        require_harm_axis(axis)
    wanted = Axis.HARMLESSNESS if task == "cost" else axis
    if task == "moderation":
        return TaskRows(None, label_rows(_present(tables, Kind.SAFETY_LABELS, place), place=place))
    found = preference_rows(_present(tables, Kind.COMPARISONS, place), axis=wanted, place=place)
    if task == "preference":
        return TaskRows(found, None)
    return TaskRows(found, None if labels is None or not len(labels) else label_rows(labels, place=place))


def _present(tables: Mapping[Kind, pa.Table], kind: Kind, place: str) -> pa.Table:
    table = tables.get(kind)
    if table is None or not len(table):
        there = [each for each in tables.values() if each is not None]
        raise nothing_of_kind(kind.value.replace("_", " "), place, there)
    return table


def require_permitted_rows(
    tables: Mapping[Kind, pa.Table], task: Task, *, place: str, override_uses: bool = False
) -> None:
    """Refuse tables without the kind of record that a task needs, and those whose terms do not permit it.

    The kind comes first: an override of the terms would not bring the rows.

    Raises:
        NoDataError: the tables hold none.
        PermittedUseError: the data does not permit the use.
    """
    _present(tables, Kind.SAFETY_LABELS if task == "moderation" else Kind.COMPARISONS, place)
    for table in tables.values():
        if len(table):
            require_use(table, REQUIRED_USES[task], place=place, override=override_uses)


def train_task(
    tables: Mapping[Kind, pa.Table],
    task: Task,
    options: TrainingOptions,
    *,
    axis: Axis | None = None,
    place: str,
    override_uses: bool = False,
    step: Step = lambda _: None,
) -> TrainedTask:
    """Train a model of a task on tables of records.

    Args:
        tables: by kind; all rows are trained on.
        task: preference, cost or moderation.
        options: features, solver, seed.
        axis: of a preference model, where the comparisons are on several.
        place: what errors call the data.
        override_uses: go on though the data does not permit this use.
        step: told what begins, for progress.
    Raises:
        PermittedUseError: the data does not permit the use.
        NoDataError, UsageError: as `rows_of_task`.
    """
    require_permitted_rows(tables, task, place=place, override_uses=override_uses)
    rows = rows_of_task(tables, task, axis=axis, place=place)
    trained = _train(rows, task, options, place, step)
    step("cross-validated figures")
    figures = _cross_validated(trained, rows, Bootstrap(seed=options.seed))
    notes = told_few_safe_rows(figures, options.max_false_positive_rate) if task == "moderation" else []
    by_recipe = _by_recipe(trained, rows, options)
    return TrainedTask(
        trained.model,
        figures,
        {**_summary(trained, rows, options), **by_recipe, "notes": notes},
        TrainedRows.of((rows.pairs, rows.labels)),
        out_of_fold_table(trained, rows.pairs, rows.labels),
    )


def _train(rows: TaskRows, task: Task, options: TrainingOptions, place: str, step: Step) -> Trained:
    if task == "moderation" and rows.labels is not None:
        return train_moderation(rows.labels, options, step)
    if rows.pairs is None:
        raise ValueError(f"expected pairs for a {task} model, found none")
    if task == "preference":
        return train_preference(rows.pairs, options, step)
    if rows.labels is None or rows.labels.is_unsafe.all() or not rows.labels.is_unsafe.any():
        raise NoDataError(
            "PL-TRN-016",
            place,
            "a cost needs replies labelled safe and replies labelled unsafe: they fix where 0 is",
            found="no labels" if rows.labels is None else "labels of one class only",
            advice="add a source with labels, or train the pairs alone: plumbline train preference",
        )
    return train_cost(rows.pairs, rows.labels, options, step)


def _cross_validated(trained: Trained, rows: TaskRows, bootstrap: Bootstrap) -> Json:
    """Figures of the rows scored out of fold, calibrated on the same scores (one or two numbers for all rows).

    Where the folds were dealt several times, the figures and their intervals are over all deals; n, curves and lists
    are of the first one.
    """
    result = _figures(trained, rows, bootstrap, repeats=1)
    if trained.out_of_fold.repeats > 1:
        _take_figures(result, _figures(trained, rows, bootstrap, repeats=trained.out_of_fold.repeats))
    return result


def _take_figures(result: Json, of_all: Json) -> None:
    """Put in the figures over all deals, keeping the n of one."""
    subsets = [(result["by_subset"][subset], of_all["by_subset"][subset]) for subset in result["by_subset"]]
    categories = [(result["by_category"][name], of_all["by_category"][name]) for name in result["by_category"]]
    for figures, better in [(result, of_all), *subsets, *categories]:
        for key in FIGURE_KEYS:
            if key in figures:
                figures[key] = {**better[key], "n": figures[key]["n"]}


def _figures(trained: Trained, rows: TaskRows, bootstrap: Bootstrap, *, repeats: int) -> Json:
    model, out = trained.model, trained.out_of_fold.first(repeats)
    if rows.pairs is None and rows.labels is not None:
        return _label_result(model, out, rows.labels, bootstrap)
    if rows.pairs is None:
        raise ValueError("expected pairs or labels, found neither")
    differences = better_sign(model) * out.scores
    of_pairs = pair_figures(differences, rows.pairs.take(out.positions), pair_calibration(model), bootstrap)
    of_pairs["score_histogram"] = None  # a pair's own sides have no out-of-fold scores, only their difference
    if trained.label_scores is None or rows.labels is None:
        return of_pairs
    labels = trained.label_scores.first(repeats)
    columns = replace(labels, scores=labels.scores[:, None])
    return merge_cost_figures(of_pairs, _label_result(model, columns, rows.labels, bootstrap))


def _label_result(model: LinearModel, out: OutOfFold, rows: LabelRows, bootstrap: Bootstrap) -> Json:
    columns = dict(zip(model.heads, out.scores.T, strict=True))
    chances = {name: model.heads[name].calibration.probabilities(scores) for name, scores in columns.items()}
    thresholds = {name: head.threshold for name, head in model.heads.items()}
    return label_figures(chances, rows.take(out.positions), thresholds, bootstrap)


def _summary(trained: Trained, rows: TaskRows, options: TrainingOptions) -> Json:
    summary: Json = {
        "l2": options.solver.l2,
        "tolerance_nats": options.solver.tolerance_nats,
        "seed": options.seed,
        "max_false_positive_rate": options.max_false_positive_rate,
        "fits": {
            name: {
                "loss_nats": fit.loss_nats,
                "gap_nats": fit.gap_nats,
                "iterations": fit.iterations,
                "converged": fit.converged,
            }
            for name, fit in trained.fits.items()
        },
        "untrained_categories": trained.untrained,
        "repeats": count_repeats((rows.pairs, rows.labels)),
        "scored_out_of_fold": len(np.unique(trained.out_of_fold.positions)),
        "deals_of_folds": trained.out_of_fold.repeats,
        "rows_without_out_of_fold_scores": _unscored(trained, rows),
        "columns_used": int(np.count_nonzero(next(iter(trained.model.heads.values())).weights)),
    }
    if rows.pairs is not None:
        summary["comparisons"] = len(rows.pairs)
        summary["set_aside"] = dict(rows.pairs.set_aside)
    if rows.labels is not None:
        summary["labels"] = len(rows.labels)
        summary["set_aside"] = {**summary.get("set_aside", {}), **rows.labels.set_aside}
    return summary


def _by_recipe(trained: Trained, rows: TaskRows, options: TrainingOptions) -> Json:
    """What was trained by a recipe, and what each source gave; nothing where there was none."""
    if options.training is None or trained.weighed is None or rows.labels is None:
        return {}
    scores, head = (trained.out_of_fold, trained.bare), main_head(trained.model)
    by_source = source_figures(rows.labels, trained.weighed, scores, head, Bootstrap(seed=options.seed))
    return {"recipe": options.training.to_json(), "by_source": by_source}


def _unscored(trained: Trained, rows: TaskRows) -> int:
    """Training rows that no fold held out: of many rows, those that nobody asked for."""
    scores = (trained.out_of_fold, trained.label_scores, trained.further, trained.further_labels)
    scored = sum(len(np.unique(each.positions)) for each in scores if each is not None)
    return sum(len(part) for part in (rows.pairs, rows.labels) if part is not None) - scored
