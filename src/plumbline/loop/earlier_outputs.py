"""An output takes the place of an earlier one of the same thing: no model that of another task, nothing another model's."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from plumbline.lineage.writing import MANIFEST_NAME
from plumbline.models.model_folder import DESCRIPTION_NAME
from plumbline.records import Axis, UsageError

EVALUATION_NAME = "evaluation.json"


def refuse_other_model(folder: Path, task: str, axis: Axis | None) -> None:
    """Refuse to replace a model of another task, or a preference model of another axis.

    Args:
        folder: the output; what stands there but is no model is `refuse_foreign_folder`'s to judge.
        task: of the model to come.
        axis: of a preference model; None where it is not known yet.
    Raises:
        UsageError: such a model stands there.
    """
    found = _object(folder / DESCRIPTION_NAME)
    if "task" not in found:
        return
    is_same = found["task"] == task and (task != "preference" or axis is None or found.get("axis") == axis)
    if is_same:
        return
    raise UsageError(
        "PL-OUT-013",
        str(folder),
        "another model stands there",
        expected=f"nothing, or an earlier {told_task(task, axis)} model",
        found=f"a {told_task(found['task'], found.get('axis'))} model",
        advice="name another output with -o, or move that model away",
    )


def refuse_models_left_over(folder: Path, names: Collection[str]) -> None:
    """Refuse to write models beside others, of an earlier run, that would look as if they were trained with them.

    Args:
        folder: of model folders.
        names: of those to come; what stands there of the same name is replaced.
    Raises:
        UsageError: a model of another name stands there.
    """
    found = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    others = sorted(name for name in found - set(names) if (folder / name / DESCRIPTION_NAME).is_file())
    if others:
        raise UsageError(
            "PL-OUT-015",
            str(folder),
            "models of an earlier run stand there that this run would not replace",
            expected=f"nothing, or earlier models of these names: {', '.join(sorted(names))}",
            found=", ".join(others),
            advice="name another output with -o, or move these models away",
        )


def told_task(task: str, axis: object) -> str:
    """The task with its axis, where it has one."""
    return f"{task} ({axis})" if task == "preference" and axis else task


def refuse_other_evaluation(folder: Path, model: str, task: str, axis: Axis | None) -> None:
    """Refuse to replace the evaluation of another model: one of another name, task or axis.

    Raises:
        UsageError: such an evaluation stands there.
    """
    found = _object(folder / EVALUATION_NAME)
    now = {"model": model, "task": task, "axis": axis}
    if "task" not in found or {key: found.get(key) for key in now} == now:
        return
    raise UsageError(
        "PL-OUT-014",
        str(folder),
        "the evaluation of another model stands there",
        expected=f"nothing, or an earlier evaluation of {model}, {told_task(task, axis)}",
        found=f"one of {found.get('model')}, {told_task(found['task'], found.get('axis'))}",
        advice="name another output with -o, or move that evaluation away",
    )


def refuse_other_export(folder: Path, model: str, task: str, axis: Axis | None) -> None:
    """Refuse to replace the export of another model: one of another name, task or axis.

    Args:
        folder: the output; what stands there but is no export is `refuse_foreign_folder`'s to judge.
        model: its name.
        task, axis: its own.
    Raises:
        UsageError: such an export stands there.
    """
    found = _object(folder / MANIFEST_NAME).get("configuration")
    if not isinstance(found, dict) or "model_json" not in found:
        return
    now = {"model_json": model, "task": task, "axis": axis}
    if all(found[key] == value for key, value in now.items() if key in found):  # earlier ones name the model alone
        return
    was = f", {told_task(str(found['task']), found.get('axis'))}" if "task" in found else ""
    raise UsageError(
        "PL-OUT-016",
        str(folder),
        "the export of another model stands there",
        expected=f"nothing, or an earlier export of {model}, {told_task(task, axis)}",
        found=f"one of {found['model_json']}{was}",
        advice="name another output with -o, or move that export away",
    )


def _object(path: Path) -> Mapping[str, Any]:
    """A JSON object on disk; an empty one where there is none that can be read."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
