"""Checkpoints: all that a run needs to end as if it had never been stopped. Safetensors and JSON, no pickle.

A checkpoint is a folder ``step-00000120`` with

- ``weights.safetensors``: the weights that are trained; with adapters only these and the heads;
- ``optimizer.safetensors``: the optimizer's numbers of each weight;
- ``random.safetensors``: the states of the random generators, by process;
- ``manifest.json``: where the run stands, its settings, and the digests of what it learns from.

It is written aside and renamed: what bears the name is whole. The last two are kept.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

import torch
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_optimizer_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)
from torch.distributed.fsdp import FSDPModule
from torch.distributed.tensor import DTensor

from plumbline.lineage import clear_leftovers, write_folder_aside
from plumbline.models.transformer.training.run_identity import RunIdentity
from plumbline.records import ModelError

FORMAT_VERSION = 1
_TOLD = 24
KEPT = 2
WEIGHTS_NAME, OPTIMIZER_NAME, RANDOM_NAME = "weights.safetensors", "optimizer.safetensors", "random.safetensors"
MANIFEST_NAME = "manifest.json"

_FOLDER = re.compile(r"step-(\d{8})")
_GATHERED = StateDictOptions(full_state_dict=True, cpu_offload=True, ignore_frozen_params=True)


class Stands(Protocol):
    """Where a run of any kind stands: a pydantic model with the steps done."""

    @property
    def step(self) -> int:
        """Steps done."""

    def model_dump(self, *, mode: str) -> dict[str, JsonValue]:
        """As plain JSON, for the mode "json"."""

    @classmethod
    def model_validate(cls, obj: object) -> Self:
        """From plain JSON."""


Stood = TypeVar("Stood", bound=Stands)


class Standing(BaseModel):
    """Where a run of the training loop stands after a step.

    Attributes:
        step: steps done.
        best_loss, best_step: of the evaluation with the lowest loss; None before the first.
        stale: evaluations since then.
        stopped_early: training ended for want of progress.
        evaluations: what each evaluation found.
        processed_tokens, own_tokens, sequence_tokens: counted so far, see `batches.Step`.
        seconds: spent so far.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    step: int = 0
    best_loss: float | None = None
    best_step: int | None = None
    stale: int = 0
    stopped_early: bool = False
    evaluations: tuple[dict[str, JsonValue], ...] = ()
    processed_tokens: int = 0
    own_tokens: int = 0
    sequence_tokens: int = 0
    seconds: float = 0.0


class _Output(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    path: str
    size_bytes: int
    sha256: None = None


class _Manifest(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    holds: str
    format_version: int
    settings: dict[str, JsonValue]
    data: dict[str, str]
    standing: dict[str, JsonValue]
    groups: list[dict[str, JsonValue]]
    outputs: list[_Output]


@dataclass(frozen=True, slots=True)
class TrainingState:
    """What of a run can be written down, gathered on the main process; empty on the others.

    Attributes:
        weights: by parameter.
        optimizer: by "<kind>/<parameter>".
        groups: the optimizer's, without its tensors.
        random: states of generators by "<process>/<generator>", each of dtype uint8.
    """

    weights: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    groups: list[dict[str, Any]]
    random: dict[str, Tensor]


def trained_weights(scorer: nn.Module) -> dict[str, Tensor]:
    """What is trained, whole and on the CPU. Every process must call it; only the main one gets shards put together.

    Values may share memory with the parameters.
    """
    names = {name for name, each in scorer.named_parameters() if each.requires_grad}
    found: dict[str, Any] = get_model_state_dict(scorer, options=_GATHERED)
    return {name: value.detach().contiguous() for name, value in found.items() if name in names}


def put_weights(scorer: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Set what is trained; every process must call it."""
    set_model_state_dict(scorer, dict(weights), options=_put_options(scorer))


def gather_state(scorer: nn.Module, optimizer: torch.optim.Optimizer, random: Mapping[str, Tensor]) -> TrainingState:
    """All of a run; every process must call it."""
    for part in scorer.modules():
        if isinstance(part, FSDPModule):  # a pass without gradients leaves what the root holds whole,
            part.reshard()  # and the optimizer knows the shards alone
    found: dict[str, Any] = get_optimizer_state_dict(scorer, optimizer, options=_GATHERED)
    state: dict[str, dict[str, Tensor]] = found.get("state", {})
    numbers = {f"{kind}/{name}": value for name, kinds in state.items() for kind, value in kinds.items()}
    groups = json.loads(json.dumps(found.get("param_groups", [])))
    tensors = {name: value.detach().contiguous() for name, value in numbers.items()}
    return TrainingState(trained_weights(scorer), tensors, groups, dict(random))


def put_state(scorer: nn.Module, optimizer: torch.optim.Optimizer, state: TrainingState) -> None:
    """Set the weights and the optimizer; every process must call it. Random states are the caller's."""
    put_weights(scorer, state.weights)
    by_name: dict[str, dict[str, Tensor]] = {}
    for key, value in state.optimizer.items():
        kind, name = key.split("/", 1)
        by_name.setdefault(name, {})[kind] = value
    whole: dict[str, Any] = {"state": by_name, "param_groups": state.groups}
    set_optimizer_state_dict(scorer, optimizer, whole, options=_put_options(scorer))


def _put_options(scorer: nn.Module) -> StateDictOptions:
    sharded = any(isinstance(each, DTensor) for each in scorer.parameters())
    return StateDictOptions(full_state_dict=True, strict=False, broadcast_from_rank0=sharded)


def save_checkpoint(folder: Path, state: TrainingState, standing: Stands, identity: RunIdentity) -> Path:
    """Write a checkpoint and remove all but the last two; for the main process.

    Args:
        folder: of the checkpoints of a run.
    Returns:
        The checkpoint's own folder.
    Raises:
        WriteError: the disk is full or not writable; the checkpoints that stood there still stand.
    """
    target = folder / f"step-{standing.step:08d}"
    with write_folder_aside(target, "checkpoint") as aside:
        for name, tensors in (
            (WEIGHTS_NAME, state.weights),
            (OPTIMIZER_NAME, state.optimizer),
            (RANDOM_NAME, state.random),
        ):
            save_file(tensors, aside / name)
        outputs = [_Output(path=path.name, size_bytes=path.stat().st_size) for path in sorted(aside.iterdir())]
        manifest = _Manifest(
            holds="checkpoint",
            format_version=FORMAT_VERSION,
            settings=identity.settings,
            data=identity.data,
            standing=standing.model_dump(mode="json"),
            groups=state.groups,
            outputs=outputs,
        )
        (aside / MANIFEST_NAME).write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")
    for old in checkpoint_folders(folder)[:-KEPT]:
        shutil.rmtree(old)
    return target


def checkpoint_folders(folder: Path) -> list[Path]:
    """The checkpoints of a run, the oldest first; what a killed run left half-written is removed."""
    if not folder.is_dir():
        return []
    clear_leftovers(folder)
    return sorted(path for path in folder.iterdir() if _FOLDER.fullmatch(path.name) and path.is_dir())


def load_checkpoint(
    folder: Path, identity: RunIdentity, standing: type[Stood], *, tensors: bool = True
) -> tuple[TrainingState, Stood] | None:
    """The last checkpoint of a run; None where there is none.

    Args:
        folder: of the checkpoints of the run.
        identity: what the run that wants to go on learns, and from what.
        standing: how such a run stands.
        tensors: read the weights and the optimizer too; not needed where another process sends them.
    Raises:
        ModelError: it is damaged, of another version, or of a run with other settings or other data.
    """
    found = checkpoint_folders(folder)
    if not found:
        return None
    manifest = _read_manifest(found[-1])
    _require_same(found[-1], manifest, identity)
    try:
        weights = load_file(found[-1] / WEIGHTS_NAME) if tensors else {}
        optimizer = load_file(found[-1] / OPTIMIZER_NAME) if tensors else {}
        random = load_file(found[-1] / RANDOM_NAME)
    except (OSError, SafetensorError) as error:
        raise _damaged(found[-1], type(error).__name__) from error
    try:
        stood = standing.model_validate(manifest.standing)
    except ValidationError as error:
        raise _damaged(found[-1], f"{error.error_count()} fields that do not fit") from error
    return TrainingState(weights, optimizer, [dict(group) for group in manifest.groups], random), stood


def save_best(folder: Path, weights: Mapping[str, Tensor], step: int) -> None:
    """Keep the weights of the best evaluation so far, in the place of those kept before; for the main process."""
    with write_folder_aside(folder, "best weights") as aside:
        save_file(dict(weights), aside / WEIGHTS_NAME, metadata={"step": str(step)})
        size = (aside / WEIGHTS_NAME).stat().st_size
        outputs = [{"path": WEIGHTS_NAME, "size_bytes": size, "sha256": None}]
        text = json.dumps({"holds": "best weights", "format_version": FORMAT_VERSION, "outputs": outputs, "step": step})
        (aside / MANIFEST_NAME).write_text(text + "\n", encoding="utf-8")


def load_best(folder: Path, step: int | None) -> dict[str, Tensor]:
    """The weights of the best evaluation.

    Args:
        step: at which it was.
    Raises:
        ModelError: they are not there, damaged, or of another evaluation.
    """
    clear_leftovers(folder.parent, folder.name)
    try:
        with safe_open(folder / WEIGHTS_NAME, "pt") as file:
            found = (file.metadata() or {}).get("step")
            if found != str(step):
                # A run that was killed between keeping its best weights and its checkpoint found others the second time.
                raise _other_best(folder, step, f"weights of step {found}")
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # it is no mapping
    except (OSError, SafetensorError) as error:
        raise _other_best(folder, step, type(error).__name__) from error


def _other_best(folder: Path, step: int | None, found: str) -> ModelError:
    return ModelError(
        "PL-FIT-004",
        str(folder),
        "the best weights are damaged, or those of another evaluation than the checkpoint tells of",
        expected=f"weights of step {step}",
        found=found,
        advice="start anew with --restart",
    )


def _read_manifest(folder: Path) -> _Manifest:
    try:
        text = (folder / MANIFEST_NAME).read_bytes()
        version = json.loads(text)["format_version"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(folder, type(error).__name__) from error
    if version != FORMAT_VERSION:
        raise ModelError(
            "PL-FIT-005",
            str(folder),
            "the checkpoint is of another version of its format",
            expected=f"version {FORMAT_VERSION}",
            found=f"version {str(version)[:20]}",
            advice="go on with the version of plumbline that wrote it, or start anew with --restart",
        )
    try:
        manifest = _Manifest.model_validate_json(text)
    except ValidationError as error:
        raise _damaged(folder, f"{error.error_count()} fields that do not fit") from error
    for output in manifest.outputs:
        path = folder / output.path
        if not path.is_file() or path.stat().st_size != output.size_bytes:
            raise _damaged(folder, f"{output.path} missing or of another size")
    return manifest


def _require_same(folder: Path, manifest: _Manifest, identity: RunIdentity) -> None:
    found, asked = manifest.settings, identity.settings
    differing = [name for name in sorted(found.keys() | asked.keys()) if found.get(name) != asked.get(name)]
    if differing:
        raise ModelError(
            "PL-FIT-006",
            str(folder),
            "the checkpoint is of a run with other settings",
            expected=f"as the checkpoint has it: {_named(found, differing)}",
            found=f"now: {_named(asked, differing)}",
            advice="give the settings that it was made with, or start anew with --restart",
        )
    changed = [name for name in sorted(manifest.data.keys() | identity.data.keys())
               if manifest.data.get(name) != identity.data.get(name)]  # fmt: skip
    if changed:
        raise ModelError(
            "PL-FIT-007",
            str(folder),
            f"the checkpoint is of a run on other data or another trunk: {', '.join(changed)} differ",
            expected=f"as the checkpoint has it: {_told(manifest.data, changed)}",
            found=f"now: {_told(identity.data, changed)}",
            advice="name the data, the --model, the --revision and the --max-tokens it was made with, or start anew with --restart",
        )


def _told(data: Mapping[str, str], names: Sequence[str]) -> str:
    """What was learned from, short; of rows their number and the beginning of their digest."""
    return ", ".join(f"{name}: {data.get(name, 'none')[:_TOLD]}" for name in names)


def _named(settings: Mapping[str, JsonValue], names: Sequence[str]) -> str:
    return ", ".join(f"{name} = {json.dumps(settings.get(name))[:80]}" for name in names)


def _damaged(folder: Path, found: str) -> ModelError:
    return ModelError(
        "PL-FIT-004",
        str(folder),
        "the checkpoint is damaged",
        expected=f"{WEIGHTS_NAME}, {OPTIMIZER_NAME}, {RANDOM_NAME} and {MANIFEST_NAME} as they were written",
        found=found,
        advice="remove this folder to go on from the one before it, or start anew with --restart",
    )
