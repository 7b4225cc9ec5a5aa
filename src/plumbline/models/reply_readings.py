"""What a model says of replies: of each the score of its main head, or the code of why there is none.

The replies to a prompt are a group: a model that can reads the prompt once, and equal replies are read once, so that they have one score.
Where a model fails, what it was asked for is halved until a reply on which it fails stands alone: that costs no other its score.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from plumbline.models.scored_model import ScoredModel, main_head, read_groups
from plumbline.records import Conversation, PlumblineError

SCORER_FAILED = "PL-SCO-004"
"""The model failed on the reply."""
NO_NUMBER = "PL-SCO-005"
"""The score, or the probability that goes with it, is no finite number."""
READ_IN_PART = "PL-SCO-006"
"""The model read a part of the conversation only."""

_GROUPS_TOGETHER = 64

Told = Callable[[int, int], None]
"""Told how many of how many replies are read."""


class ReplyReading(NamedTuple):
    """What a model says of one reply.

    Attributes:
        score: of its main head, as the model gives it; NaN where there is none.
        code: why there is none, that of the model's own error where it has one; None where there is one.
    """

    score: float
    code: str | None = None


def read_replies(
    model: ScoredModel,
    groups: Sequence[Sequence[Conversation]],
    told: Told = lambda *_: None,
    *,
    groups_together: int = _GROUPS_TOGETHER,
) -> list[list[ReplyReading]]:
    """What a model says of the replies that conversations end with.

    Args:
        model: of any task; whatever it raises is told by a code.
        groups: conversations with one prompt; a group may be empty.
        told: after each part.
        groups_together: so many are a part.
    Returns:
        A reading of each conversation, by group.
    """
    total, done = sum(map(len, groups)), 0
    readings: list[list[ReplyReading]] = []
    for start in range(0, len(groups), groups_together):
        part = groups[start : start + groups_together]
        different = [list(dict.fromkeys(group)) for group in part]
        found = iter(_read([group for group in different if group], model))
        for group, of_group in zip(part, different, strict=True):
            by_reply = {conversation: next(found) for conversation in of_group}
            readings.append([by_reply[conversation] for conversation in group])
        done += sum(map(len, part))
        told(done, total)
    return readings


_Groups = Sequence[Sequence[Conversation]]


def _read(groups: _Groups, model: ScoredModel) -> list[ReplyReading]:
    """A reading of each conversation, group after group."""
    if not groups:
        return []
    try:
        return _read_together(groups, model)
    except Exception as error:  # whatever a model raises; its message may quote the conversation
        halves = _halves(groups)
        if not halves:
            return [ReplyReading(np.nan, error.code if isinstance(error, PlumblineError) else SCORER_FAILED)]
    return [reading for half in halves for reading in _read(half, model)]


def _halves(groups: _Groups) -> list[_Groups]:
    """Half of the groups and the others, of one group half of its replies; nothing of a single reply."""
    if len(groups) > 1:
        middle = len(groups) // 2
        return [groups[:middle], groups[middle:]]
    (replies,) = groups
    middle = len(replies) // 2
    return [[replies[:middle]], [replies[middle:]]] if middle else []


def _read_together(groups: _Groups, model: ScoredModel) -> list[ReplyReading]:
    turns = [[[(said.role, said.text) for said in conversation] for conversation in group] for group in groups]
    read = read_groups(model, turns)
    scores, count = np.asarray(read.heads[:, 0], np.float64), sum(map(len, groups))
    if scores.shape != (count,):
        raise ValueError(f"expected {count} scores, found {len(scores)}")
    is_finite = np.isfinite(scores) & np.isfinite(main_head(model).calibration.probabilities(scores))
    is_partial = np.zeros(count, bool) if read.truncated is None else read.truncated
    return [_reading(*each) for each in zip(scores.tolist(), is_finite.tolist(), is_partial.tolist(), strict=True)]


def _reading(score: float, is_finite: bool, is_partial: bool) -> ReplyReading:
    if not is_finite:
        return ReplyReading(np.nan, NO_NUMBER)
    return ReplyReading(np.nan, READ_IN_PART) if is_partial else ReplyReading(score)
