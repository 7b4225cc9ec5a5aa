"""A saved model as what best-of-k ranks replies by: fills the port of `sources`, for servers that collect.

Models are imported where one is opened: most servers open none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from plumbline.records import Conversation

if TYPE_CHECKING:
    from plumbline.models.scored_model import ScoredModel


@dataclass(frozen=True)
class ModelScorer:
    """Scores by a model's main head, turned so that higher is better; implements `sources.Scorer`.

    Of a cost or a moderation model the least harmful reply is the best.
    """

    model: ScoredModel

    def scores(self, conversations: Sequence[Conversation]) -> NDArray[np.float64]:
        """See `sources.Scorer.scores`."""
        from plumbline.models.scored_model import better_sign, read_groups

        turns = [[(message.role, message.text) for message in conversation] for conversation in conversations]
        return better_sign(self.model) * np.asarray(read_groups(self.model, [turns]).heads[:, 0], np.float64)


def open_reply_scorer(folder: Path) -> ModelScorer:
    """The scorer of a model's folder.

    Raises:
        SourceError, ModelError, MissingExtraError: the model cannot be loaded.
    """
    from plumbline.models.loading import load_any_model

    model, _ = load_any_model(folder)
    return ModelScorer(model)
