"""How well linear heads tell the harm categories of prompts apart, by cross-validation on the prompts themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from scipy.special import expit

from plumbline.measure import Bootstrap, Figure, assign_folds, rate_figure
from plumbline.models.features.text_features import Replies
from plumbline.models.figures.label_figures import category_figures
from plumbline.models.figures.measured_rows import FIGURE_KEYS
from plumbline.models.linear.logistic import fit_logistic, score_rows
from plumbline.models.linear.training import TrainingOptions
from plumbline.models.linear.training_features import TrainingReplies, training_features
from plumbline.models.rows.folds import FOLDS, LEAST_POSITIVES, Deal
from plumbline.models.rows.training_rows import conversation_replies
from plumbline.records import NoDataError


def cross_validate_prompt_categories(prompts: pa.Table, options: TrainingOptions, *, place: str) -> dict[str, Any]:
    """Figures of one head a category, each prompt scored by fits that had not seen it.

    Args:
        prompts: a table of prompts that carry categories.
        options: the reply's features are read off the prompt itself.
        place: what errors call the table.
    Returns:
        What `evaluation.json` holds of figures. `accuracy` is the share of prompts whose highest-scoring category
        applies; the other main figures are undefined, since every prompt is about some harm.
    Raises:
        NoDataError: no category has at least 20 prompts.
    """
    categories = pl.Series(prompts["categories"])
    names = _names_with_enough(categories, place)
    replies = conversation_replies(prompts["conversation"])
    labels = np.stack([categories.list.contains(name).fill_null(False).to_numpy() for name in names], axis=1)
    groups = np.asarray(prompts["group_id"].to_pylist(), dtype=np.str_)
    scores = _out_of_fold_scores(replies, labels, groups, options)
    return _result(scores, labels, names, {"bootstrap": Bootstrap(seed=options.seed), "group_ids": groups})


def _names_with_enough(categories: pl.Series, place: str) -> list[str]:
    """The categories of at least `LEAST_POSITIVES` prompts, by name."""
    counts = categories.explode().drop_nulls().value_counts()
    names = sorted(name for name, count in counts.iter_rows() if count >= LEAST_POSITIVES)
    if not names:
        raise NoDataError(
            "PL-TRN-017",
            place,
            "no category has enough prompts",
            expected=f"at least {LEAST_POSITIVES}",
            advice="name prompts with categories, such as BeaverTails-Evaluation",
        )
    return names


def _result(scores: np.ndarray, labels: np.ndarray, names: list[str], how: dict[str, Any]) -> dict[str, Any]:
    """What `evaluation.json` holds of the figures; scores and labels have the shape (n, categories)."""
    best = labels[np.arange(len(labels)), scores.argmax(axis=1)]
    every = Figure.undefined(len(labels), "every prompt is about some harm: see the categories")
    commonest = labels[:, labels.sum(axis=0).argmax()]
    return {
        **dict.fromkeys(FIGURE_KEYS, every.to_json()),
        "accuracy": rate_figure(best.astype(float), **how).to_json(),
        "cross_validated": None,
        "by_subset": {},
        "by_category": {
            name: category_figures(expit(scores[:, column]), labels[:, column], threshold=None, **how)
            for column, name in enumerate(names)
        },
        "baselines": {
            "most frequent category (accuracy)": rate_figure(commonest.astype(float), **how).to_json(),
        },
        "length": None,
        "reliability": [],
        "precision_recall": [],
        "score_histogram": None,
        "thresholds": [],
        "disagreements": [],
        "rows": {"evaluated": len(labels), "set_aside": {}},
    }


def _out_of_fold_scores(
    replies: Replies, labels: np.ndarray, groups: np.ndarray, options: TrainingOptions
) -> np.ndarray:
    """Scores, shape (n, categories), of fits and inverse frequencies that had not seen the row's prompt."""
    folds = assign_folds(groups, FOLDS, seed=options.seed)
    deal = Deal(tuple(np.flatnonzero(folds == number) for number in range(FOLDS)), len(groups), 1)
    features = training_features(TrainingReplies(single=replies), options.recipe, deal, threads=options.threads)
    scores = np.empty(labels.shape)
    for held in deal.folds:
        train, rows = deal.others(held), features.matrix_without(held)
        for column in range(labels.shape[1]):
            fit = fit_logistic(
                rows[train], labels[train, column], intercept_column=np.ones(len(train)), settings=options.solver
            )
            scores[held, column] = score_rows(rows[held], fit)
    return scores
