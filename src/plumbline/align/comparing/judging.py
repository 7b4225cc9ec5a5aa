"""Pairs of replies → what the judges say of them: a preference an axis, and whether each reply is safe.

A reply without a score of a judge (see `models.reply_readings`) leaves its pair *unjudged* by that judge, with the code of why: to count it
as a tie, or the reply as safe, would tell what nobody said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from plumbline.align.comparing.head_to_head import Floats
from plumbline.models.reply_readings import Told, read_replies
from plumbline.models.scored_model import ScoredModel, better_sign, pair_calibration
from plumbline.models.verdicts import decides, is_harmful
from plumbline.records import Axis, Conversation, Message, Role, UsageError


@dataclass(frozen=True)
class Panel:
    """The judges.

    Attributes:
        by_axis: who prefers one of two replies, by axis; at least one.
        safety: who says whether a reply is safe; may be the judge of an axis too. None: nobody.
    """

    by_axis: Mapping[Axis, ScoredModel]
    safety: ScoredModel | None


@dataclass(frozen=True, slots=True)
class ReplyPair:
    """A reply of each policy to one prompt.

    Attributes:
        prompt: the place of the prompt; pairs of one prompt stand together.
        number: which replies to it, from 0.
        conversation: the prompt.
        first, second: the replies.
    """

    prompt: int
    number: int
    conversation: Conversation
    first: str
    second: str

    def conversations(self) -> tuple[Conversation, Conversation]:
        """The prompt with the first reply, and with the second."""
        return (
            (*self.conversation, Message(Role.ASSISTANT, self.first)),
            (*self.conversation, Message(Role.ASSISTANT, self.second)),
        )


@dataclass(frozen=True)
class Scored:
    """What one model says of both replies of n pairs.

    Attributes:
        scores: shape (n, 2), of its main head; NaN where there is none that counts.
        codes: n, of why a pair has a score too few; None where it has both.
    """

    scores: Floats
    codes: tuple[str | None, ...]


@dataclass(frozen=True)
class ModelVerdicts:
    """What the judges say of n pairs.

    Attributes:
        by_axis: what each axis's judge gave.
        probabilities: by axis, shape (n,): that the first reply is the better one; NaN where the pair was not judged.
        safety: what the judge of safety gave; None where there is none.
        safe: shape (n, 2): 1 safe, 0 unsafe, NaN not judged; None where there is no judge.
    """

    by_axis: Mapping[Axis, Scored]
    probabilities: Mapping[str, Floats]
    safety: Scored | None
    safe: Floats | None


def require_judge_of(model: ScoredModel, axis: Axis, place: str) -> None:
    """Refuse a model that does not judge an axis.

    Raises:
        UsageError: it is of another axis or task; a cost model judges harmlessness.
    """
    is_cost = model.task == "cost" and axis is Axis.HARMLESSNESS
    if is_cost or (model.task == "preference" and model.axis is axis):
        return
    raise UsageError(
        "PL-CMP-004",
        place,
        f"the model does not judge {axis}",
        expected=f"a preference model on {axis}" + (", or a cost model" if axis is Axis.HARMLESSNESS else ""),
        found=f"a {model.task} model" + (f" on {model.axis}" if model.axis else ""),
        advice=f"name it at the option of what it judges, or train one: plumbline train preference SOURCE --on {axis} -o MODEL",
    )


def require_judge_of_safety(model: ScoredModel, place: str) -> None:
    """Refuse a model that says of no reply whether it is safe.

    Raises:
        UsageError: it is a preference model, or a moderation model without a threshold.
    """
    if decides(model):
        return
    raise UsageError(
        "PL-CMP-005",
        place,
        "the model does not say whether a reply is safe",
        expected="a cost model, or a moderation model with a threshold",
        found="a preference model, which ranks replies"
        if model.task == "preference"
        else "a moderation model without a threshold",
        advice="name a cost or moderation model at --safety, or leave it out: no safe rates are told then",
    )


def judge_pairs(panel: Panel, pairs: Sequence[ReplyPair], told: Told = lambda *_: None) -> ModelVerdicts:
    """What each judge says of n pairs; a model that judges two things reads them once."""
    models: list[ScoredModel] = []
    for model in (*panel.by_axis.values(), *([] if panel.safety is None else [panel.safety])):
        if not any(model is each for each in models):
            models.append(model)
    found: dict[int, Scored] = {}
    for model in models:
        ahead = 2 * len(pairs) * len(found)

        def scored(done: int, _of_one: int, ahead: int = ahead) -> None:
            """Count on from the judges before."""
            told(ahead + done, 2 * len(pairs) * len(models))

        found[id(model)] = _scored(model, pairs, scored)
    by_axis = {axis: found[id(model)] for axis, model in panel.by_axis.items()}
    safety = None if panel.safety is None else found[id(panel.safety)]
    return ModelVerdicts(
        by_axis,
        {axis.value: _preferences(panel.by_axis[axis], scored.scores) for axis, scored in by_axis.items()},
        safety,
        None if panel.safety is None or safety is None else _safe(panel.safety, safety.scores),
    )


def _preferences(model: ScoredModel, scores: Floats) -> Floats:
    """That the first is better, shape (n,); the same whichever stands first, whatever a calibration's offset."""
    lead = better_sign(model) * (scores[:, 0] - scores[:, 1])
    calibration = pair_calibration(model)
    probabilities = 0.5 + 0.5 * (calibration.probabilities(lead) - calibration.probabilities(-lead))
    return np.asarray(np.where(np.isnan(lead), np.nan, probabilities), np.float64)


def _safe(model: ScoredModel, scores: Floats) -> Floats:
    return np.where(np.isnan(scores), np.nan, np.where(is_harmful(model, scores), 0.0, 1.0))


def _scored(model: ScoredModel, pairs: Sequence[ReplyPair], told: Told) -> Scored:
    """All replies to a prompt are one group, first and second by turns."""
    groups = [
        [conversation for pair in of_prompt for conversation in pair.conversations()]
        for _, of_prompt in groupby(pairs, key=lambda pair: pair.prompt)
    ]
    readings = [reading for group in read_replies(model, groups, told) for reading in group]
    return Scored(
        np.array([reading.score for reading in readings], np.float64).reshape(-1, 2),
        tuple(first.code or second.code for first, second in zip(readings[::2], readings[1::2], strict=True)),
    )
