"""What replies are worth, as PPO asks: rewards and costs of a batch that the policy wrote.

Three implementations of one port. `TokenScorer` computes both from tokens, for tasks whose truth is known. `TextScorer` asks two models
that read conversations, of whatever kind; two heads of one trunk are asked in one pass. `TrunkScorer` is for heads on the policy's own
trunk as it was at the start: they read what the reference's pass leaves, so that reward, cost and reference take one pass together.

What is judged is a reply's text, whoever judges it: it ends before a turn marker, and it is read in the tokens that the judge itself
would write it in. Where the policy wrote the same text in other tokens, `TrunkScorer` has that reply read again: else a policy could
please its judges by how it cuts its words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from plumbline.align.judge_room import refuse_partly_read
from plumbline.align.policy import ReferenceReading
from plumbline.align.rollouts import Rollouts
from plumbline.models.scored_model import Floats, ScoredModel, Turns, read_groups
from plumbline.models.transformer.trunk.layers import layer_count
from plumbline.records import Conversation, Message, Role
from plumbline.sources.causal_model import CausalModel

if TYPE_CHECKING:
    from plumbline.models.transformer.model import TransformerModel


@dataclass(frozen=True, eq=False)
class ReplyScores:
    """What models say of B replies.

    Attributes:
        rewards, costs: shape (B,); a reward is higher = better, a cost higher = more harmful.
    """

    rewards: Tensor
    costs: Tensor


class ReplyScorer(Protocol):
    """Says what replies are worth."""

    @property
    def layers(self) -> Sequence[int]:
        """Of the reference, whose hidden states at the replies' ends it reads; none where it reads the replies."""

    def scores(self, numbers: Sequence[int], written: Rollouts, reading: ReferenceReading) -> ReplyScores:
        """Rewards and costs.

        Args:
            numbers: of the prompts, within the task's list; one a reply.
            written: the replies.
            reading: what the reference says of them.
        """


@dataclass(frozen=True)
class TokenScorer:
    """Computes both from the tokens; implements `ReplyScorer`."""

    of_tokens: Callable[[Sequence[int], Rollouts], ReplyScores]
    layers: Sequence[int] = ()

    def scores(self, numbers: Sequence[int], written: Rollouts, reading: ReferenceReading) -> ReplyScores:
        """See `ReplyScorer.scores`."""
        del reading
        return self.of_tokens(numbers, written)


@dataclass(frozen=True)
class RepliesInWords:
    """What the replies to a task's prompts say.

    Attributes:
        prompts: of the task, in its order.
        reply_text: a reply's tokens, its end token left out, → its text.
        end_ids: tokens that end a reply.
    """

    prompts: Sequence[Conversation]
    reply_text: Callable[[list[int]], str]
    end_ids: frozenset[int]

    def conversations(self, numbers: Sequence[int], written: Rollouts) -> list[Conversation]:
        """Prompts with their replies, those by these numbers."""
        texts = (self.reply_text(written.reply_ids(row, self.end_ids)) for row in range(len(numbers)))
        return [
            (*self.prompts[number], Message(Role.ASSISTANT, text)) for number, text in zip(numbers, texts, strict=True)
        ]


@dataclass(frozen=True)
class TextScorer:
    """Two models that read conversations; implements `ReplyScorer`.

    Attributes:
        reward: a preference model.
        cost: a cost model; of a moderation model the score of any harm is the cost.
        joined: both heads on one trunk, see `joined_heads`; None where they are two.
        replies: what is read.
    """

    reward: ScoredModel
    cost: ScoredModel
    joined: TransformerModel | None
    replies: RepliesInWords
    layers: Sequence[int] = ()

    def scores(self, numbers: Sequence[int], written: Rollouts, reading: ReferenceReading) -> ReplyScores:
        """See `ReplyScorer.scores`.

        Raises:
            ModelError: PL-PPO-011, a model read a part of a conversation only.
        """
        del reading
        return self.of_conversations(self.replies.conversations(numbers, written))

    def of_conversations(self, conversations: Sequence[Conversation]) -> ReplyScores:
        """Rewards and costs of conversations that end with the reply; those with one prompt share it."""
        order, groups = _by_prompt(conversations)
        asked = [[_turns(conversations[row]) for row in rows] for rows in groups]
        columns = np.empty((len(conversations), 2))
        if self.joined is None:
            for place, (who, model) in enumerate((("reward", self.reward), ("cost", self.cost))):
                columns[order, place] = _read_whole(who, model, asked)[:, 0]
        else:
            columns[order] = _read_whole("reward and cost", self.joined, asked)
        rewards, costs = torch.from_numpy(columns).float().unbind(dim=1)
        return ReplyScores(rewards, costs)


@dataclass(frozen=True, eq=False)
class TrunkScorer:
    """Heads on the reference's trunk; implements `ReplyScorer`.

    Attributes:
        reward, cost: models, their own trunks let go of; they read the same tokens.
        last_layer: L, the number of the trunk's last layer.
        replies: what is read.
    """

    reward: TransformerModel
    cost: TransformerModel
    last_layer: int
    replies: RepliesInWords

    @property
    def layers(self) -> Sequence[int]:
        """See `ReplyScorer.layers`."""
        return sorted({layer for model in (self.reward, self.cost) for layer in self._layers_of(model)})

    def scores(self, numbers: Sequence[int], written: Rollouts, reading: ReferenceReading) -> ReplyScores:
        """See `ReplyScorer.scores`.

        Raises:
            ModelError: PL-PPO-011, a model would read a part of a conversation only.
        """
        states = self._at_ends(self._sequences(numbers, written), written, reading)
        return ReplyScores(self._read(self.reward, states), self._read(self.cost, states))

    def _sequences(self, numbers: Sequence[int], written: Rollouts) -> list[list[int]]:
        """The tokens that the models read."""
        turns = [_turns(each) for each in self.replies.conversations(numbers, written)]
        who, shorter = min(
            (("reward", self.reward), ("cost", self.cost)), key=lambda named: named[1].encoder.max_tokens
        )
        encoded = shorter.encoder.encode(turns)
        refuse_partly_read(who, shorter, encoded.truncated)
        return [sequence.tolist() for sequence in encoded.sequences]

    def _at_ends(
        self, sequences: Sequence[list[int]], written: Rollouts, reading: ReferenceReading
    ) -> Mapping[int, Tensor]:
        """Hidden states at the ends of sequences, by layer: of those that the reference has read, and of the others now."""
        tokens, is_token, _ = written.closed(reading.end_id)
        others = [row for row, wanted in enumerate(sequences) if tokens[row][is_token[row]].tolist() != wanted]
        if not others:
            return reading.layers
        again = reading.again([sequences[row] for row in others])
        rows = torch.tensor(others, device=tokens.device)
        return {
            layer: states.index_copy(0, rows, again[layer].to(states.dtype)) for layer, states in reading.layers.items()
        }

    def _layers_of(self, model: TransformerModel) -> Sequence[int]:
        return (self.last_layer,) if model.scorer.layer_reading is None else model.scorer.layer_reading.layers

    @torch.no_grad()
    def _read(self, model: TransformerModel, states: Mapping[int, Tensor]) -> Tensor:
        scorer = model.scorer
        features = torch.cat([states[layer] for layer in self._layers_of(model)], dim=1)
        features = features.to(scorer.heads.weight.device)
        if scorer.layer_reading is not None:
            features = scorer.layer_reading(features)
        name = next(iter(model.heads.values())).column
        return scorer.read(features)[:, scorer.head_names.index(name)]


# --- what may share a trunk ---


def scorer_of(
    reward: ScoredModel, cost: ScoredModel, policy: CausalModel, prompts: Sequence[Conversation]
) -> TextScorer | TrunkScorer:
    """A scorer that computes once what policy, reward and cost share.

    Args:
        policy: as it is at the start, before anything of it is trained; adapters on it stay out of account.
        prompts: of the task, in its order.
    """
    replies = RepliesInWords(prompts, policy.reply_text, policy.end_ids)
    shared = trunk_scorer(reward, cost, policy, replies)
    return shared or TextScorer(reward, cost, joined_heads(reward, cost), replies)


def trunk_scorer(
    reward: ScoredModel, cost: ScoredModel, policy: CausalModel, replies: RepliesInWords
) -> TrunkScorer | None:
    """A scorer that reads the reference's pass, where both models are heads on that very trunk; else None.

    Both must read the last token, an end token, of turns written as hh-rlhf writes them, and in the same tokens; so must the policy's
    prompts be written. The models' own trunks are let go of: they score nothing by themselves any more.

    Args:
        policy: as it is at the start; adapters on it stay out of account.
        replies: what is read.
    """
    from plumbline.models.transformer.model import TransformerModel

    if not isinstance(reward, TransformerModel) or not isinstance(cost, TransformerModel):
        return None
    decoder = policy.model.get_decoder()
    trunk = {
        name.replace(".base_layer", ""): each for name, each in decoder.state_dict().items() if ".lora_" not in name
    }
    if policy.prompts.form != "hh" or not all(_reads_as(model, policy) for model in (reward, cost)):
        return None
    if not all(_same_weights(model.scorer.trunk.state_dict(), trunk) for model in (reward, cost)):
        return None
    return TrunkScorer(_without_trunk(reward), _without_trunk(cost), layer_count(decoder), replies)


def _reads_as(model: TransformerModel, policy: CausalModel) -> bool:
    """Whether it reads the end of a conversation in the form and the tokens that the policy writes it in."""
    if model.scorer.pooling != "last" or not model.tokens.add_end_of_sequence or model.tokens.template != "hh":
        return False
    own, other = model.tokenizer, policy.tokenizer
    return bool(own.eos_token_id == policy.end_id and own.get_vocab() == other.get_vocab())


def joined_heads(reward: ScoredModel, cost: ScoredModel) -> TransformerModel | None:
    """One model whose two heads are reward and cost, where both were trained together; else None.

    It reads with the trunk of the reward; that of the cost model is let go of, which scores nothing by itself any more.
    """
    from plumbline.models.transformer.model import TransformerModel

    if not isinstance(reward, TransformerModel) or not isinstance(cost, TransformerModel):
        return None
    one, other = reward.scorer, cost.scorer
    is_one = reward.tokens == cost.tokens and one.head_names == other.head_names and one.pooling == other.pooling
    if not is_one or not _same_weights(one.state_dict(), other.state_dict()):
        return None
    (of_reward, *_), (of_cost, *_) = reward.heads.values(), cost.heads.values()
    if other is not one:
        _without_trunk(cost)
    return replace(reward, heads={"reward": of_reward, "cost": of_cost}, ensemble=None)


def _same_weights(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(
        each.shape == other[name].shape and torch.equal(each.cpu(), other[name].cpu()) for name, each in one.items()
    )


def _without_trunk(model: TransformerModel) -> TransformerModel:
    """The model's heads, with nothing below them: the memory of its trunk is free."""
    model.scorer.read_everywhere()  # what watches the last layer holds it, too
    model.scorer.trunk = nn.Identity()
    return model


def _read_whole(who: str, model: ScoredModel, asked: Sequence[Sequence[Turns]]) -> Floats:
    """Scores of conversations that a model reads to their beginnings, shape (n, heads)."""
    found = read_groups(model, asked)
    refuse_partly_read(who, model, found.truncated)
    return found.heads


def _turns(conversation: Conversation) -> Turns:
    return [(message.role, message.text) for message in conversation]


def _by_prompt(conversations: Sequence[Conversation]) -> tuple[list[int], list[list[int]]]:
    """Rows in the order of groups, and the groups: those whose conversations differ in the reply alone."""
    groups: dict[Conversation, list[int]] = {}
    for row, conversation in enumerate(conversations):
        groups.setdefault(conversation[:-1], []).append(row)
    return [row for rows in groups.values() for row in rows], list(groups.values())
