"""Pairs of replies as comparisons that nobody has judged yet: for people to judge, and never for training as they are.

What the models said stands in `extra`; `outcome` and `is_safe` stay empty, for a model's word is no judgement.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pydantic import JsonValue

from plumbline.align.comparing.judging import ModelVerdicts, Scored
from plumbline.align.comparing.policy_comparison import Answer, Answers
from plumbline.records import Axis, Conversation, Message, Role, comparison_table, conversation_column


@dataclass(frozen=True)
class Compared:
    """What stands in every row.

    Attributes:
        run: names the run in `source`; the same settings give the same name.
        names: of the policies.
        judges: names of the models, by axis and under ``safety``.
    """

    run: str
    names: tuple[str, str]
    judges: Mapping[str, str]


def pair_table(answers: Answers, said: ModelVerdicts, compared: Compared) -> pa.Table:
    """A row for each pair and axis, axis by axis, in the order of the prompts.

    `row` is the place of the answers, prompt · k + number; `parents` names the prompt.
    """
    places, pairs = answers.places(), answers.pairs()
    axes = list(said.by_axis)
    sides = [(Message(Role.ASSISTANT, text),) for pair in pairs for text in (pair.first, pair.second)]
    offsets = pa.array(range(0, 2 * len(pairs) * len(axes) + 1, 2), pa.int32())
    prompts = [answers.prompt_of(place) for place in places]
    columns: dict[str, object] = {
        "axis": [axis.value for axis in axes for _ in places],
        "models": [list(compared.names) for _ in axes for _ in places],
        "parents": [[prompt.id] for _ in axes for prompt in prompts],
        "source": compared.run,
        "row": [place for _ in axes for place in places],
        "split": [prompt.split for _ in axes for prompt in prompts],
        "extra": [_extra(answers, said, compared, axis, at, place) for axis in axes for at, place in enumerate(places)],
    }
    return comparison_table(
        conversation_column([prompt.conversation for _ in axes for prompt in prompts]),
        pa.ListArray.from_arrays(offsets, conversation_column([side for _ in axes for side in sides])),
        columns,
    )


def _extra(answers: Answers, said: ModelVerdicts, compared: Compared, axis: Axis, at: int, place: int) -> str:
    prompt = answers.prompt_of(place)
    told: dict[str, JsonValue] = {
        "prompt": {"source": prompt.source, "row": prompt.row},
        "judge": compared.judges[axis.value],
        **_scores(said.by_axis[axis], at),
        "probability": _number(float(said.probabilities[axis.value][at])),
        "replies": [_trail(answers.first[place]), _trail(answers.second[place])],
    }
    if said.safe is not None and said.safety is not None:
        safe: list[JsonValue] = [None if np.isnan(each) else bool(each) for each in said.safe[at]]
        told["safety"] = {"judge": compared.judges["safety"], "safe": safe, **_scores(said.safety, at)}
    return json.dumps({"compared": told}, ensure_ascii=False, sort_keys=True, allow_nan=False)


def _scores(scored: Scored, at: int) -> dict[str, JsonValue]:
    return {"scores": [_number(float(each)) for each in scored.scores[at]], "unjudged": scored.codes[at]}


def _trail(answer: Answer) -> JsonValue:
    return {"model": answer.model, "snapshot": answer.snapshot, "seed": answer.seed, "is_cut": answer.is_cut}


def _number(value: float) -> float | None:
    return None if np.isnan(value) else value


def reply_conversations(answers: Answers) -> list[Conversation]:
    """Each reply of a pair with its prompt, first and second by turns."""
    return [conversation for pair in answers.pairs() for conversation in pair.conversations()]
