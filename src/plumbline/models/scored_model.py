"""The port through which figures and scores are made: what a model of any kind says of conversations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from plumbline.models.calibration import Calibration
from plumbline.records import Axis, Message, Role, conversation_column

Task = Literal["preference", "cost", "moderation"]
TASKS: tuple[Task, ...] = ("preference", "cost", "moderation")
Floats = NDArray[np.float64]
Advance = Callable[[int, int], None]
"""Told how many of how many conversations are scored."""

UNSAFE = "unsafe"
"""The head of moderation models that says whether any harm is there; the others are categories."""


class ReadHead(Protocol):
    """How the scores of one head are read."""

    @property
    def calibration(self) -> Calibration:
        """Score → probability; of a reward, the difference of two scores → that the first is preferred."""

    @property
    def threshold(self) -> float | None:
        """Probability from which the head says yes; None where nothing is decided by one."""

    @property
    def pair_calibration(self) -> Calibration | None:
        """Of a cost, the difference of two costs → that the first is the more harmful; else None."""


class ReadEnsemble(Protocol):
    """How the scores of heads beside the main one are read, which tell how sure it is; one reading for all of them."""

    @property
    def calibration(self) -> Calibration:
        """As of the main head."""

    @property
    def pair_calibration(self) -> Calibration | None:
        """Of costs, the difference of two costs → probability; else None."""


@dataclass(frozen=True, slots=True)
class Scores:
    """What a model says of n replies, or of both sides of n pairs.

    Attributes:
        heads: shape (n, heads); of pairs (n, 2, heads).
        members: shape (n, k); of pairs (n, 2, k): scores of the ensemble's heads. None where the model has no ensemble.
        truncated: shape (n,); of pairs (n, 2): the model read a part of the conversation only. None of models that have
            no limit.
        alike: shape (n,), of pairs: both sides are the same to the model. None of models that read all there is, and of
            replies.
    """

    heads: Floats
    members: Floats | None = None
    truncated: NDArray[np.bool_] | None = None
    alike: NDArray[np.bool_] | None = None

    @classmethod
    def joined(cls, parts: Sequence[Scores]) -> Scores:
        """Scores one below the other.

        Args:
            parts: of one model, at least one; what one of them has all have.
        """
        members = [part.members for part in parts if part.members is not None]
        truncated = [part.truncated for part in parts if part.truncated is not None]
        alike = [part.alike for part in parts if part.alike is not None]
        return cls(
            np.concatenate([part.heads for part in parts]),
            np.concatenate(members) if members else None,
            np.concatenate(truncated) if truncated else None,
            np.concatenate(alike) if alike else None,
        )

    def of_pairs(self) -> Scores:
        """Scores of 2 n replies as scores of n pairs; `alike` stays as it is."""
        count = len(self.heads) // 2
        return Scores(
            self.heads.reshape(count, 2, self.heads.shape[1]),
            None if self.members is None else self.members.reshape(count, 2, self.members.shape[1]),
            None if self.truncated is None else self.truncated.reshape(count, 2),
            self.alike,
        )

    def take(self, chosen: NDArray[np.int64]) -> Scores:
        """Those at these positions, in their order."""
        return Scores(
            self.heads[chosen],
            None if self.members is None else self.members[chosen],
            None if self.truncated is None else self.truncated[chosen],
            None if self.alike is None else self.alike[chosen],
        )


class ScoredModel(Protocol):
    """A model of one task."""

    @property
    def task(self) -> Task:
        """Preference, cost or moderation."""

    @property
    def axis(self) -> Axis | None:
        """Of a preference model."""

    @property
    def heads(self) -> Mapping[str, ReadHead]:
        """By name: ``reward``, ``cost``, or ``unsafe`` and categories; the main one first."""

    @property
    def ensemble(self) -> ReadEnsemble | None:
        """Heads beside the main one, fitted to say how sure it is; None where there are none."""

    def read_pairs(self, comparisons: pa.Table, *, advance: Advance | None = None) -> Scores:
        """Scores of both sides of n comparisons."""

    def read_conversations(
        self, conversations: pa.ListArray | pa.ChunkedArray, *, advance: Advance | None = None
    ) -> Scores:
        """Scores of the last reply of n conversations."""


Turns = list[tuple[Role, str]]
"""A conversation, message by message."""


@runtime_checkable
class SharesBeginnings(Protocol):
    """A model that computes what the conversations of a group share once."""

    def read_groups(self, groups: Sequence[Sequence[Turns]], *, advance: Advance | None = None) -> Scores:
        """Scores of the last message of each conversation, in their order."""


def read_groups(model: ScoredModel, groups: Sequence[Sequence[Turns]], *, advance: Advance | None = None) -> Scores:
    """Scores of the last message of each conversation, group after group.

    Args:
        model: any; one that can reads what a group shares once.
        groups: conversations that belong together, such as k replies to one prompt; at least one conversation in all.
        advance: told how far it is.
    """
    if isinstance(model, SharesBeginnings):
        return model.read_groups(groups, advance=advance)
    said = [tuple(Message(role, text) for role, text in turns) for group in groups for turns in group]
    return model.read_conversations(conversation_column(said), advance=advance)


def main_head(model: ScoredModel) -> ReadHead:
    """The first: reward, cost or unsafe."""
    return next(iter(model.heads.values()))


def pair_calibration(model: ScoredModel) -> Calibration:
    """Signed score difference → probability, for pairs."""
    head = main_head(model)
    return head.pair_calibration or head.calibration


def pair_probabilities(model: ScoredModel, first_scores: Floats, second_scores: Floats) -> Floats:
    """Probability that the first side is the better one on the model's axis; shape as given.

    A cost model's better side is the less harmful one.
    """
    return pair_calibration(model).probabilities(better_sign(model) * (first_scores - second_scores))


def better_sign(model: ScoredModel) -> float:
    """+1 where a higher score is better, −1 where it is worse: of costs and of harmfulness."""
    return 1.0 if model.task == "preference" else -1.0
