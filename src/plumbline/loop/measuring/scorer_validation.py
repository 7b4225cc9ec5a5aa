"""A scorer of replies held against labels of people: on rows that it was not trained on."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from plumbline.formats import Loaded
from plumbline.loop.opened_models import OpenedModel, open_model
from plumbline.loop.sources import Step, load_stage
from plumbline.models.rows.trained_rows import read_trained_rows
from plumbline.models.rows.training_rows import LabelRows
from plumbline.models.scored_model import ScoredModel, main_head
from plumbline.models.training import rows_of_task
from plumbline.records import AttemptOutcome, NoDataError, SafetyLabel, UsageError, records_from_table
from plumbline.redteam.outcomes import judge_replies, require_verdicts
from plumbline.redteam.scorer_error import Labelled

TRAINED_ON = "PL-RTA-007"
"""A labelled reply that the scorer was trained on: what it says of that tells nothing of its errors."""


@dataclass(frozen=True)
class Validation:
    """What a scorer's errors were found on.

    Attributes:
        loaded: the source.
        labelled: labels beside verdicts.
        left_out: rows that tell nothing, by code.
        shared_prompts: labelled prompts that the scorer was trained on, with other replies; None where nothing says what
            it was trained on.
    """

    loaded: Loaded
    labelled: Labelled
    left_out: dict[str, int]
    shared_prompts: int | None


def open_scorer(folder: Path) -> OpenedModel:
    """Load a model that decides.

    Raises:
        UsageError: it decides nothing.
        SourceError, ModelError, MissingExtraError: it cannot be loaded.
    """
    scorer = open_model(folder)
    require_verdicts(scorer.model, str(folder))
    return scorer


def scorer_json(scorer: OpenedModel) -> dict[str, Any]:
    """What a summary says of it."""
    threshold = main_head(scorer.model).threshold if scorer.model.task == "moderation" else None
    return {"name": scorer.description.name, "task": scorer.model.task, "threshold": threshold}


def validate_scorer(scorer: OpenedModel, source: str, step: Step) -> Validation:
    """Judge the labelled replies of a source: its split test, or all of a single file.

    Raises:
        NoDataError: there are no labels, or none that tells anything.
        PlumblineError: the source cannot be read.
    """
    loaded = _labels(source, step)
    rows = rows_of_task(loaded.tables, "moderation", place=source).labels
    if rows is None:
        raise ValueError("expected labels")
    trained = read_trained_rows(scorer.folder, scorer.description)
    is_seen = np.zeros(len(rows), bool) if trained is None else trained.rows_among(rows.records)
    fresh = rows.take(np.flatnonzero(~is_seen))
    left_out = Counter({**rows.set_aside, TRAINED_ON: int(is_seen.sum())})
    labelled = _labelled(scorer.model, fresh, left_out, step)
    if not len(labelled.is_harmful):
        raise NoDataError(
            "PL-RTA-006",
            source,
            "no labelled reply tells anything of the scorer's errors",
            expected="labels of replies that the scorer was not trained on",
            found=", ".join(f"{count:,} × {code}" for code, count in (+left_out).items()) or "no rows",
            advice="name a source of other replies with --validate-on, such as the split held out in training",
        )
    groups = sorted(set(labelled.group_ids.tolist()))
    shared = None if trained is None else int(trained.prompts_among(groups).sum())
    return Validation(loaded, labelled, dict(sorted((+left_out).items())), shared)


def _labels(source: str, step: Step) -> Loaded:
    try:
        return load_stage([source], "test", {}, step)
    except UsageError as error:
        if error.code == "PL-SRC-004":  # --split is that of the prompts
            error.advice = "name the file of a split: --validate-on FOLDER/FILE; a file is read whole"
            error.retold(lambda text: text)
        raise


def _labelled(model: ScoredModel, rows: LabelRows, left_out: Counter[str], step: Step) -> Labelled:
    """Labels beside verdicts; what the model gives no verdict of is counted as left out."""
    labels = [each for each in records_from_table(rows.records.rows()) if isinstance(each, SafetyLabel)]
    verdicts = judge_replies(
        model,
        [label.conversation for label in labels],
        lambda done, total: step(f"validating the scorer, {done:,} of {total:,} labelled replies"),
    )
    left_out.update(verdict.code for verdict in verdicts if verdict.code)
    kept = np.flatnonzero([verdict.outcome is not AttemptOutcome.UNSCORED for verdict in verdicts])
    is_flagged = np.array([verdict.outcome is AttemptOutcome.SUCCESS for verdict in verdicts], bool)
    return Labelled(rows.is_unsafe[kept], is_flagged[kept], rows.places.group_ids[kept])
