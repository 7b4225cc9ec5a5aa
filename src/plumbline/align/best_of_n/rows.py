"""Candidates as rows: every reply with its score, the better of two as a comparison, the best as a reply to learn.

A comparison holds a prompt's best reply against its worst. A model errs the less often about which of two replies is better the further
apart it puts them, so of all pairs this one is the likeliest to be labelled rightly; it needs no chance, and who wants other pairs has
every reply and score in the table of candidates. Which side is first is drawn. The judgement is a model's, and says so: `worker` names
it, and no person's strength, votes or safety label stands in the row.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pydantic import JsonValue

from plumbline.align.best_of_n.candidates import Candidates
from plumbline.records import (
    CHAT_ROLES,
    CONVERSATION_TYPE,
    Axis,
    Conversation,
    Message,
    Outcome,
    Prompt,
    Role,
    comparison_table,
    conversation_column,
)
from plumbline.records.identity import canonical_conversation, digest
from plumbline.sources.asking import Failed
from plumbline.sources.reply_journal import KeptReply
from plumbline.sources.seeds import derived_seed

EQUAL = "PL-BON-006"
"""No comparison: all replies to the prompt that have a score are the same, or have the same score."""
NO_SCORE = "PL-BON-007"
"""No comparison and nothing to learn: no reply to the prompt has a score."""

CANDIDATE_SCHEMA = pa.schema(
    [
        pa.field("prompt_id", pa.string(), nullable=False),
        pa.field("group_id", pa.string(), nullable=False),
        pa.field("parents", pa.list_(pa.string()), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("row", pa.int64(), nullable=False),
        pa.field("split", pa.string()),
        pa.field("conversation", CONVERSATION_TYPE, nullable=False),
        pa.field("number", pa.int32(), nullable=False),
        pa.field("reply", pa.string()),
        pa.field("score", pa.float64()),
        pa.field("score_missing", pa.string()),
        pa.field("judged", pa.float64()),
        pa.field("judged_missing", pa.string()),
        pa.field("is_best", pa.bool_(), nullable=False),
        pa.field("model", pa.string()),
        pa.field("snapshot", pa.string()),
        pa.field("seed", pa.int64()),
        pa.field("finish", pa.string()),
        pa.field("seconds", pa.float64()),
    ]
)
"""One row a reply that was asked for. `number` is from 0 within the prompt; `reply` is null where none came, and `score_missing` holds the
code of why a score is missing, that of the source where there is no reply."""


@dataclass(frozen=True)
class Chosen:
    """How the replies were made and chosen; stands in every row.

    Attributes:
        run: names the run in `source`; the same settings give the same name.
        policy: the address of what replied.
        policy_name: what records call it.
        scorer: name and digest of the model that chose.
        axis: what it judges on.
        seed: of the run.
    """

    run: str
    policy: str
    policy_name: str
    scorer: str
    axis: Axis
    seed: int


def candidate_table(candidates: Candidates, parents: Sequence[tuple[str, ...]]) -> pa.Table:
    """Every reply that was asked for, prompt by prompt.

    Args:
        candidates: n prompts with k replies.
        parents: n; ids of the records that each prompt stands in.
    Returns:
        n × k rows of `CANDIDATE_SCHEMA`.
    """
    rows = [
        {**_of_prompt(prompt, of_one), **_of_reply(candidates, place, number)}
        for place, (prompt, of_one) in enumerate(zip(candidates.prompts, parents, strict=True))
        for number in range(len(candidates.asked[place]))
    ]
    conversations = conversation_column([candidates.prompts[place].conversation for place in _places(candidates)])
    columns = [
        conversations if field.name == "conversation" else pa.array([row[field.name] for row in rows], field.type)
        for field in CANDIDATE_SCHEMA
    ]
    return pa.table(columns, schema=CANDIDATE_SCHEMA)


def _places(candidates: Candidates) -> Iterator[int]:
    for place, of_one in enumerate(candidates.asked):
        yield from [place] * len(of_one)


def _of_prompt(prompt: Prompt, parents: tuple[str, ...]) -> dict[str, JsonValue]:
    return {
        "prompt_id": prompt.id,
        "group_id": prompt.group_id,
        "parents": list(parents),
        "source": prompt.source,
        "row": prompt.row,
        "split": prompt.split,
    }


def _of_reply(candidates: Candidates, place: int, number: int) -> dict[str, JsonValue]:
    made, judged = candidates.asked[place][number], candidates.judged
    kept = made if isinstance(made, KeptReply) else None
    return {
        "number": number,
        "reply": None if kept is None else kept.text,
        "score": _number(candidates.scored.values[place, number]),
        "score_missing": candidates.scored.codes[place][number],
        "judged": None if judged is None else _number(judged.values[place, number]),
        "judged_missing": None if judged is None else judged.codes[place][number],
        "is_best": candidates.best(place) == number,
        **{
            name: None if kept is None else getattr(kept, name)
            for name in ("model", "snapshot", "seed", "finish", "seconds")
        },
    }


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


# --- comparisons ---


def comparison_rows(
    candidates: Candidates, parents: Sequence[tuple[str, ...]], chosen: Chosen
) -> tuple[pa.Table, dict[str, int]]:
    """The best reply to each prompt against the worst.

    Args:
        candidates, parents: as in `candidate_table`.
        chosen: how they were made.
    Returns:
        Comparisons, one a prompt, `outcome` the side with the higher score; and how many prompts gave none, by code.
    """
    pairs: list[tuple[int, int, int]] = []
    left_out: Counter[str] = Counter()
    for place in range(len(candidates.prompts)):
        best, worst = candidates.best(place), candidates.worst(place)
        if best is None or worst is None:
            left_out[NO_SCORE] += 1
        elif candidates.scored.values[place, best] == candidates.scored.values[place, worst]:
            left_out[EQUAL] += 1
        else:
            pairs.append((place, best, worst))
    return _comparisons(candidates, parents, chosen, pairs), dict(sorted(left_out.items()))


def _comparisons(
    candidates: Candidates,
    parents: Sequence[tuple[str, ...]],
    chosen: Chosen,
    pairs: Sequence[tuple[int, int, int]],
) -> pa.Table:
    prompts = [candidates.prompts[place] for place, _, _ in pairs]
    is_first = [derived_seed(chosen.seed, "side", prompt.id) % 2 == 0 for prompt in prompts]
    sides: list[Conversation] = []
    for (place, best, worst), best_first in zip(pairs, is_first, strict=True):
        for number in (best, worst) if best_first else (worst, best):
            sides.append((Message(Role.ASSISTANT, candidates.text(place, number) or ""),))
    columns: dict[str, object] = {
        "axis": chosen.axis,
        "outcome": [Outcome.FIRST if best_first else Outcome.SECOND for best_first in is_first],
        "models": pa.array([[chosen.policy_name] * 2 for _ in pairs], pa.list_(pa.string())),
        "worker": f"model:{chosen.scorer}",
        "parents": pa.array([list(parents[place]) for place, _, _ in pairs], pa.list_(pa.string())),
        "source": chosen.run,
        "row": [place for place, _, _ in pairs],
        "tranche": f"best-of-{candidates.scored.values.shape[1]}",
        "split": [prompt.split for prompt in prompts],
        "extra": [_extra(candidates, place, best, worst, chosen) for place, best, worst in pairs],
    }
    continuations = pa.ListArray.from_arrays(
        pa.array(range(0, 2 * len(pairs) + 1, 2), pa.int32()), conversation_column(sides)
    )
    return comparison_table(conversation_column([each.conversation for each in prompts]), continuations, columns)


def _extra(candidates: Candidates, place: int, best: int, worst: int, chosen: Chosen) -> str:
    prompt = candidates.prompts[place]
    trail: dict[str, JsonValue] = {
        "policy": chosen.policy,
        "prompt": {"source": prompt.source, "row": prompt.row},
        "scorer": chosen.scorer,
        "scored_replies": int(candidates.is_scored[place].sum()),
        "better": _told(candidates, place, best),
        "worse": _told(candidates, place, worst),
    }
    return json.dumps({"best_of_n": trail}, ensure_ascii=False, sort_keys=True)


def _told(candidates: Candidates, place: int, number: int) -> dict[str, JsonValue]:
    told = _of_reply(candidates, place, number)
    return {name: told[name] for name in ("number", "score", "judged", "snapshot", "seed", "finish")}


# --- replies to learn ---


def supervised_lines(
    candidates: Candidates, parents: Sequence[tuple[str, ...]], chosen: Chosen
) -> tuple[list[bytes], dict[str, int]]:
    """The best reply to each prompt, as TRL's supervised training reads conversations: `prompt` and `completion`.

    Args:
        candidates, parents: as in `candidate_table`.
        chosen: how they were made.
    Returns:
        Lines of JSON without newlines, one a prompt; and how many prompts gave none, by code.
    Source: https://huggingface.co/docs/trl/dataset_formats ("prompt-completion", conversational).
    """
    lines = []
    for place, prompt in enumerate(candidates.prompts):
        best = candidates.best(place)
        made = None if best is None else candidates.asked[place][best]
        if best is None or made is None or isinstance(made, Failed):
            continue
        row: dict[str, JsonValue] = {
            "prompt": [{"role": CHAT_ROLES[said.role], "content": said.text} for said in prompt.conversation],
            "completion": [{"role": "assistant", "content": made.text}],
            "id": digest("supervised", canonical_conversation(prompt.conversation), made.text),
            "group_id": prompt.group_id,
            "parents": list(parents[place]),
            "chosen_by": f"model:{chosen.scorer}",
            "axis": chosen.axis.value,
            "scored_replies": int(candidates.is_scored[place].sum()),
            "policy": chosen.policy,
            **_told(candidates, place, best),
            "source": chosen.run,
            "row": place,
            "split": prompt.split,
        }
        lines.append(json.dumps(row, ensure_ascii=False).encode())
    missing = len(candidates.prompts) - len(lines)
    return lines, {NO_SCORE: missing} if missing else {}
