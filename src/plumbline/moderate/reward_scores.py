"""Rewards and costs of replies, and what they mean as probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from plumbline.models.scored_model import ScoredModel, main_head
from plumbline.moderate.failures import invalid_input, too_many_inputs
from plumbline.moderate.judging import TurnScores
from plumbline.moderate.requests import MOST_INPUTS, ScoredConversation
from plumbline.moderate.rows import IMAGE, NO_TEXT, NOT_SCORED, UNJUDGED, Turn, is_blank, said_in

Floats = NDArray[np.float64]
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class AskedReply:
    """A reply to score.

    Attributes:
        turn: what is scored; None where `unjudged` says why not.
        unjudged: the code of why it cannot be scored.
    """

    turn: Turn | None
    unjudged: str | None = None


def asked_replies(conversations: Sequence[ScoredConversation]) -> list[list[AskedReply]]:
    """The replies of each conversation; what was said before them is shared by all of one.

    Raises:
        InvalidBodyError: there are too many, or nothing was said before.
    """
    count = sum(len(each.replies) for each in conversations)
    if count > MOST_INPUTS:
        raise too_many_inputs("conversations", count, MOST_INPUTS)
    asked = []
    for conversation in conversations:
        if not conversation.messages:
            raise invalid_input("conversations", "one has no messages: a reply is scored as an answer to something")
        before, has_images = said_in(conversation.messages)
        asked.append([_asked(reply, before, has_images=has_images) for reply in conversation.replies])
    return asked


def _asked(reply: str, before: tuple[Any, ...], *, has_images: bool) -> AskedReply:
    if has_images:
        return AskedReply(None, IMAGE)
    return AskedReply(None, NO_TEXT) if is_blank(reply) else AskedReply(Turn(reply, before))


def told_scores(model: ScoredModel, replies: Sequence[AskedReply], scores: Sequence[TurnScores | None]) -> list[Json]:
    """What a model says of the replies of one conversation.

    Args:
        model: preference or cost.
        replies: n.
        scores: of each; None where there are none.
    Returns:
        n objects. Of a preference model ``reward`` and ``best_probability``: how likely the reply is the one preferred among
        those of the conversation that were scored (Plackett–Luce over the calibrated rewards; of two replies, that it is
        preferred to the other), null of a reply alone. Of a cost model ``cost`` and ``unsafe_probability``. ``error`` where
        there is no score; ``truncated`` where the model read a part of the conversation only.
    """
    values = np.array([np.nan if score is None else score.values[0] for score in scores], np.float64)
    known = np.isfinite(values)
    if model.task == "cost":
        chances = main_head(model).calibration.probabilities(values)
        names = ("cost", "unsafe_probability")
    else:
        chances = np.full(len(values), np.nan)
        if known.sum() > 1:
            chances[known] = softmax(main_head(model).calibration.scale * values[known])
        names = ("reward", "best_probability")
    return [
        {
            **_told(names, reply, value if is_known else None, chance if np.isfinite(chance) else None),
            "truncated": score is not None and score.truncated,
        }
        for reply, score, value, chance, is_known in zip(
            replies, scores, values.tolist(), chances.tolist(), known.tolist(), strict=True
        )
    ]


def _told(names: tuple[str, str], reply: AskedReply, value: float | None, chance: float | None) -> Json:
    code = reply.unjudged or (NOT_SCORED if value is None else None)
    error = None if code is None else {"code": code, "message": UNJUDGED[code]}
    return {names[0]: value, names[1]: None if value is None else chance, "error": error}
