"""Models asked about turns: texts in, scores or probabilities out, a column a head."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from plumbline.models.linear_model import LinearModel
from plumbline.models.scored_model import ScoredModel
from plumbline.models.text_features import Replies
from plumbline.moderate.rows import Turn
from plumbline.records import Message, Role
from plumbline.records.message import conversation_column

Floats = NDArray[np.float64]


@runtime_checkable
class SharesBeginnings(Protocol):
    """A model that reads what conversations share once."""

    def score_groups(self, groups: Sequence[Sequence[list[tuple[Role, str]]]]) -> Floats:
        """Shape (conversations of all groups, heads), in their order."""


def turn_probabilities(model: ScoredModel, turns: Sequence[Turn]) -> Floats:
    """What a moderation model says of B turns, shape (B, heads); a turn's probabilities do not depend on the others."""
    columns = zip(model.heads.values(), turn_scores(model, turns).T, strict=True)
    return np.stack([head.calibration.probabilities(column) for head, column in columns], axis=1)


def turn_scores(model: ScoredModel, turns: Sequence[Turn]) -> Floats:
    """Scores of B turns, shape (B, heads), by the quickest way that the model has.

    A linear model reads texts as they are, without tables; of turns that follow one another and begin alike, a model that can
    reads the beginning once.
    """
    if isinstance(model, LinearModel):
        return model.score(Replies([turn.text for turn in turns], [_prompt(turn.before) for turn in turns]))
    if isinstance(model, SharesBeginnings):
        groups = groupby(enumerate(turns), lambda each: id(each[1].before[0]) if each[1].before else -1 - each[0])
        return model.score_groups([[_said(turn) for _, turn in group] for _, group in groups])
    talks = [(*turn.before, Message(turn.role, turn.text)) for turn in turns]
    return model.read_conversations(conversation_column(talks)).heads


def _said(turn: Turn) -> list[tuple[Role, str]]:
    return [*((message.role, message.text) for message in turn.before), (turn.role, turn.text)]


def _prompt(before: Sequence[Message]) -> str:
    """What was said before, as `models.training_rows.conversation_replies` joins it."""
    return "".join(f"{message.text}\n" for message in before)
