"""Whether a policy gets better, by a preference model that has no part in its training.

A reward that rises while such a model likes the replies less is reward hacking: the policy learns where its reward model errs. The
model compares replies of the policy with those of the policy as it was at the start, to prompts that are not trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plumbline.align.judge_room import refuse_partly_read
from plumbline.align.policy import Policy
from plumbline.align.rollouts import RolloutSettings, write_replies
from plumbline.models.scored_model import ScoredModel, better_sign, read_groups
from plumbline.records import Conversation, Message, ModelError, Role

_AT_A_TIME = 32
_SEED = 7_919


@dataclass(frozen=True)
class HeldOutPreference:
    """Who watches, and on what.

    Attributes:
        model: of preferences.
        conversations: prompts that are not trained on.
        prompts: the same, as tokens.
        reply_text: a reply's tokens → its text.
        end_ids, padding_id, rollouts: of the policy.
    """

    model: ScoredModel
    conversations: Sequence[Conversation]
    prompts: Sequence[Sequence[int]]
    reply_text: Callable[[list[int]], str]
    end_ids: frozenset[int]
    padding_id: int
    rollouts: RolloutSettings

    def reference_scores(self, policy: Policy) -> list[float]:
        """Scores of the reference's replies; the policy is as it was at the start."""
        scores: list[float] = self._scores(policy).tolist()
        return scores

    def verdicts(self, policy: Policy, reference: Sequence[float]) -> list[float]:
        """Of each prompt: 1 where the policy's reply scores above the reference's, 0 where below, one half where they are equal.

        Args:
            reference: of `reference_scores`.
        """
        found = self._scores(policy)
        verdicts: list[float] = ((found > reference) + 0.5 * (found == reference)).tolist()
        return verdicts

    def _scores(self, policy: Policy) -> NDArray[np.float64]:
        """Of one reply to each prompt, higher = better, drawn with the same seeds each time."""
        was_training = policy.training
        policy.eval()
        said = []
        for start in range(0, len(self.prompts), _AT_A_TIME):
            prompts = self.prompts[start : start + _AT_A_TIME]
            seeds = [_SEED + start + row for row in range(len(prompts))]
            written = write_replies(policy, prompts, seeds, self.end_ids, self.padding_id, self.rollouts)
            for row, conversation in enumerate(self.conversations[start : start + _AT_A_TIME]):
                text = self.reply_text(written.reply_ids(row, self.end_ids))
                said.append((*conversation, Message(Role.ASSISTANT, text)))
        policy.train(was_training)
        turns = [[[(message.role, message.text) for message in conversation]] for conversation in said]
        read = read_groups(self.model, turns)
        refuse_partly_read("held-out", self.model, read.truncated)
        scores = better_sign(self.model) * np.asarray(read.heads[:, 0], np.float64)
        if not np.isfinite(scores).all():
            raise ModelError(
                "PL-PPO-006",
                "the held-out model",
                "a reply has no finite score",
                expected="a number for each reply",
                found=f"{int((~np.isfinite(scores)).sum())} of {len(scores)} that are none",
                advice="try the model with plumbline score",
            )
        return scores
