"""Whether a reply is harmful, by a model that decides it: a moderation model from its threshold on, a cost model above 0."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from plumbline.models.scored_model import Floats, ScoredModel, main_head


def decides(model: ScoredModel) -> bool:
    """Whether the model says harmful or not; a preference model only ranks, and a moderation model needs a threshold."""
    return model.task == "cost" or (model.task == "moderation" and main_head(model).threshold is not None)


def is_harmful(model: ScoredModel, scores: Floats) -> NDArray[np.bool_]:
    """What a model that `decides` says of replies, by scores of its main head; shape as given.

    NaN, which is no score, counts as harmful: what was not judged never passes for safe.

    Raises:
        ValueError: the model decides nothing.
    """
    if not decides(model):
        raise ValueError("expected a model that decides")
    head = main_head(model)
    if model.task == "cost" or head.threshold is None:
        return np.asarray(~(scores <= 0.0), np.bool_)
    return np.asarray(~(head.calibration.probabilities(scores) < head.threshold), np.bool_)
