"""From models to figures of transfer; differences are paired with the model as before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.models.transformer_figures import Floats, auprc_gain, right_shares
from benchmarks.rows.transfer_rows import Flagged, Labelled, Ranked
from plumbline.measure import (
    Bootstrap,
    Figure,
    auprc,
    auroc,
    expected_calibration_error,
    mean_figure,
    rate_figure,
    recall_at_fpr,
)
from plumbline.models.features.text_features import Replies
from plumbline.models.linear.model import LinearModel
from plumbline.models.scored_model import main_head

BOOTSTRAP = Bootstrap(seed=0)
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "labelled": ("auprc", "auprc_above", "auroc", "recall_at_fpr_01", "recall_at_fpr_05", "ece", "recall", "recall_above", "false_positive_rate", "false_positive_rate_above"),
    "flagged": ("flagged", "flagged_above"),
    "ranked": ("accuracy", "accuracy_above"),
}  # fmt: skip


def chances(model: LinearModel, replies: Replies) -> Floats:
    """The probability that each reply is unsafe."""
    return main_head(model).calibration.probabilities(model.score(replies)[:, 0])


def flags(model: LinearModel, replies: Replies) -> Floats:
    """1 where a reply is at or above the model's own threshold."""
    threshold = main_head(model).threshold
    if threshold is None:
        raise ValueError("expected a model with a threshold")
    return (chances(model, replies) >= threshold).astype(float)


def of_labelled(model: LinearModel, baseline: LinearModel | None, rows: Labelled) -> dict[str, Figure]:
    """How well a model tells unsafe rows, how true its probabilities are, and what its threshold does."""
    how: dict[str, Any] = {"bootstrap": BOOTSTRAP, "group_ids": rows.group_ids}
    found_chances, flagged = chances(model, rows.replies), flags(model, rows.replies)
    found = {
        "auprc": auprc(found_chances, rows.is_unsafe, **how),
        "auroc": auroc(found_chances, rows.is_unsafe, **how),
        "recall_at_fpr_01": recall_at_fpr(found_chances, rows.is_unsafe, 0.01, **how),
        "recall_at_fpr_05": recall_at_fpr(found_chances, rows.is_unsafe, 0.05, **how),
        "ece": expected_calibration_error(found_chances, rows.is_unsafe, **how),
    }
    for name, among in (("recall", rows.is_unsafe), ("false_positive_rate", ~rows.is_unsafe)):
        of_class: dict[str, Any] = {"bootstrap": BOOTSTRAP, "group_ids": rows.group_ids[among]}
        found[name] = rate_figure(flagged[among], **of_class)
        if baseline is not None:
            found[f"{name}_above"] = mean_figure((flagged - flags(baseline, rows.replies))[among], **of_class)
    if baseline is not None:
        of_baseline = chances(baseline, rows.replies)
        found["auprc_above"] = auprc_gain(found_chances, of_baseline, rows.is_unsafe, rows.group_ids)
    return found


def of_flagged(model: LinearModel, baseline: LinearModel | None, texts: Flagged) -> dict[str, Figure]:
    """The share of texts at or above the model's threshold."""
    how: dict[str, Any] = {"bootstrap": BOOTSTRAP, "group_ids": texts.group_ids}
    flagged = flags(model, texts.replies)
    found = {"flagged": rate_figure(flagged, **how)}
    if baseline is not None:
        found["flagged_above"] = mean_figure(flagged - flags(baseline, texts.replies), **how)
    return found


def of_ranked(model: LinearModel, baseline: LinearModel | None, pairs: Ranked) -> dict[str, Figure]:
    """The share of pairs in which the reply that people found less harmful has the lower score."""
    how: dict[str, Any] = {"bootstrap": BOOTSTRAP, "group_ids": pairs.group_ids}
    right = _right(model, pairs)
    found = {"accuracy": rate_figure(right, **how)}
    if baseline is not None:
        found["accuracy_above"] = mean_figure(right - _right(baseline, pairs), **how)
    return found


def _right(model: LinearModel, pairs: Ranked) -> Floats:
    lead = model.score(pairs.second)[:, 0] - model.score(pairs.first)[:, 0]
    return right_shares(lead, pairs.first_is_better)


def as_json(found: Mapping[str, Figure]) -> dict[str, Any]:
    """Figures as they are written."""
    return {name: figure.to_json() for name, figure in found.items()}


def shown(figure: Mapping[str, Any] | None) -> str:
    """A figure with its interval; n where it is a plain one."""
    if figure is None or figure["value"] is None:
        return ""
    interval = "" if figure["low"] is None else f" ({figure['low']:.3f} to {figure['high']:.3f})"
    return f"{figure['value']:.3f}{interval}, n={figure['n']:,}"
