"""k replies to each prompt with what models say of them: what best-of-n is computed from.

A score is higher = better, whatever the model: of a cost or a moderation model the least harmful reply is the best. A reply has a score or
the code of why it has none; one without is never chosen, and stands in no figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from plumbline.models.reply_readings import ReplyReading, Told, read_replies
from plumbline.models.scored_model import ScoredModel, better_sign
from plumbline.records import Axis, Conversation, Message, Prompt, Role
from plumbline.sources.asking import Asked, Failed
from plumbline.sources.reply_journal import KeptReply

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class CandidateScores:
    """What a model says of n × k replies.

    Attributes:
        values: shape (n, k); higher = better; NaN where there is no score.
        codes: n × k; why there is no score: that of the failure where no reply came; None where there is one.
    """

    values: Floats
    codes: list[list[str | None]]


@dataclass(frozen=True)
class Candidates:
    """n prompts with k replies each.

    Attributes:
        prompts: n different ones.
        asked: n × k, what came of asking.
        scored: by the model that chooses.
        judged: by one that has no part in choosing; None where there is none.
    """

    prompts: Sequence[Prompt]
    asked: Sequence[Sequence[Asked]]
    scored: CandidateScores
    judged: CandidateScores | None = None

    @cached_property
    def is_scored(self) -> Bools:
        """Which replies may be chosen, shape (n, k)."""
        return np.isfinite(self.scored.values)

    @cached_property
    def is_whole(self) -> Bools:
        """Prompts whose every reply has a score, and the judge's where there is one, shape (n,): those of the figures."""
        told = [self.scored.values, *([] if self.judged is None else [self.judged.values])]
        return np.asarray(np.isfinite(np.concatenate(told, axis=1)).all(axis=1), np.bool_)

    def best(self, prompt: int) -> int | None:
        """The reply with the highest score, of several the first; None where none has a score."""
        return int(np.nanargmax(self.scored.values[prompt])) if self.is_scored[prompt].any() else None

    def worst(self, prompt: int) -> int | None:
        """The reply with the lowest score, of several the first; None where none has a score."""
        return int(np.nanargmin(self.scored.values[prompt])) if self.is_scored[prompt].any() else None

    def text(self, prompt: int, reply: int) -> str | None:
        """What was replied; None where nothing was."""
        made = self.asked[prompt][reply]
        return None if isinstance(made, Failed) else made.text

    def different(self, prompt: int) -> int:
        """How many different replies there are."""
        return len({made.text for made in self.asked[prompt] if not isinstance(made, Failed)})


def sizes_up_to(most: int) -> list[int]:
    """1, 2, 4 … and the most itself."""
    return sorted({*(2**power for power in range(most.bit_length())), most})


def axis_of(model: ScoredModel) -> Axis:
    """What the model judges replies on."""
    return (model.axis or Axis.OVERALL) if model.task == "preference" else Axis.HARMLESSNESS


def score_replies(
    model: ScoredModel,
    conversations: Sequence[Conversation],
    asked: Sequence[Sequence[Asked]],
    told: Told = lambda *_: None,
) -> CandidateScores:
    """Scores of replies, as `read_replies` reads them.

    Args:
        model: of any task.
        conversations: n prompts.
        asked: n × k.
        told: how many of the replies that came are read.
    """
    came = [
        [(*prompt, Message(Role.ASSISTANT, made.text)) for made in of_one if isinstance(made, KeptReply)]
        for prompt, of_one in zip(conversations, asked, strict=True)
    ]
    sign, rows = better_sign(model), []
    for of_one, of_group in zip(asked, read_replies(model, came, told), strict=True):
        readings = iter(of_group)
        rows.append(
            [ReplyReading(np.nan, made.code) if isinstance(made, Failed) else next(readings) for made in of_one]
        )
    return CandidateScores(
        sign * np.array([[reading.score for reading in row] for row in rows], np.float64),
        [[reading.code for reading in row] for row in rows],
    )
