"""How much each label counts in a fit, and labels once more without what was said before the reply.

Of several sources the largest would decide alone, and the commoner class with it; weights undo that without dropping a row. A
service is handed texts without a question, so a row may also stand a second time with its prompt left out: the label
was given to both together, and is kept. What each does to the figures: ``docs/design/moderation-transfer.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from plumbline.models.calibration import FALSE_POSITIVES_NEEDED
from plumbline.models.features.text_features import Replies
from plumbline.models.rows.training_rows import LabelRows
from plumbline.models.training_recipe import TrainingRecipe

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class WeighedRows:
    """Labels as fits see them: all as they stand, then all without a prompt where a recipe asks for that.

    Attributes:
        positions: shape (k,); which label. The first n are those of the labels in their order.
        is_bare: shape (k,); whether the prompt is left out of it.
        weights: shape (k,), of the fits; 0 for the second form of a row that has no prompt.
        calibration_weights: shape (k,); every source counts the same, with the share of unsafe rows that it has.
        origins: shape (k,); the source that the label came from, see `row_origins`.
    """

    positions: NDArray[np.int64]
    is_bare: Bools
    weights: Floats
    calibration_weights: Floats
    origins: NDArray[np.str_]

    def replies(self, replies: Replies) -> Replies:
        """The k replies, with the prompts that are not left out."""
        if not self.is_bare.any():
            return replies
        taken = replies.take(self.positions)
        prompts = pl.Series(taken.prompts).set(pl.Series(self.is_bare), "")
        return Replies(taken.texts, prompts.to_arrow(compat_level=pl.CompatLevel.oldest()))


def weighed_rows(rows: LabelRows, recipe: TrainingRecipe | None, sources: Sequence[str] = ()) -> WeighedRows:
    """The labels as a recipe wants them; each once and with weight 1 where there is none.

    Args:
        rows: n labels.
        recipe: whether to balance them, and what share of a row's weight its form without the prompt takes.
        sources: as they were named, for `row_origins`.
    """
    everyone, ones = np.arange(len(rows)), np.ones(len(rows))
    origins = row_origins(rows.places.sources, sources)
    weights = calibration_weights = ones
    if recipe is not None and recipe.balance:
        weights = balanced_weights(origins, rows.is_unsafe, recipe.most_weight)
        calibration_weights = balanced_weights(origins, np.zeros(len(rows), bool), recipe.most_weight)
    if recipe is None or not recipe.bare_share:
        return WeighedRows(everyone, np.zeros(len(rows), bool), weights, calibration_weights, origins)
    bare = recipe.bare_share * has_prompt(rows.replies)
    return WeighedRows(
        np.tile(everyone, 2),
        np.repeat([False, True], len(rows)),
        np.concatenate([weights * (1 - bare), weights * bare]),
        np.concatenate([calibration_weights * (1 - bare), calibration_weights * bare]),
        np.tile(origins, 2),
    )


def row_origins(sources: pl.Series, named: Sequence[str] = ()) -> NDArray[np.str_]:
    """The source of each row: the hub id that its file is of, else the first folder of its file.

    Args:
        sources: n files as rows name them, like ``beavertails/train.jsonl.gz``.
        named: sources as they were asked for; only those like ``owner/name`` matter.
    """
    files = sources.unique().to_list()
    origins = {
        file: next((name for name in named if "/" in name and file.startswith(f"{name}/")), file.split("/")[0])
        for file in files
    }
    return np.asarray([origins[file] for file in sources], dtype=np.str_)


def balanced_weights(origins: NDArray[np.str_], classes: Bools, most_weight: float) -> Floats:
    """Weights with which both classes count the same, and in each of them every source; of one class, the sources alone.

    A row weighs at most `most_weight`, so that a handful of rows never speaks for half of all; what a source cannot take goes
    to the others of its class. Where all of a class weigh as much as they may, the class counts less than half.

    Args:
        origins, classes: shape (n,).
        most_weight: at least 1, the weight of a row where all count the same.
    Returns:
        Shape (n,), > 0; they sum to n unless a class falls short.
    """
    weights = np.ones(len(origins))
    present = [classes == each for each in np.unique(classes)]
    for of_class in present:
        _names, inverse, counts = np.unique(origins[of_class], return_inverse=True, return_counts=True)
        totals = _shared(len(origins) / len(present), most_weight * counts.astype(np.float64))
        weights[of_class] = (totals / counts)[inverse]
    return weights


def _shared(total: float, most: Floats) -> Floats:
    """A total in equal shares, none above its own limit; what one cannot take the others get. Shape (s,)."""
    shares = np.zeros(len(most))
    is_open = np.ones(len(most), bool)
    while is_open.any():
        equal = (total - shares[~is_open].sum()) / is_open.sum()
        full = is_open & (most <= equal)
        if not full.any():
            shares[is_open] = equal
            break
        shares[full] = most[full]
        is_open &= ~full
    return shares


def has_prompt(replies: Replies) -> Bools:
    """Before which replies something was said, shape (n,)."""
    if replies.prompts is None:
        return np.zeros(len(replies), bool)
    column = replies.prompts
    prompts = pl.Series(column if isinstance(column, pa.Array | pa.ChunkedArray) else list(column))
    return (prompts.str.strip_chars() != "").to_numpy()


def is_held_alone(safe_rows: float, max_false_positive_rate: float) -> bool:
    """Whether a part has enough safe rows for a rate of false positives of its own."""
    return safe_rows * max_false_positive_rate >= FALSE_POSITIVES_NEEDED


def parts_held_to_rate(
    deals: NDArray[np.int64], parts: NDArray[np.str_], is_safe: Bools, max_false_positive_rate: float
) -> NDArray[np.int64]:
    """Which rows a threshold must spare together: those of a deal and a part, such as a source.

    Parts with too few safe rows for a rate of their own are held to it together, and with the largest part where they are too
    few even so.

    Args:
        deals, parts, is_safe: shape (n,).
        max_false_positive_rate: of the threshold.
    Returns:
        Shape (n,); a number for each deal and part.
    """
    names, inverse = np.unique(parts, return_inverse=True)
    safe_rows = np.bincount(inverse[is_safe], minlength=len(names)) / len(np.unique(deals))
    is_small = np.array([not is_held_alone(count, max_false_positive_rate) for count in safe_rows])
    others_suffice = is_held_alone(safe_rows[is_small].sum(), max_false_positive_rate)
    together = len(names) if others_suffice else int(np.argmax(safe_rows))
    own = np.where(is_small, together, np.arange(len(names)))
    numbers: NDArray[np.int64] = deals * (len(names) + 1) + own[inverse]
    return numbers
