"""How well linear heads tell the harm categories of prompts apart, by cross-validation on the prompts themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from scipy.special import expit

from plumbline.measure import Bootstrap, Figure, assign_folds, auprc, auroc, rate_figure, recall_at_fpr
from plumbline.models.evaluation import FIGURE_KEYS
from plumbline.models.linear_training import TrainingOptions
from plumbline.models.logistic import fit_logistic, score_rows
from plumbline.models.text_features import Replies, featurise_replies, fit_inverse_frequencies
from plumbline.models.training_rows import conversation_replies
from plumbline.records import NoDataError

LEAST_POSITIVES = 20
FOLDS = 5


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
    names = sorted(
        name for name, count in categories.explode().drop_nulls().value_counts().iter_rows() if count >= LEAST_POSITIVES
    )
    if not names:
        raise NoDataError(
            "PL-TRN-017",
            place,
            "no category has enough prompts",
            expected=f"at least {LEAST_POSITIVES}",
            advice="name prompts with categories, such as BeaverTails-Evaluation",
        )
    whole = prompts["conversation"].combine_chunks()
    replies = conversation_replies(whole if isinstance(whole, pa.Array) else pa.concat_arrays(whole.chunks))
    labels = np.stack([categories.list.contains(name).fill_null(False).to_numpy() for name in names], axis=1)
    groups = np.asarray(prompts["group_id"].to_pylist(), dtype=np.str_)
    scores = _out_of_fold_scores(replies, labels, groups, options)
    how: Any = {"bootstrap": Bootstrap(seed=options.seed), "group_ids": groups}
    best = labels[np.arange(len(labels)), scores.argmax(axis=1)]
    every = Figure.undefined(len(labels), "every prompt is about some harm: see the categories")
    figures = dict.fromkeys(FIGURE_KEYS, every.to_json())
    figures["accuracy"] = rate_figure(best.astype(float), **how).to_json()
    return {
        **figures,
        "cross_validated": None,
        "by_subset": {},
        "by_category": {
            name: _category(expit(scores[:, column]), labels[:, column], how) for column, name in enumerate(names)
        },
        "baselines": {
            "most frequent category (accuracy)": rate_figure(
                labels[:, labels.sum(axis=0).argmax()].astype(float), **how
            ).to_json()
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
    """Scores, shape (n, categories), of fits that had not seen the row's prompt."""
    frequencies = fit_inverse_frequencies([replies], options.recipe, threads=options.threads)
    rows = featurise_replies(replies, options.recipe, frequencies, threads=options.threads)
    folds = assign_folds(groups, FOLDS, seed=options.seed)
    scores = np.empty(labels.shape)
    for fold in range(FOLDS):
        train, held = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        for column in range(labels.shape[1]):
            fit = fit_logistic(
                rows[train], labels[train, column], intercept_column=np.ones(len(train)), settings=options.solver
            )
            scores[held, column] = score_rows(rows[held], fit)
    return scores


def _category(probabilities: np.ndarray, labels: np.ndarray, how: dict[str, Any]) -> dict[str, Any]:
    return {
        "auprc": auprc(probabilities, labels, **how).to_json(),
        "auroc": auroc(probabilities, labels, **how).to_json(),
        "recall_at_fpr_05": recall_at_fpr(probabilities, labels, 0.05, **how).to_json(),
        "threshold": None,
        "positives": int(labels.sum()),
    }
