"""Models: trained on the curated rows, measured on their split test, the round before's on the same rows beside them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from plumbline.loop.earlier_outputs import EVALUATION_NAME
from plumbline.loop.measuring.evaluation_run import EvaluationRun, run_evaluation
from plumbline.loop.rounds.data_steps import CURATED
from plumbline.loop.rounds.opened_round import Round
from plumbline.loop.rounds.round_settings import Model
from plumbline.loop.rounds.steps import Call, Step, Told, content_digest, written
from plumbline.loop.training.folder import MARK_NAME, training_folder
from plumbline.loop.training.run import LINEAR, TrainingRun, run_training
from plumbline.models.model_folder import DESCRIPTION_NAME
from plumbline.records import Kind, NoDataError

MODELS, EVALUATIONS = "models", "evaluations"
_BEFORE = ".before"
"""Behind a model's name: the evaluation of that of the round before. No model's name holds a dot."""
_NO_CACHE = {"cache": False}
"""Nothing is written outside of the round's folder."""


def model_steps(round_: Round) -> Iterator[Step]:
    """Training of each model, then measuring of each."""
    for model in round_.settings.models:
        output = f"{MODELS}/{model.name}"
        yield Step(
            f"train {model.name}",
            output,
            partial(_train_reads, round_, model),
            partial(_train, round_, model),
            _nothing,
        )
    for model in round_.settings.models:
        yield _evaluate_step(round_, model, round_.out / MODELS / model.name, model.name, "")
        if (earlier := model_before(round_, model)) is not None:
            yield _evaluate_step(round_, model, earlier, f"{model.name}{_BEFORE}", " of the round before")


def _nothing(_: Path) -> Told:
    return Told()


def model_before(round_: Round, model: Model) -> Path | None:
    """The model of the same name and task in the round before; None where there is none."""
    if round_.before is None:
        return None
    folder = round_.before.folder / MODELS / model.name
    try:
        described = json.loads((folder / DESCRIPTION_NAME).read_bytes())
    except (OSError, ValueError):
        return None
    is_same = described.get("task") == model.task and model.on in (None, described.get("axis"))
    return folder if is_same else None


# --- training ---


def _train_reads(round_: Round, model: Model) -> dict[str, JsonValue]:
    recipe = model.settings.recipe
    return {
        "curated": written(round_, CURATED),
        "seed": round_.settings.seed,
        "asked": model.model_dump(mode="json", exclude={"allow_chance"}),
        "start": None if model.model == LINEAR else content_digest(round_.place(model.model)),
        "recipe": None if recipe is None else content_digest(round_.place(recipe)),
    }


def _train(round_: Round, model: Model, call: Call) -> None:
    out = round_.out / MODELS / model.name
    settings = {**model.settings.for_training(), "seed": round_.settings.seed}
    if "recipe" in settings:
        settings["recipe"] = round_.place(settings["recipe"])
    if model.model != LINEAR and (training_folder(out) / MARK_NAME).is_file():
        settings["resume" if call.goes_on else "restart"] = True
    run_training(
        TrainingRun(
            task=model.task,
            sources=(str(round_.out / CURATED),),
            out=out,
            kind=LINEAR if model.model == LINEAR else round_.place(model.model),
            on=model.on,
            override_uses=model.override_uses,
            settings=settings,
            load_options=_NO_CACHE,
            command=call.command,
        ),
        lambda what: call.say(f"train {model.name}: {what}"),
    )


# --- measuring ---


def _evaluate_step(round_: Round, model: Model, folder: Path, name: str, whose: str) -> Step:
    def reads() -> dict[str, JsonValue]:
        """The model, the rows, the draw of the bootstrap."""
        return {
            "model": content_digest(str(folder)),
            "curated": written(round_, CURATED),
            "seed": round_.settings.seed,
            "on": model.on,
            "settings": model.settings.model_dump(mode="json", include={"trust_remote_code", "tokens_per_batch"}),
        }

    def run(call: Call) -> None:
        """Measure it on the split test."""
        _require_held_out(round_, model)
        run_evaluation(
            EvaluationRun(
                model=folder,
                source=str(round_.out / CURATED),
                out=round_.out / EVALUATIONS / name,
                on=model.on,
                seed=round_.settings.seed,
                load_options=_NO_CACHE,
                command=call.command,
                trust_remote_code=bool(model.settings.trust_remote_code),
                tokens_per_batch=model.settings.tokens_per_batch,
                called=f"{model.name}{whose}" if whose else None,
            ),
            lambda what: call.say(f"measure {model.name}{whose}: {what}"),
        )

    return Step(f"measure {model.name}{whose}", f"{EVALUATIONS}/{name}", reads, run, _measured_told)


def _require_held_out(round_: Round, model: Model) -> None:
    kinds = {
        "preference": (Kind.COMPARISONS,),
        "moderation": (Kind.SAFETY_LABELS,),
        "cost": (Kind.COMPARISONS, Kind.SAFETY_LABELS),
    }[model.task]
    curated = round_.out / CURATED
    if any((curated / kind / "test.parquet").is_file() for kind in kinds):
        return
    found = sorted(f"{path.parent.name}/{path.stem}" for kind in kinds for path in (curated / kind).glob("*.parquet"))
    raise NoDataError(
        "PL-RND-012",
        f"model {model.name}",
        "there are no held-out rows to measure it on",
        expected="rows of split test among what was curated",
        found=", ".join(found) or "no rows of its kind",
        advice="raise test_share in [data], add a source with a split test, or a recipe whose rule splits gives one",
    )


def _measured_told(output: Path) -> Told:
    note = read_evaluation(output).get("note")
    return Told((f"{output.name}: {note}",) if note else ())


def read_evaluation(folder: Path) -> Mapping[str, Any]:
    """What ``evaluation.json`` holds; empty where there is none."""
    try:
        found: Mapping[str, Any] = json.loads((folder / EVALUATION_NAME).read_bytes())
    except FileNotFoundError:
        return {}
    return found


@dataclass(frozen=True)
class Measured:
    """A model's evaluation, and that of the round before's model on the same rows; empty where there is none."""

    model: Model
    now: Mapping[str, Any]
    before: Mapping[str, Any]


def measured(round_: Round) -> list[Measured]:
    """The evaluations of a round, as far as there are any."""
    folder = round_.out / EVALUATIONS
    found = []
    for model in round_.settings.models:
        before = folder / f"{model.name}{_BEFORE}"
        earlier = read_evaluation(before) if model_before(round_, model) is not None else {}
        found.append(Measured(model, read_evaluation(folder / model.name), earlier))
    return found
