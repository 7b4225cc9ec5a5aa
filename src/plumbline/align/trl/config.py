"""How a run of TRL learns: our settings, and TRL's configuration of them."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from plumbline.align.trl.settings import Method, make_config
from plumbline.records import NoDataError, UsageError

_KEPT_CHECKPOINTS, _SEEDS = 2, 1 << 32
_CHANGES_NOTHING_LEARNT = ("device_rows", "checkpoint_every")
_OF_PAIRS, _OF_PROMPTS = ("epochs", "most_tokens"), ("replies", "reply_tokens", "steps")


@dataclass(frozen=True, slots=True)
class TrlSettings:
    """How a policy learns by TRL.

    Attributes:
        method: dpo, grpo or rloo.
        learning_rate: at the start; TRL lets it fall to 0 over the run.
        divergence_weight: β. Of DPO its temperature; of GRPO and RLOO the price of a nat away from the reference. TRL's GRPO has 0, which
            lets a policy go wherever the reward model errs.
        batch: prompts, or pairs, a step, over all processes.
        replies: a prompt; not of DPO.
        reply_tokens: at which a reply is cut; not of DPO.
        steps: of GRPO and RLOO.
        epochs: of DPO.
        most_tokens: of a pair's prompt with a reply; of DPO.
        device_rows: rows that a device computes at a time; it changes nothing that is learnt but by rounding.
        checkpoint_every: steps.
        seed: of everything random.
        lora: rank of adapters that train in the place of the weights, which then are their own reference; 0 for none.
        further: TRL's own settings, by their names there.
    """

    method: Method
    learning_rate: float = 1e-6
    divergence_weight: float = 0.05
    batch: int = 16
    replies: int = 8
    reply_tokens: int = 256
    steps: int = 100
    epochs: float = 1.0
    most_tokens: int = 1024
    device_rows: int = 8
    checkpoint_every: int = 50
    seed: int = 0
    lora: int = 0
    further: Mapping[str, JsonValue] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            UsageError: PL-TRT-010, one is out of its range.
        """
        least = {
            "seed": 0,
            "checkpoint_every": 1,
            "batch": 1,
            "replies": 2,
            "reply_tokens": 1,
            "steps": 1,
            "most_tokens": 8,
            "device_rows": 1,
            "lora": 0,
        }
        wrong = [name for name, most in least.items() if getattr(self, name) < most]
        wrong += [name for name in ("learning_rate", "epochs") if not 0 < getattr(self, name) < math.inf]
        wrong += [] if self.seed < _SEEDS else ["seed"]
        nearness = self.divergence_weight
        wrong += [] if 0 <= nearness < math.inf and (nearness or self.method != "dpo") else ["divergence_weight"]
        if wrong:
            raise UsageError(
                "PL-TRT-010",
                "the settings",
                "one is out of its range",
                expected="rates, epochs and the β of DPO above 0, at least 2 replies a prompt, counts of at least 1, a seed of 32 bits",
                found=", ".join(f"{name} = {getattr(self, name):.10g}" for name in wrong),
                advice="leave it out for its default",
            )

    def to_json(self) -> dict[str, JsonValue]:
        """What changes what is learnt."""
        others = (*_CHANGES_NOTHING_LEARNT, *(_OF_PROMPTS if self.method == "dpo" else _OF_PAIRS))
        told = {name: value for name, value in asdict(self).items() if name not in others}
        return {**told, "further": dict(self.further)}


def trl_config(settings: TrlSettings, work: Path, row_count: int) -> Any:
    """TRL's configuration; making it also finds this process's device.

    Raises:
        NoDataError, UsageError: see `training.train_on_pairs`.
    """
    require_rows(settings, row_count)
    import torch

    _refuse_cut_rounds(settings)
    on_gpu = torch.cuda.is_available()
    own: dict[str, Any] = {
        **_batching(settings),
        "output_dir": str(work),
        "learning_rate": settings.learning_rate,
        "beta": settings.divergence_weight,
        "seed": settings.seed,
        "save_strategy": "steps",
        "save_steps": settings.checkpoint_every,
        "save_total_limit": _KEPT_CHECKPOINTS,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "report_to": "none",
        "disable_tqdm": True,
        "bf16": on_gpu and torch.cuda.is_bf16_supported(),
        "gradient_checkpointing": on_gpu,
        "dataloader_pin_memory": on_gpu,
        "model_init_kwargs": {"use_safetensors": True},
    }
    if settings.method == "dpo":
        own |= {"num_train_epochs": settings.epochs, "max_length": None}
    else:
        own |= {
            "num_generations": settings.replies,
            "max_completion_length": settings.reply_tokens,
            "max_steps": settings.steps,
            "shuffle_dataset": False,
        }
    if settings.method == "grpo":
        # Divided by each group's spread, λ would be another price in every prompt: docs/how-to/align-with-trl.md.
        own["scale_rewards"] = "none"
    return make_config(settings.method, {**own, **settings.further})


def require_rows(settings: TrlSettings, row_count: int) -> None:
    """Refuse a run whose rows are fewer than a step takes.

    Raises:
        NoDataError: PL-TRT-013.
    """
    if row_count < settings.batch:
        raise NoDataError(
            "PL-TRT-013",
            "the data",
            "there are fewer rows than a step takes",
            expected=f"at least {settings.batch:,}",
            found=f"{row_count:,}",
            advice=f"more data, or a smaller batch (--batch {row_count})"
            if row_count
            else "see why rows were set aside",
        )


def _refuse_cut_rounds(settings: TrlSettings) -> None:
    """A run that goes on writes new replies: in the middle of a round that would leave the next round's prompts out."""
    rounds = settings.further.get("num_iterations", 1)
    if isinstance(rounds, int) and rounds > 1 and settings.checkpoint_every % rounds:
        raise UsageError(
            "PL-TRT-012",
            "--checkpoint-every",
            "a checkpoint would fall between the steps that learn from the same replies",
            expected=f"a multiple of num_iterations, {rounds}",
            found=str(settings.checkpoint_every),
            advice=f"--checkpoint-every {rounds * max(1, settings.checkpoint_every // rounds)}",
        )


def _batching(settings: TrlSettings) -> dict[str, int]:
    """How a step's rows fall on processes and passes."""
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    rows = settings.batch * (1 if settings.method == "dpo" else settings.replies)
    each, left = divmod(rows, processes)
    if left:
        raise UsageError(
            "PL-TRT-012",
            "--batch",
            "a step's rows cannot be shared out among the processes",
            expected=f"a multiple of {processes} rows",
            found=f"{rows:,}",
            advice=f"another --batch, such as {settings.batch * processes}",
        )
    at_a_time = max(count for count in range(1, min(settings.device_rows, each) + 1) if each % count == 0)
    return {"per_device_train_batch_size": at_a_time, "gradient_accumulation_steps": each // at_a_time}
