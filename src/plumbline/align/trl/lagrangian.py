"""The Lagrangian of `lagrangian` under TRL's trainers: a callback that moves λ, sets the weights of reward and cost, and keeps λ.

TRL adds the scores of its reward functions by `trainer.reward_weights` before it takes a group's mean from them, so the limit itself
falls out of every advantage and works through λ alone. λ moves after a step, by the costs of the replies that the step learnt from, and
weighs from the next replies on. Deviation from `ppo_lag`: there it moves before the step learns; here TRL has weighed them by then.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import gather_object
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from plumbline.align.lagrangian import Lagrangian, LagrangianState
from plumbline.lineage import write_aside
from plumbline.records import ModelError

STATE_NAME = "plumbline.json"
"""Of a checkpoint; what was not written to its end has none."""


class LagrangianCallback(TrainerCallback):
    """Keeps a trainer's weights those of a Lagrangian.

    `take` is what the cost's reward function tells its scores; `trainer` is set once there is one.

    Attributes:
        lagrangian: moves, the same in every process; None holds the weights as they are, and checkpoints are marked all the same.
        trainer: with reward first, cost second.
        identity: what a run must agree in to go on from its checkpoints.
    """

    def __init__(self, lagrangian: Lagrangian | None, identity: Mapping[str, Any]) -> None:
        self.lagrangian = lagrangian
        self.identity = dict(identity)
        self.trainer: Any = None
        self._costs: list[float] = []

    def take(self, costs: Sequence[float]) -> dict[str, float]:
        """Keep the costs of this process's replies; those of an evaluation move nothing.

        Returns:
            λ as it weighs these replies, to be logged.
        """
        if self.lagrangian is None:
            return {}
        if self.trainer.model.training:
            self._costs.extend(costs)
        return {"lagrangian/multiplier": self.lagrangian.multiplier}

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Weigh by λ as it stands: at its first value, or as a checkpoint left it."""
        del args, state, control, kwargs
        self._set_weights()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Move λ by the step's costs of all processes; a step that learnt from replies of an earlier one moves nothing."""
        del args, state, control, kwargs
        if self.lagrangian is None:
            return
        costs = gather_object(self._costs)
        self._costs = []
        if costs:
            self.lagrangian.update(costs)
            self._set_weights()

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Write λ, its window and its steps into the checkpoint's folder: the last thing that comes into it."""
        del control, kwargs
        if not state.is_world_process_zero:
            return
        told = {
            "step": state.global_step,
            "identity": self.identity,
            "lagrangian": None if self.lagrangian is None else self.lagrangian.state().model_dump(),
        }
        with write_aside(Path(str(args.output_dir)) / f"checkpoint-{state.global_step}" / STATE_NAME) as aside:
            aside.write_text(json.dumps(told, allow_nan=False) + "\n", encoding="utf-8")

    def _set_weights(self) -> None:
        if self.lagrangian is not None:
            self.trainer.reward_weights = torch.tensor(self.lagrangian.weights, dtype=torch.float32)


def last_checkpoint(folder: Path) -> Path | None:
    """The latest checkpoint that was written to its end; None where there is none."""
    found = {
        int(path.parent.name.removeprefix("checkpoint-")): path.parent
        for path in folder.glob(f"checkpoint-*/{STATE_NAME}")
        if path.parent.name.removeprefix("checkpoint-").isdecimal()
    }
    return found[max(found)] if found else None


def read_state(checkpoint: Path, identity: Mapping[str, Any]) -> LagrangianState | None:
    """What `Lagrangian.resumed` takes, of a checkpoint; None of a run without a cost.

    Raises:
        ModelError: PL-TRT-005, it cannot be read; PL-TRT-006, it is of another run.
    """
    path = checkpoint / STATE_NAME
    try:
        told = json.loads(path.read_bytes())
        known, state = dict(told["identity"]), told["lagrangian"]
        lagrangian = None if state is None else LagrangianState.model_validate(state)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(
            "PL-TRT-005",
            str(path),
            "the checkpoint's state cannot be read",
            found=type(error).__name__,
            advice="remove that checkpoint and go on from the one before it with --resume, or --restart",
        ) from error
    others = sorted(name for name in known.keys() | identity.keys() if known.get(name) != identity.get(name))
    if others:
        raise ModelError(
            "PL-TRT-006",
            str(checkpoint),
            "the checkpoint is of another run",
            expected="the same policy, data, models and settings",
            found=f"others: {', '.join(others)}",
            advice="give the run its former settings, or begin anew with --restart",
        )
    return lagrangian
