"""The judges of a comparison: models from their folders, for what they are asked, and what a reader must know of each."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from plumbline.align.comparing.judging import Panel, require_judge_of, require_judge_of_safety
from plumbline.align.comparing.pair_rows import reply_conversations
from plumbline.align.comparing.policy_comparison import Answers
from plumbline.loop.opened_models import OpenedModel, open_model
from plumbline.models.rows.trained_rows import read_trained_rows
from plumbline.models.rows.training_rows import Records
from plumbline.records import UNSPECIFIED, Axis, UsageError, conversation_column, safety_label_table


@dataclass(frozen=True)
class JudgeFolders:
    """Where the judges are.

    Attributes:
        helpfulness: a preference model on helpfulness.
        harmlessness: a preference model on harmlessness, or a cost model.
        safety: a cost model, or a moderation model with a threshold; None takes that of harmlessness where it is a cost
            model.
        trust_remote_code: run code that comes with a transformer.
    """

    helpfulness: Path | None = None
    harmlessness: Path | None = None
    safety: Path | None = None
    trust_remote_code: bool = False


@dataclass(frozen=True)
class TrainedOn:
    """How much of what a judge is to judge it was trained on.

    Attributes:
        prompts, of_prompts: different prompts, by how they begin.
        replies, of_replies: replies, or pairs of them, that it was trained on as they stand.
    """

    prompts: int
    of_prompts: int
    replies: int
    of_replies: int


def open_judges(folders: JudgeFolders) -> dict[str, OpenedModel]:
    """The judges by what they judge: an axis's name, or ``safety``; each model is loaded once.

    Raises:
        UsageError: nobody judges an axis, or a model does not judge what it is asked.
        SourceError, ModelError, MissingExtraError: a model cannot be loaded.
    """
    axes = {Axis.HELPFULNESS: folders.helpfulness, Axis.HARMLESSNESS: folders.harmlessness}
    if not any(axes.values()):
        raise UsageError(
            "PL-CMP-010",
            "--helpfulness, --harmlessness",
            "nobody judges the replies",
            expected="the folder of a model for one of the two axes, or for both",
            advice="plumbline train preference SOURCE --on helpfulness -o MODEL, then --helpfulness MODEL",
        )
    loaded: dict[str, OpenedModel] = {}
    judges = {}
    for axis, folder in axes.items():
        if folder is not None:
            judges[axis.value] = _opened(folder, folders, loaded)
            require_judge_of(judges[axis.value].model, axis, f"--{axis.value} {folder}")
    if folders.safety is not None:
        judges["safety"] = _opened(folders.safety, folders, loaded)
        require_judge_of_safety(judges["safety"].model, f"--safety {folders.safety}")
    elif folders.harmlessness is not None and judges[Axis.HARMLESSNESS.value].model.task == "cost":
        judges["safety"] = judges[Axis.HARMLESSNESS.value]
    return judges


def panel_of(judges: Mapping[str, OpenedModel]) -> Panel:
    """The judges as they are asked."""
    by_axis = {axis: judges[axis.value].model for axis in Axis if axis.value in judges}
    return Panel(by_axis, judges["safety"].model if "safety" in judges else None)


def _opened(folder: Path, folders: JudgeFolders, loaded: dict[str, OpenedModel]) -> OpenedModel:
    place = os.path.realpath(folder)
    if place not in loaded:
        loaded[place] = open_model(folder, trust_remote_code=folders.trust_remote_code)
    return loaded[place]


def trained_on(judge: OpenedModel, answers: Answers, pairs: pa.Table) -> TrainedOn | None:
    """What of the prompts and of the replies a judge was trained on; None where nothing says what it was trained on.

    Args:
        judge: any.
        answers: of both policies.
        pairs: comparisons of them, of all axes.
    """
    trained = read_trained_rows(judge.folder, judge.description)
    if trained is None:
        return None
    groups = sorted({prompt.group_id for prompt in answers.prompts})
    said = reply_conversations(answers)
    labels = safety_label_table(
        conversation_column(list(said)), {"taxonomy": UNSPECIFIED, "source": "", "row": list(range(len(said)))}
    )
    of_labels = trained.rows_among(_all(labels)).reshape(-1, 2)
    of_pairs = trained.rows_among(_all(pairs.slice(0, len(of_labels))))
    return TrainedOn(
        int(trained.prompts_among(groups).sum()),
        len(groups),
        int(np.where(of_pairs, 2, of_labels.sum(axis=1)).sum()),
        2 * len(of_labels),
    )


def _all(table: pa.Table) -> Records:
    return Records(table, np.arange(len(table), dtype=np.int64))


def judge_json(judge: OpenedModel, trained: TrainedOn | None) -> dict[str, Any]:
    """What a summary says of a judge."""
    return {
        "name": judge.description.name,
        "task": judge.model.task,
        "axis": None if judge.model.axis is None else judge.model.axis.value,
        "calibrated": judge.description.is_calibrated,
        "trained_on": None if trained is None else vars(trained),
    }


def notes_on(
    judges: Mapping[str, OpenedModel],
    trained: Mapping[str, TrainedOn | None],
    names: tuple[str, str],
    made_with: tuple[frozenset[str], frozenset[str]],
) -> list[str]:
    """What a reader must know before trusting the figures.

    Args:
        judges, trained: by what they judge.
        names: of the policies.
        made_with: digests of what each policy was made with.
    """
    notes = ["the judges are models: a win is a model's word, and people may see it otherwise"]
    for role, judge in _each_once(judges):
        called = f"the judge of {role} ({judge.description.name})"
        for name, digests in zip(names, made_with, strict=True):
            if judge.digest in digests:
                notes.append(f"{called} had a part in making {name}: it flatters it; let another model judge")
        told = trained[role.split(" ")[0]]
        if told is None:
            notes.append(f"nothing says what {called} was trained on: if on these prompts, it judges what it has seen")
        elif told.prompts or told.replies:
            notes.append(
                f"{called} was TRAINED on {told.prompts:,} of the {told.of_prompts:,} prompts and on {told.replies:,} of the "
                f"{told.of_replies:,} replies: it judges what it has seen"
            )
        if not judge.description.is_calibrated:
            notes.append(f"{called} is not calibrated: what lies within the margin of a tie is arbitrary")
    return notes


def _each_once(judges: Mapping[str, OpenedModel]) -> Sequence[tuple[str, OpenedModel]]:
    """Each model once, with all that it judges."""
    roles: dict[int, list[str]] = {}
    for role, judge in judges.items():
        roles.setdefault(id(judge), []).append(role)
    return [(" and ".join(each), judges[each[0]]) for each in roles.values()]
