"""Models asked about turns: texts in, scores or probabilities out, a column a head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from plumbline.models.features.text_features import Replies
from plumbline.models.linear.model import LinearModel
from plumbline.models.scored_model import ScoredModel, Scores, Turns, read_groups
from plumbline.moderate.rows import Turn
from plumbline.records import Message

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TurnScores:
    """What a model says of one turn.

    Attributes:
        values: a number a head; NaN or infinite where the model has none.
        truncated: it read a part of the conversation only.
        answered_by: of a cascade, the version of the model that it comes from; else None.
    """

    values: Sequence[float]
    truncated: bool = False
    answered_by: str | None = None


def turn_probabilities(model: ScoredModel, turns: Sequence[Turn], answered_by: str | None = None) -> list[TurnScores]:
    """What a moderation model says of B turns, a probability a head; a turn's do not depend on the others.

    Args:
        answered_by: what the answers are to say they come from.
    """
    read = _read(model, turns)
    columns = zip(model.heads.values(), read.heads.T, strict=True)
    values = np.stack([head.calibration.probabilities(column) for head, column in columns], axis=1)
    return _told(values, read, answered_by)


def turn_scores(model: ScoredModel, turns: Sequence[Turn]) -> list[TurnScores]:
    """Scores of B turns, one a head."""
    read = _read(model, turns)
    return _told(read.heads, read)


def _told(values: Floats, read: Scores, answered_by: str | None = None) -> list[TurnScores]:
    truncated = [False] * len(values) if read.truncated is None else read.truncated.tolist()
    return [TurnScores(*each, answered_by) for each in zip(values.tolist(), truncated, strict=True)]


def _read(model: ScoredModel, turns: Sequence[Turn]) -> Scores:
    """By the quickest way that the model has.

    A linear model reads texts as they are, without tables; of turns that follow one another and begin alike, a model that can
    reads the beginning once.
    """
    if isinstance(model, LinearModel):
        return Scores(model.score(Replies([turn.text for turn in turns], [_prompt(turn.before) for turn in turns])))
    groups = groupby(enumerate(turns), lambda each: id(each[1].before[0]) if each[1].before else -1 - each[0])
    return read_groups(model, [[_said(turn) for _, turn in group] for _, group in groups])


def _said(turn: Turn) -> Turns:
    return [*((message.role, message.text) for message in turn.before), (turn.role, turn.text)]


def _prompt(before: Sequence[Message]) -> str:
    """What was said before, as `models.rows.training_rows.conversation_replies` joins it."""
    return "".join(f"{message.text}\n" for message in before)
