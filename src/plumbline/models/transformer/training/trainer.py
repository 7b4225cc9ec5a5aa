"""The training loop, on Accelerate: one processor, one GPU, several (DDP, FSDP2) by its configuration.

Each epoch's rows are planned into steps (`batches`). A step's batches are computed one after the other, their losses
divided by the weight of the whole step, so that neither the cutting nor the number of devices changes the gradient. One
number list a step comes back from the device: losses, what was right, the norm of the gradient. Only if all are finite
does the optimizer move.

A run that was stopped goes on from its last checkpoint; on a CPU it ends with the weights it would have had.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from accelerate.utils import set_seed
from numpy.typing import NDArray
from torch import Tensor

from plumbline.models.transformer.examples.batches import Batch, Step, plan_evaluation, plan_steps
from plumbline.models.transformer.examples.collation import Collator, lay_out
from plumbline.models.transformer.examples.example import Example
from plumbline.models.transformer.scorer import Scorer
from plumbline.models.transformer.settings import LossSettings, TrainerSettings
from plumbline.models.transformer.training import checkpoints
from plumbline.models.transformer.training.checkpoints import Standing
from plumbline.models.transformer.training.errors import (
    memory_watched,
    not_finite,
    nothing_to_train_on,
    processes_apart,
    states_watched,
)
from plumbline.models.transformer.training.metrics import MetricsLog
from plumbline.models.transformer.training.objective import (
    TERMS,
    Objective,
    accuracy_of,
    balancing_weights,
    judged_counts,
)
from plumbline.models.transformer.training.optimizer import (
    freeze_unread,
    learning_rate_share,
    make_optimizer,
    set_learning_rate,
)
from plumbline.models.transformer.training.outcome import Evaluation, Progress, TrainingOutcome
from plumbline.models.transformer.training.processes import accelerator_of_all
from plumbline.models.transformer.training.random_states import put_random_states, random_states
from plumbline.models.transformer.training.run_identity import identify

CHECKPOINTS, BEST = "checkpoints", "best"
CHECKPOINTS_AN_EPOCH = 5
"""Where nobody says how many: what a killed run loses is a fifth of an epoch."""


def train(
    scorer: Scorer,
    examples: Sequence[Example],
    held_out: Sequence[Example],
    settings: TrainerSettings,
    loss: LossSettings,
    *,
    padding_id: int,
    out: Path,
    progress: Callable[[Progress], None] | None = None,
) -> TrainingOutcome:
    """Find weights; go on from the last checkpoint in `out`, where there is one.

    Args:
        scorer: gets the weights found; left in evaluation mode. Under FSDP2 its parameters stay sharded:
            `checkpoints.trained_weights` puts them together.
        examples: to learn from.
        held_out: to evaluate on; may be none, then there is no early stopping.
        padding_id: any valid token id.
        out: of the run, not of the model: gets ``metrics.jsonl``, ``checkpoints/`` and, with patience, ``best/``.
        progress: called after each step, on the main process.
    Raises:
        NoDataError: there is no example.
        TrainingError: a loss or gradient is not finite, or memory is at an end; the last checkpoint stands.
        ModelError: the checkpoint is damaged, of another version, of other settings or of other data.
        MissingExtraError: TensorBoard was asked for and is not installed.
        WriteError: a checkpoint could not be written.
    """
    if not examples:
        raise nothing_to_train_on()
    use_trees = settings.as_trees and scorer.pooling == "last"
    laid_out = [lay_out(each, padding_id=padding_id, as_trees=use_trees) for each in (examples, held_out)]
    run = _Run(scorer, laid_out[0], laid_out[1], settings, loss, out)
    try:
        resumed = run.resume()
        figures = (
            MetricsLog(out, after_step=resumed, tensorboard=settings.tensorboard) if run.is_main else nullcontext()
        )
        with figures as log:
            run.go(log, progress)
        return run.end(resumed)
    finally:
        run.let_go()


class _Run:
    """A run: what is being trained, on what, and where it stands."""

    def __init__(
        self,
        scorer: Scorer,
        learned: Collator,
        held_out: Collator,
        settings: TrainerSettings,
        loss: LossSettings,
        out: Path,
    ) -> None:
        self.settings, self.out, self.scorer = settings, out, scorer
        self.learned, self.held_out = learned, held_out
        freeze_unread(scorer)
        self.identity = identify(scorer, learned, held_out, settings, loss)
        scorer._no_split_modules = getattr(scorer.trunk, "_no_split_modules", None)  # type: ignore[assignment]  # FSDP's units
        if settings.gradient_checkpointing:
            _activations(scorer, "enable")({"use_reentrant": False})
        # `precision` alone says what is computed in, so that the manifest is true whatever a launcher's configuration says.
        self.accelerator = accelerator_of_all()
        set_seed(settings.seed, device_specific=True)
        with states_watched(scorer):
            prepared = self.accelerator.prepare(scorer, make_optimizer(scorer, settings))
        self.model, self.optimizer = prepared
        balance = balancing_weights(learned.examples, len(scorer.head_names)) if loss.balance_categories else None
        self.objective = Objective(loss, scorer.head_names, positive_weights=balance)
        self.standing = Standing()
        self.steps_an_epoch = -(-len(learned.examples) // settings.rows_per_step)
        self.steps = self.steps_an_epoch * settings.epochs

    @property
    def is_main(self) -> bool:
        """Whether this process writes."""
        return bool(self.accelerator.is_main_process)

    # --- going on ---

    def resume(self) -> int:
        """Go on from the last checkpoint, if there is one; the steps done."""
        sharded = bool(self.accelerator.is_fsdp2)
        self.accelerator.wait_for_everyone()  # the first process empties the folder of a run that begins anew
        found = checkpoints.load_checkpoint(
            self.out / CHECKPOINTS, self.identity, Standing, tensors=self.is_main or not sharded
        )
        self._require_one_step(-1 if found is None else found[1].step)
        if found is None:
            return 0
        state, self.standing = found
        checkpoints.put_state(self.scorer, self._bare_optimizer, state)
        mine = f"{self.accelerator.process_index}/"
        states = {name.removeprefix(mine): value for name, value in state.random.items() if name.startswith(mine)}
        if states:
            put_random_states(states, self.accelerator.device)
        return self.standing.step

    def _require_one_step(self, step: int) -> None:
        """Every process must have found the same checkpoint: on several machines they read one disk, or all go wrong."""
        mine = torch.tensor([step], device=self.accelerator.device)
        found = self.accelerator.gather(mine).tolist()
        if len(set(found)) > 1:
            raise processes_apart(self.out, found)

    def save(self) -> None:
        """Write a checkpoint; every process takes part."""
        mine = random_states(self.accelerator.device)
        gathered = {name: self._gathered(value) for name, value in mine.items()}
        random = {f"{p}/{name}": rows[p].clone() for name, rows in gathered.items() for p in range(len(rows))}
        state = checkpoints.gather_state(self.scorer, self._bare_optimizer, random)
        if self.is_main:
            checkpoints.save_checkpoint(self.out / CHECKPOINTS, state, self.standing, self.identity)
        self.accelerator.wait_for_everyone()

    def _gathered(self, value: Tensor) -> Tensor:
        """Of all processes, shape (processes, …), on the CPU."""
        gathered: Tensor = self.accelerator.gather(value.to(self.accelerator.device)[None])
        return gathered.cpu()

    @property
    def _bare_optimizer(self) -> torch.optim.Optimizer:
        bare: torch.optim.Optimizer = self.optimizer.optimizer
        return bare

    # --- the loop ---

    def go(self, log: MetricsLog | None, progress: Callable[[Progress], None] | None) -> None:
        """From where the run stands to its end."""
        done, sequence_tokens, began = self.standing.step, self.standing.sequence_tokens, time.perf_counter()
        spent = self.standing.seconds
        for step in self._steps_left():
            if self.standing.stopped_early:
                return
            line = self._learn(step)
            now = self.standing
            seconds = time.perf_counter() - began
            self.standing = now.model_copy(update={"seconds": spent + seconds})
            pace = (now.sequence_tokens - sequence_tokens) / seconds
            if log is not None:
                log.write({**line, "tokens_per_second": pace})
            if progress is not None and self.is_main:
                left = seconds / (now.step - done) * (self.steps - now.step)
                progress(Progress(now.step, self.steps, line["loss"], line["accuracy"], pace, left))
            if self._is_due(self.settings.evaluate_every) and self.held_out.examples:
                self._look(log)
            if self._is_checkpoint_due() or self.standing.stopped_early:
                self.save()

    def _steps_left(self) -> Iterator[Step]:
        while self.standing.step < self.steps:
            epoch, done = divmod(self.standing.step, self.steps_an_epoch)
            processes = int(self.accelerator.num_processes)
            yield from plan_steps(self.learned.sizes, self.settings, epoch=epoch, processes=processes)[done:]

    def _is_due(self, every: int) -> bool:
        step = self.standing.step
        return step == self.steps or step % (every or self.steps_an_epoch) == 0

    def _is_checkpoint_due(self) -> bool:
        every = self.settings.checkpoint_every
        return self._is_due(every or max(1, self.steps_an_epoch // CHECKPOINTS_AN_EPOCH))

    def _learn(self, step: Step) -> dict[str, Any]:
        """Move the weights once; what there is to say of it."""
        share = learning_rate_share(self.standing.step, self.steps, self.settings.warmup_share)
        set_learning_rate(self.optimizer, share)
        if not self.model.training:
            self.model.train()
        weights = self.learned.weights[list(step.examples)].sum(0)
        sums, counts, norm = self._gradient(step, weights)
        number = self.standing.step + 1
        terms = self.objective.terms(sums, weights)
        if not (math.isfinite(sum(sums)) and math.isfinite(norm)):
            rows = [self.learned.examples[each] for each in step.examples]
            raise not_finite(number, rows, what="gradient" if math.isfinite(sum(sums)) else "loss")
        with states_watched(self.scorer):  # the first step makes the optimizer's averages
            self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.standing = self.standing.model_copy(
            update={
                "step": number,
                "processed_tokens": self.standing.processed_tokens + step.processed_tokens,
                "own_tokens": self.standing.own_tokens + step.own_tokens,
                "sequence_tokens": self.standing.sequence_tokens + step.sequence_tokens,
            }
        )
        return {
            "step": number,
            "epoch": (number - 1) // self.steps_an_epoch,
            "loss": sum(terms.values()),
            "terms": terms,
            "accuracy": accuracy_of(self.objective.right(sums, counts)),
            "learning_rate": self.settings.learning_rate * share,
            "gradient_norm": norm,
            "processed_tokens": step.processed_tokens,
            "own_tokens": step.own_tokens,
            "sequence_tokens": step.sequence_tokens,
        }

    def _gradient(self, step: Step, weights: NDArray[np.float64]) -> tuple[list[float], NDArray[np.int64], float]:
        """The gradient of a step, clipped; its sums and counts over all processes, and its norm before clipping."""
        mine = step.batches[self.accelerator.process_index]
        # Processes' gradients are averaged, and the sum is wanted; Accelerate divides by its accumulation steps.
        scale = self.accelerator.num_processes * self.accelerator.gradient_accumulation_steps
        factors = torch.from_numpy(self.objective.factors(weights) * scale).float().to(self.accelerator.device)
        totals = torch.zeros(self.objective.size, device=self.accelerator.device)
        # Under FSDP2 gradients that wait for the last batch would stand whole on every device: it exchanges each batch's.
        waits = not self.accelerator.is_fsdp2
        for place, batch in enumerate(mine):
            is_last = place == len(mine) - 1
            apart = self.accelerator.no_sync(self.model) if waits and not is_last else nullcontext()
            with apart, self._memory(batch, self.learned):
                sums = self._sums(batch, self.learned)
                self.accelerator.backward((sums[: len(TERMS)] * factors).sum())
            totals += sums.detach()
        largest = self.settings.clip_norm or math.inf
        norm = self.accelerator.clip_grad_norm_(self.model.parameters(), largest)
        norm = norm.full_tensor() if hasattr(norm, "full_tensor") else norm
        reduced = self.accelerator.reduce(totals, "sum")
        *numbers, length = torch.cat([reduced, norm.reshape(1).to(reduced)]).tolist()  # the one wait for the device
        counts = judged_counts(self.learned.targets(step.examples), len(self.scorer.head_names))
        return numbers, counts, length

    def _sums(self, batch: Batch, rows: Collator) -> Tensor:
        """`Objective.sums` of a batch; of nothing, zeros that still carry a gradient."""
        device = self.accelerator.device
        inputs = rows.inputs(batch.examples, device)
        in_half = self.settings.precision == "bf16"
        # No weight is used twice in a pass, so a cache of those cast would only keep them all.
        with torch.autocast(device.type, torch.bfloat16, enabled=in_half, cache_enabled=False):
            scores: Tensor = self.model(inputs).float()
        sums: Tensor = self.objective.sums(scores, rows.targets(batch.examples)) + scores.sum() * 0
        return sums

    def _memory(self, batch: Batch, rows: Collator) -> Any:
        checkpointing = self.settings.gradient_checkpointing
        return memory_watched(batch, rows.examples, gradient_checkpointing=checkpointing)

    # --- evaluation ---

    def _look(self, log: MetricsLog | None) -> None:
        """Evaluate, keep the best weights, and see whether it is time to stop."""
        found = self.evaluate()
        now, patience = self.standing, self.settings.patience
        is_best = now.best_loss is None or found.loss < now.best_loss
        stale = 0 if is_best else now.stale + 1
        line = {"step": found.step, "evaluation": asdict(found)}
        self.standing = now.model_copy(
            update={
                "best_loss": found.loss if is_best else now.best_loss,
                "best_step": found.step if is_best else now.best_step,
                "stale": stale,
                "stopped_early": bool(patience) and stale >= patience,
                "evaluations": (*now.evaluations, asdict(found)),
            }
        )
        if log is not None:
            log.write(line)
        if is_best and patience:
            weights = checkpoints.trained_weights(self.scorer)
            if self.is_main:
                checkpoints.save_best(self.out / BEST, weights, found.step)
            self.accelerator.wait_for_everyone()

    @torch.no_grad()
    def evaluate(self) -> Evaluation:
        """Look at the held-out examples."""
        rows = self.held_out
        plan = plan_evaluation(rows.sizes, self.settings, processes=int(self.accelerator.num_processes))
        self.model.eval()
        totals = torch.zeros(self.objective.size, device=self.accelerator.device)
        found: list[Tensor] = []
        for batch in plan.batches[self.accelerator.process_index]:
            with self._memory(batch, rows):
                found.append(self._sums(batch, rows))
                totals += found[-1]
        numbers = self.accelerator.reduce(totals, "sum").tolist()
        if not math.isfinite(sum(numbers)):
            mine = zip(plan.batches[self.accelerator.process_index], found, strict=True)
            bad = [
                rows.examples[each]
                for batch, sums in mine
                if not bool(sums.isfinite().all())
                for each in batch.examples
            ]
            raise not_finite(self.standing.step, bad or rows.examples, what="loss of held-out rows")
        weights = rows.weights.sum(0)
        counts = judged_counts(rows.targets(plan.examples), len(self.scorer.head_names))
        terms = self.objective.terms(numbers, weights)
        return Evaluation(self.standing.step, sum(terms.values()), terms, self.objective.right(numbers, counts))

    # --- the end ---

    def end(self, resumed: int) -> TrainingOutcome:
        """Take the best weights, where they were kept, and say what was done."""
        now = self.standing
        takes_best = bool(self.settings.patience) and now.best_step is not None and now.best_step != now.step
        if takes_best:
            sharded = bool(self.accelerator.is_fsdp2)
            weights = checkpoints.load_best(self.out / BEST, now.best_step) if self.is_main or not sharded else {}
            checkpoints.put_weights(self.scorer, weights)
        return TrainingOutcome(
            now.step,
            self.steps,
            resumed,
            now.stopped_early,
            now.best_step if takes_best else None,
            now.evaluations,
            now.processed_tokens,
            now.own_tokens,
            now.sequence_tokens,
            now.seconds,
        )

    def let_go(self) -> None:
        """Leave the scorer as it can be used without this run."""
        self.accelerator.unwrap_model(self.model, keep_fp32_wrapper=False)
        self.optimizer.zero_grad(set_to_none=True)
        if self.settings.gradient_checkpointing:
            _activations(self.scorer, "disable")()
        self.scorer.eval()
        self.accelerator.free_memory()


def _activations(scorer: Scorer, change: Literal["enable", "disable"]) -> Callable[..., None]:
    """What turns checkpointing of activations on or off, by the name that this version of transformers has for it."""
    names = (f"activation_checkpointing_{change}", f"gradient_checkpointing_{change}")
    found: Callable[..., None] = next(getattr(scorer.trunk, name) for name in names if hasattr(scorer.trunk, name))
    return found
