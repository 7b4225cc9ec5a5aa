"""What each source gave to a training by a recipe, and how good the model is on it, with the prompt and without."""

from __future__ import annotations

from typing import Any

import numpy as np

from plumbline.measure import Bootstrap, auprc, false_positive_rate_at_threshold, recall_at_threshold
from plumbline.models.figures.measured_rows import Bools, Json, figures_json
from plumbline.models.rows.folds import OutOfFold
from plumbline.models.rows.training_rows import LabelRows
from plumbline.models.rows.weighing import WeighedRows, is_held_alone
from plumbline.models.scored_model import ReadHead

_FORMS = ("with_prompt", "without_prompt")
_TOO_FEW = "; too few safe rows to hold it to the rate of false positives by itself"


def source_figures(
    rows: LabelRows,
    weighed: WeighedRows,
    scores: tuple[OutOfFold, OutOfFold | None],
    head: ReadHead,
    bootstrap: Bootstrap,
) -> list[Json]:
    """One entry a source: its rows and what they count as, by class, and figures of rows scored out of fold.

    Args:
        rows: n labels.
        weighed: how much each counts.
        scores: of the rows with their prompts, and without where the model was trained on these too; the first column is
            that of `head`.
        head: unsafe or not.
        bootstrap: intervals, by group.
    """
    origins = weighed.origins[: len(rows)]
    found = []
    for source in np.unique(origins):
        told: Json = {"source": str(source)}
        for name, of_class in (("safe", ~rows.is_unsafe), ("unsafe", rows.is_unsafe)):
            counted = (weighed.origins == source) & of_class[weighed.positions]
            told[name] = int((of_class & (origins == source)).sum())
            told[f"{name}_counts_as"] = float(weighed.weights[counted].sum())
        for form, of_form in zip(_FORMS, scores, strict=True):
            told[form] = None if of_form is None else _of_form(rows, of_form, origins == source, head, bootstrap)
        found.append(told)
    return found


def _of_form(rows: LabelRows, scores: OutOfFold, chosen: Bools, head: ReadHead, bootstrap: Bootstrap) -> Json:
    first = scores.first(1)
    kept = chosen[first.positions]
    at = first.positions[kept]
    chances, is_unsafe = head.calibration.probabilities(first.scores[kept, 0]), rows.is_unsafe[at]
    how: Any = {"bootstrap": bootstrap, "group_ids": rows.places.group_ids[at]}
    threshold = 1.0 if head.threshold is None else head.threshold
    return figures_json(
        {
            "auprc": auprc(chances, is_unsafe, **how),
            "recall": recall_at_threshold(chances, is_unsafe, threshold, **how),
            "false_positive_rate": false_positive_rate_at_threshold(chances, is_unsafe, threshold, **how),
        }
    )


def told_sources(summary: Json) -> list[str]:
    """A line a source: its rows, what they count as, and whether they are too few for a rate of false positives of their own.

    Args:
        summary: of a training by a recipe; of another there is nothing to tell.
    """
    told, rate = [], summary.get("max_false_positive_rate", 0.0)
    for each in summary.get("by_source", []):
        is_held = is_held_alone(_scored_safe_rows(each), rate) or not summary["recipe"]["threshold_for_each_part"]
        told.append(
            f"{each['source']}: {each['safe']:,} safe and {each['unsafe']:,} unsafe rows, which count as "
            f"{each['safe_counts_as']:,.0f} and {each['unsafe_counts_as']:,.0f}" + ("" if is_held else _TOO_FEW)
        )
    return told


def _scored_safe_rows(told: Json) -> int:
    count: int = told["with_prompt"]["false_positive_rate"]["n"]
    return count
