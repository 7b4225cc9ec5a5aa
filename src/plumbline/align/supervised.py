"""Teaching a policy replies: the likelihood of what was said, over the tokens of the reply alone.

What it is for: a first policy, before anything is aligned; and the rejection-sampled tranche, whose best replies a policy learns. Runs
are stopped and gone on with as those of `ppo.run` are.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import set_seed
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from plumbline.align.checkpointing import figures_so_far, keep, take_up
from plumbline.align.demonstrations import Demonstration, TextBatch, endless_batches, text_batch
from plumbline.align.finite_steps import step_is_finite
from plumbline.align.policy import text_likelihood
from plumbline.align.processes import loss_of_others_told, supported_accelerator, together, with_processes
from plumbline.models.transformer.training.metrics import MetricsLog
from plumbline.models.transformer.training.optimizer import learning_rate_share, set_learning_rate
from plumbline.models.transformer.training.run_identity import RunIdentity
from plumbline.records import ModelError, NoDataError, UsageError


@dataclass(frozen=True, slots=True)
class SupervisedSettings:
    """How a policy is taught.

    Attributes:
        epochs: passes over the rows.
        rows_per_step: over all processes.
        learning_rate: peak; rises over `warmup_share` of the steps, then falls to 0 in a cosine.
        weight_decay, clip_norm: as usual.
        checkpoint_every: steps.
        in_half: compute in bfloat16; weights stay in 32 bits.
        seed: of the order of the rows and dropout.
    """

    epochs: int = 3
    rows_per_step: int = 16
    learning_rate: float = 3e-4
    warmup_share: float = 0.05
    weight_decay: float = 0.0
    clip_norm: float = 1.0
    checkpoint_every: int = 100
    in_half: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            UsageError: PL-SUP-001, one is out of its range.
        """
        wrong = [name for name in ("epochs", "rows_per_step", "checkpoint_every") if getattr(self, name) < 1]
        wrong += [name for name in ("learning_rate", "clip_norm") if not 0 < getattr(self, name) < math.inf]
        wrong += [name for name in ("weight_decay", "warmup_share") if not 0 <= getattr(self, name) < 1]
        if wrong:
            raise UsageError(
                "PL-SUP-001",
                "supervised",
                "a setting is out of its range",
                expected="whole numbers of at least 1, rates above 0, weight decay and warm-up in [0, 1)",
                found=", ".join(f"{name} = {getattr(self, name):g}" for name in wrong),
                advice="leave it out for the default",
            )


@dataclass(frozen=True)
class Taught:
    """What teaching came to.

    Attributes:
        steps: of the run.
        resumed: the step that it went on from.
        likelihood: mean negative log-likelihood of a held-out token, nats, before and after; None without held-out rows.
        tokens: learnt, repeated ones each time.
        seconds: of all its parts.
    """

    steps: int
    resumed: int
    likelihood: tuple[float, float] | None
    tokens: int
    seconds: float


class _Standing(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    step: int = 0
    before: float | None = None
    tokens: int = 0
    seconds: float = 0.0


def teach(
    model: nn.Module,
    rows: Sequence[Demonstration],
    held_out: Sequence[Demonstration],
    settings: SupervisedSettings,
    identity: RunIdentity,
    out: Path,
    *,
    padding_id: int,
    progress: Callable[[int, int, float], None] = lambda *_: None,
) -> Taught:
    """Let a causal model learn the replies of rows; go on from the last checkpoint in `out`, where there is one.

    Args:
        model: of transformers, with adapters or without; what of it asks for gradients learns.
        rows: at least one a process.
        held_out: to see what it is worth; may be none.
        identity: what is learnt, and from what.
        out: of the run: gets ``metrics.jsonl`` and ``checkpoints/``.
        progress: told the step, of how many, and its loss, on the first process.
    Raises:
        NoDataError: PL-SUP-002, there is no row.
        UsageError: PL-ALN-001, Accelerate is configured for what this does not do.
        ModelError: PL-SUP-003, a loss is not finite; or the checkpoint is damaged, or of another run or number of processes; or
            another process failed (PL-ALN-002). The last checkpoint stands.
    """
    if not rows:
        raise NoDataError(
            "PL-SUP-002",
            "the rows",
            "there is no reply to learn",
            expected="conversations that end with a reply and fit into the model's positions",
            advice="see the counts of what was left out",
        )
    teaching = _Teaching(model, rows, held_out, settings, identity, out, padding_id)
    with loss_of_others_told(teaching.accelerator):
        return teaching.go(progress)


class _Learner(nn.Module):
    """A model whose forward pass is its loss, as whoever averages gradients over processes needs it."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, texts: TextBatch) -> Tensor:
        """Mean negative log-likelihood of the tokens that are learnt, nats; scalar."""
        return text_likelihood(self.model, texts)


class _Teaching:
    def __init__(
        self,
        model: nn.Module,
        rows: Sequence[Demonstration],
        held_out: Sequence[Demonstration],
        settings: SupervisedSettings,
        identity: RunIdentity,
        out: Path,
        padding_id: int,
    ) -> None:
        self.rows, self.held_out, self.settings = rows, held_out, settings
        self.out, self.padding_id = out, padding_id
        self.accelerator = supported_accelerator()
        self.identity = with_processes(identity, self.accelerator)
        self.bare = _Learner(model)
        trained = [each for each in model.parameters() if each.requires_grad]
        optimizer = torch.optim.AdamW(trained, lr=settings.learning_rate, weight_decay=settings.weight_decay)
        for group in optimizer.param_groups:
            group["peak"] = settings.learning_rate
        self.learner, self.optimizer = self.accelerator.prepare(self.bare, optimizer)
        self.steps = settings.epochs * -(-len(rows) // settings.rows_per_step)
        self.standing = _Standing()

    def go(self, progress: Callable[[int, int, float], None]) -> Taught:
        """From where the run stands to its end."""
        set_seed(self.settings.seed, device_specific=True)
        resumed = self._resume()
        if not resumed:
            self._stands(before=self._likelihood())
        spent, began = self.standing.seconds, time.perf_counter()
        with self._log(resumed) as log:
            batches = endless_batches(self.rows, self.settings.rows_per_step, seed=self.settings.seed, start=resumed)
            for number in range(resumed, self.steps):
                loss, tokens = self._learn(number, next(batches))
                seconds = spent + time.perf_counter() - began
                self._stands(step=number + 1, tokens=self.standing.tokens + tokens, seconds=seconds)
                with together(self.accelerator):
                    if log is not None:
                        log.write({"step": number + 1, "loss": loss, "tokens": tokens})
                        progress(number + 1, self.steps, loss)
                if (number + 1) % self.settings.checkpoint_every == 0 or number + 1 == self.steps:
                    self._save()
        after, now = self._likelihood(), self.standing
        self.bare.eval()
        found = None if now.before is None or after is None else (now.before, after)
        return Taught(self.steps, resumed, found, now.tokens, now.seconds)

    def _log(self, resumed: int) -> AbstractContextManager[MetricsLog | None]:
        """Where figures go; to nothing in processes that do not write."""
        with together(self.accelerator):
            if self.accelerator.is_main_process and resumed:
                figures_so_far(self.out, resumed, ["loss", "tokens"])
            return MetricsLog(self.out, after_step=resumed) if self.accelerator.is_main_process else nullcontext()

    def _learn(self, number: int, rows: Sequence[Demonstration]) -> tuple[float, int]:
        """One gradient step; its loss and how many tokens of all processes it learnt."""
        set_learning_rate(self.optimizer, learning_rate_share(number, self.steps, self.settings.warmup_share))
        self.learner.train()
        processes, mine = self.accelerator.num_processes, self.accelerator.process_index
        texts = text_batch(rows[mine::processes] or rows[:1], self.padding_id).to(self.accelerator.device)
        learned = texts.is_learned[:, 1:].sum().float() * bool(rows[mine::processes])
        with self._precision():
            loss = self.learner(texts)
        mean = self.accelerator.reduce(learned, "mean")
        self.accelerator.backward(loss * learned / mean)
        norm = self.accelerator.clip_grad_norm_(self.learner.parameters(), self.settings.clip_norm)
        told = float(self.accelerator.reduce(loss.detach() * learned / mean, "mean"))
        if not (math.isfinite(told) and bool(norm.isfinite())):
            raise _lost(f"step {number + 1}", "the loss or its gradient is not a finite number")
        if not step_is_finite(self.optimizer):
            raise _lost(f"step {number + 1}", "the weights after it are not finite numbers")
        self.optimizer.zero_grad(set_to_none=True)
        return told, int(mean * processes)

    def _precision(self) -> Any:
        return torch.autocast(self.accelerator.device.type, torch.bfloat16, enabled=self.settings.in_half)

    @torch.no_grad()
    def _likelihood(self) -> float | None:
        """Of the held-out rows, nats a token."""
        if not self.held_out:
            return None
        self.bare.eval()
        total = count = 0.0
        for start in range(0, len(self.held_out), self.settings.rows_per_step):
            rows = self.held_out[start : start + self.settings.rows_per_step]
            texts = text_batch(rows, self.padding_id).to(self.accelerator.device)
            tokens = float(texts.is_learned[:, 1:].sum())
            with self._precision():
                total += float(self.bare(texts)) * tokens
            count += tokens
        if not math.isfinite(total):
            raise _lost("the held-out rows", "their loss is not a finite number")
        return total / count

    def _stands(self, **changes: Any) -> None:
        self.standing = self.standing.model_copy(update=changes)

    def _resume(self) -> int:
        stood = take_up(self.accelerator, self.bare, self.optimizer.optimizer, self.out, self.identity, _Standing)
        self.standing = stood or self.standing
        return self.standing.step

    def _save(self) -> None:
        keep(self.accelerator, self.bare, self.optimizer.optimizer, self.out, self.identity, self.standing)


def _lost(place: str, problem: str) -> ModelError:
    return ModelError(
        "PL-SUP-003",
        place,
        problem,
        expected="finite numbers",
        advice="lower --learning-rate with --restart; the last checkpoint is untouched",
    )
