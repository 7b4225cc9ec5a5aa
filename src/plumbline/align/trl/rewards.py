"""What our models say of replies, as the reward functions of TRL's trainers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from accelerate.utils import gather_object
from numpy.typing import NDArray

from plumbline.align.trl.forms import turns_of
from plumbline.models.scored_model import ScoredModel, Turns, read_groups
from plumbline.records import ModelError

Spoken = str | Sequence[Mapping[str, Any]]
"""A prompt or a completion: a text, or messages."""


class ReplyReward:
    """A reward function: the score that a model's main head gives each reply.

    A cost is given as it is, higher = more harmful; what it weighs is the trainer's affair, see `lagrangian`.
    """

    def __init__(
        self,
        name: str,
        model: ScoredModel,
        *,
        reply_text: Callable[[str], str] = str,
        told: Callable[[Sequence[float]], Mapping[str, float]] | None = None,
    ) -> None:
        """A reward function.

        Args:
            name: under which TRL logs it.
            model: of preferences, of a cost, or of moderation: then the score of any harm.
            reply_text: what the policy wrote → the reply in it, see `sources.PromptEncoder.reply_text`.
            told: gets the scores of this process's replies, and says what is logged beside them.
        """
        self.__name__ = name
        self._model, self._reply_text, self._told = model, reply_text, told

    def __call__(
        self,
        prompts: Sequence[Spoken],
        completions: Sequence[Spoken],
        log_metric: Callable[[str, float], None] | None = None,
        **_others: Any,
    ) -> list[float]:
        """Scores, one a reply.

        TRL would count a reply that one function gives no number, and another does, as worth 0 to the first: it would be learnt from.
        So there is no such reply: the run ends, in all processes alike.

        Args:
            prompts, completions: of this process, paired; replies to one prompt stand together.
            log_metric: TRL's own.
        Raises:
            ModelError: PL-TRT-004, a score is not finite; PL-TRT-015, the model read a part of a conversation only. Nothing was
                learnt from these replies.
        """
        groups = list(self._groups(prompts, completions))
        scores = read_groups(self._model, groups)
        values = np.asarray(scores.heads[:, 0], np.float64)
        self._refuse_unusable(values, scores.truncated)
        listed: list[float] = values.tolist()
        figures = {} if self._told is None else dict(self._told(listed))
        figures[f"{self.__name__}/empty"] = float(
            np.mean([not said[-1][1].strip() for group in groups for said in group])
        )
        if log_metric is not None:
            for name, figure in figures.items():
                log_metric(name, figure)
        return listed

    def _groups(self, prompts: Sequence[Spoken], completions: Sequence[Spoken]) -> Iterator[list[Turns]]:
        """Conversations, those next to each other with one prompt together."""
        for _, paired in groupby(zip(prompts, completions, strict=True), key=lambda each: each[0]):
            yield [self._read(prompt, completion) for prompt, completion in paired]

    def _read(self, prompt: Spoken, completion: Spoken) -> Turns:
        *before, (role, text) = turns_of(prompt, completion)
        return [*before, (role, self._reply_text(text))]

    def _refuse_unusable(self, values: NDArray[np.float64], truncated: NDArray[np.bool_] | None) -> None:
        """Processes count together, so that none of them waits for another that has ended."""
        unknown, in_part = int(np.sum(~np.isfinite(values))), 0 if truncated is None else int(truncated.sum())
        counts = np.array(gather_object([(unknown, in_part, len(values))])).sum(axis=0)
        unknown, in_part, count = counts.tolist()
        if unknown:
            raise ModelError(
                "PL-TRT-004",
                f"the {self.__name__} model",
                "a reply has no finite score",
                expected="a number for each reply",
                found=f"{unknown:,} of {count:,} that are none",
                advice="try the model with plumbline score; nothing was learnt from these replies",
            )
        if in_part:
            raise ModelError(
                "PL-TRT-015",
                f"the {self.__name__} model",
                "it read a part of a conversation only, and a part is no judgement; nothing was learnt from these replies",
                expected="prompts with their replies within what the model can read",
                found=f"{in_part:,} of {count:,} that are longer",
                advice="shorter replies with --max-tokens, with --restart; or a model that was trained with more --max-tokens",
            )
