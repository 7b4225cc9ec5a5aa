"""Training several tasks at once on one trunk: sources → a folder of model folders that share their weights.

Each is a model folder like any other, ``reward-<axis>``, ``cost`` and ``moderation``. The trunk's weights are links to one
another where the file system has them, so they take the room of one.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from plumbline.formats import Loaded
from plumbline.lineage import refuse_foreign_folder
from plumbline.lineage.writing import MANIFEST_NAME
from plumbline.loop.earlier_outputs import refuse_models_left_over
from plumbline.loop.sources import Step, known_axis, load_stage, own_terms_told
from plumbline.loop.training.folder import training_folder
from plumbline.loop.training.run import (
    LINEAR,
    TrainingResult,
    TrainingRun,
    refuse_other_settings,
    refuse_unknown_model,
)
from plumbline.loop.training.transformer_run import (
    begin_training,
    refuse_output_on_trunk,
    result_of,
    save_trained,
    train_models,
    training_held,
)
from plumbline.models.loading import require_transformers
from plumbline.models.model_folder import DESCRIPTION_NAME
from plumbline.models.rows.training_rows import nothing_of_kind
from plumbline.models.scored_model import TASKS, Task
from plumbline.models.training import REQUIRED_USES
from plumbline.records import Axis, UsageError

if TYPE_CHECKING:
    from plumbline.models.transformer.model import TransformerModel
    from plumbline.models.transformer.training.task_training import TrainedTransformer


def run_joint_training(run: TrainingRun, step: Step = lambda _: None) -> dict[str, TrainingResult] | None:
    """Load, train the tasks of `run.together`, and write a folder a model.

    Returns:
        Folder name → what training showed of its model; None in further processes of a distributed run.
    Raises:
        PlumblineError: the sources, the data, the model or the options do not allow it.
    """
    _refuse_linear(run.kind)
    refuse_other_settings(run)
    refuse_unknown_model(run.kind)
    require_transformers("--model")
    refuse_output_on_trunk(run)
    _refuse_other_folder(run)
    with training_held(run.out):
        begun = begin_training(run)
        loaded = load_stage(run.sources, "train", run.load_options, step)
        run = replace(run, together=run.together or tasks_taught(loaded))
        refuse_models_left_over(run.out, names_to_come(run, loaded))
        with ExitStack() as stack:
            for task in run.together:
                stack.enter_context(own_terms_told(run.load_options.get("stated_terms"), REQUIRED_USES[task]))
            done = train_models(run, begun, loaded, step)
        if done is None:
            return None
        names = [folder_name(trained.model) for trained in done.models]
        for name, trained in zip(names, done.models, strict=True):
            twin = None if name == names[0] else run.out / names[0]
            save_trained(run, done, _with_links_told(trained, name, names), run.out / name, twin=twin)
        shutil.rmtree(training_folder(run.out), ignore_errors=True)
    return {name: result_of(done, trained, run.sources) for name, trained in zip(names, done.models, strict=True)}


def folder_name(model: TransformerModel) -> str:
    """What a model's folder is called: its task, a reward's axis."""
    return f"reward-{model.axis}" if model.task == "preference" else model.task


def names_to_come(run: TrainingRun, loaded: Loaded) -> set[str]:
    """What the folders of a run's models will be called, by the axes that its rows are judged on."""
    asked, found = known_axis(run.on), sorted(loaded.comparisons["axis"].unique().to_pylist())
    rewards = {f"reward-{axis}" for axis in ([asked] if asked else found)}
    others = {task for task in run.together if task != "preference"}
    return others | (rewards if "preference" in run.together else set())


def _with_links_told(trained: TrainedTransformer, name: str, names: Sequence[str]) -> TrainedTransformer:
    """The model with a note for its card on whose weights are the same file."""
    others = ", ".join(other for other in names if other != name)
    if not others:
        return trained
    told = (
        f"Its trunk's weights and those of {others}, beside it, are links to one file where the disk has links: what is "
        "written into that file changes all of them. Save changed weights into another folder."
    )
    return replace(trained, summary={**trained.summary, "notes": [*trained.summary["notes"], told]})


def tasks_taught(loaded: Loaded) -> tuple[Task, ...]:
    """What the sources can teach: rewards from comparisons, a cost from those on harm with labels, moderation from labels.

    Raises:
        NoDataError: nothing.
    """
    comparisons, labels = loaded.comparisons, loaded.safety_labels
    judges_harm = Axis.HARMLESSNESS in comparisons["axis"].unique().to_pylist()
    labelled = len(labels) > 0 or comparisons["is_safe"].null_count < len(comparisons)
    found: list[Task] = []
    if len(comparisons):
        found.append("preference")
    if judges_harm and labelled:
        found.append("cost")
    if len(labels):
        found.append("moderation")
    if not found:
        raise nothing_of_kind("comparisons or safety labels", "the sources", loaded.tables.values())
    return tuple(found)


def _refuse_linear(kind: str) -> None:
    if kind == LINEAR:
        raise UsageError(
            "PL-ARG-003",
            "--model",
            "linear models share nothing: each is trained alone",
            expected="a transformer: a folder, or a hub id",
            found=kind,
            advice="--model PATH; or plumbline train preference, cost and moderation one after the other",
        )


def _refuse_other_folder(run: TrainingRun) -> None:
    """The output is a folder of models: refuse a file, a single model, or a foreign folder where a model will stand."""
    taken = [name for name in (MANIFEST_NAME, DESCRIPTION_NAME) if (run.out / name).exists()]
    if taken or (run.out.exists() and not run.out.is_dir()):
        raise UsageError(
            "PL-OUT-002",
            str(run.out),
            "something stands there that is no folder of models",
            expected="a new folder, or one of models that were trained together",
            found=taken[0] if taken else "a file",
            advice="name another output with -o, or move away what stands there",
        )
    for task in run.together or TASKS:
        for name in _possible_names(task):
            refuse_foreign_folder(run.out / name, "model")


def _possible_names(task: Task) -> list[str]:
    return [f"reward-{axis}" for axis in Axis] if task == "preference" else [task]
