"""A run of PPO steps that can be stopped at any moment: the order of prompts, checkpoints, what is watched.

Which prompts a step takes, and with which seeds their replies are drawn, follows from the run's seed and the step's number alone,
however many processes share them. A checkpoint holds what is trained, the optimizer, the multiplier with its window of costs, and how
often the held-out preference was asked; a run that goes on from it takes the path it would have taken.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, fields
from itertools import islice
from pathlib import Path
from typing import Any

from accelerate.utils import set_seed
from pydantic import BaseModel, ConfigDict

from plumbline.align.checkpointing import CHECKPOINTS, figures_so_far, keep, take_up
from plumbline.align.demonstrations import Demonstration, TextBatch, endless_batches, endless_places, text_batch
from plumbline.align.lagrangian import Lagrangian, LagrangianState
from plumbline.align.ppo.alarms import Alarm, AlarmSettings, alarms_of
from plumbline.align.ppo.held_out_preference import HeldOutPreference
from plumbline.align.ppo.ppo_lag import PpoLag, StepFigures
from plumbline.align.processes import loss_of_others_told, together, with_processes
from plumbline.models.transformer.training.metrics import MetricsLog
from plumbline.models.transformer.training.run_identity import RunIdentity
from plumbline.records import ModelError, UsageError
from plumbline.sources import derived_seed


@dataclass(frozen=True, slots=True)
class RunSettings:
    """How long a run is, and how often it is kept and watched.

    Attributes:
        steps: of the run.
        replies: a step, over all processes.
        texts: other texts a gradient step, on each process; 0 for none.
        checkpoint_every, look_every: steps.
        seed: of prompts, replies and dropout.
    """

    steps: int = 100
    replies: int = 64
    texts: int = 0
    checkpoint_every: int = 10
    look_every: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            UsageError: PL-PPO-004, one is out of its range.
        """
        wrong = [name for name in ("steps", "replies", "checkpoint_every", "look_every") if getattr(self, name) < 1]
        wrong += [name for name in ("texts", "seed") if getattr(self, name) < 0]
        if wrong:
            raise UsageError(
                "PL-PPO-004",
                "the run",
                "a setting is out of its range",
                expected="at least 1 step and reply, checkpoints and looks at least a step apart; texts and seed at least 0",
                found=", ".join(f"{name} = {getattr(self, name)}" for name in wrong),
                advice="mend the setting",
            )


@dataclass(frozen=True)
class Task:
    """What a policy is aligned on.

    Attributes:
        prompts: tokens; at least one.
        texts: other texts, whose likelihood keeps it from forgetting; may be none.
        held_out: who watches; None for nobody.
    """

    prompts: Sequence[Sequence[int]]
    texts: Sequence[Demonstration] = ()
    held_out: HeldOutPreference | None = None


@dataclass(frozen=True)
class Progress:
    """Where a run is.

    Attributes:
        step, steps: done, of how many.
        figures: of the step.
    """

    step: int
    steps: int
    figures: StepFigures


@dataclass(frozen=True)
class Outcome:
    """What a run came to.

    Attributes:
        figures: of each step.
        held_out: step → how often the held-out model preferred the policy's reply.
        held_out_verdicts: of its last look, one a prompt, see `HeldOutPreference.verdicts`; None where it never looked.
        alarms: by kind, as they were told first, with the step.
        resumed: the step that the run went on from; 0 for a new one.
        tokens: of replies that were learnt from.
        seconds: of all its parts.
    """

    figures: tuple[StepFigures, ...]
    held_out: dict[int, float]
    held_out_verdicts: list[float] | None
    alarms: dict[str, tuple[int, str]]
    resumed: int
    tokens: int
    seconds: float


class _Standing(BaseModel):
    """Where a run stands."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    step: int = 0
    lagrangian: LagrangianState | None = None
    held_out: dict[int, float] = {}
    held_out_reference: list[float] = []
    held_out_verdicts: list[float] | None = None
    alarms: dict[str, tuple[int, str]] = {}
    tokens: int = 0
    seconds: float = 0.0


def run_ppo(
    learner: PpoLag,
    task: Task,
    settings: RunSettings,
    identity: RunIdentity,
    out: Path,
    *,
    watched: AlarmSettings | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
    alarm: Callable[[int, Alarm], None] = lambda _step, _alarm: None,
) -> Outcome:
    """Take the steps; go on from the last checkpoint in `out`, where there is one.

    Args:
        learner: policy, scorer and multiplier, as at the start of the run.
        identity: what the run learns, and from what; a checkpoint of another is refused.
        out: of the run, not of the policy: gets ``metrics.jsonl`` and ``checkpoints/``.
        progress: told after each step, on the first process.
        alarm: told of each kind of alarm once, when it comes up first.
    Raises:
        UsageError: PL-PPO-005, the replies of a step cannot be dealt evenly to the processes.
        ModelError: a score or a gradient is not finite, see `PpoLag.step`; the checkpoint is damaged, or of another run or number of
            processes; or another process failed (PL-ALN-002).
        WriteError: a checkpoint could not be written; the one before it stands.
    """
    with loss_of_others_told(learner.accelerator):
        return _Run(learner, task, settings, identity, out, watched or AlarmSettings()).go(progress, alarm)


def prompts_of_step(count: int, settings: RunSettings, step: int) -> tuple[list[int], list[int]]:
    """Numbers of the prompts of a step, and the seeds of their replies.

    Each prompt comes once before any comes again.

    Args:
        count: of prompts.
        step: from 0.
    """
    places = endless_places(count, seed=settings.seed, start=step * settings.replies)
    seeds = [derived_seed(settings.seed, "reply", step, row) for row in range(settings.replies)]
    return list(islice(places, settings.replies)), seeds


class _Run:
    """A run: what learns, from what, and where it stands."""

    def __init__(
        self,
        learner: PpoLag,
        task: Task,
        settings: RunSettings,
        identity: RunIdentity,
        out: Path,
        watched: AlarmSettings,
    ) -> None:
        self.learner, self.task, self.settings = learner, task, settings
        self.identity = with_processes(identity, learner.accelerator)
        self.out, self.watched = out, watched
        self.processes, self.mine = learner.accelerator.num_processes, learner.accelerator.process_index
        self.standing = _Standing()
        self.figures: list[StepFigures] = []
        if settings.replies % self.processes:
            raise UsageError(
                "PL-PPO-005",
                "the run",
                "the replies of a step cannot be dealt evenly to the processes",
                expected=f"a multiple of {self.processes} replies a step",
                found=f"{settings.replies}",
                advice="change the number of replies, or of processes",
            )

    @property
    def is_main(self) -> bool:
        """Whether this process writes."""
        return bool(self.learner.accelerator.is_main_process)

    def go(self, progress: Callable[[Progress], None], alarm: Callable[[int, Alarm], None]) -> Outcome:
        """From where the run stands to its end."""
        set_seed(self.settings.seed, device_specific=True)
        resumed = self._resume()
        texts = self._texts(resumed)
        with self._log(resumed) as log:
            self._begin(resumed)
            spent, began = self.standing.seconds, time.perf_counter()
            for number in range(resumed, self.settings.steps):
                self._take(number, texts, log, alarm)
                self._stands(seconds=spent + time.perf_counter() - began)
                if self.is_main:
                    progress(Progress(number + 1, self.settings.steps, self.figures[-1]))
                if self._is_due(self.settings.checkpoint_every):
                    self._save()
        now = self.standing
        figures = tuple(self.figures)
        return Outcome(figures, now.held_out, now.held_out_verdicts, now.alarms, resumed, now.tokens, now.seconds)

    def _log(self, resumed: int) -> AbstractContextManager[MetricsLog | None]:
        """Where figures go, behind those up to the last checkpoint; to nothing in processes that do not write."""
        with together(self.learner.accelerator):
            if self.is_main and resumed:
                names = [each.name for each in fields(StepFigures)]
                told = figures_so_far(self.out, resumed, names)
                self.figures = [StepFigures(**{name: line[name] for name in names}) for line in told]
            return MetricsLog(self.out, after_step=resumed) if self.is_main else nullcontext()

    def _begin(self, resumed: int) -> None:
        """At the start the held-out model reads what the reference says."""
        with together(self.learner.accelerator):
            if self.is_main and not resumed and self.task.held_out is not None:
                self._stands(held_out_reference=self.task.held_out.reference_scores(self.learner.policy))

    def _take(
        self,
        number: int,
        texts: Iterator[TextBatch] | None,
        log: MetricsLog | None,
        alarm: Callable[[int, Alarm], None],
    ) -> None:
        """One step, and all that is written and told of it."""
        numbers, seeds = prompts_of_step(len(self.task.prompts), self.settings, number)
        numbers, seeds = numbers[self.mine :: self.processes], seeds[self.mine :: self.processes]
        began = time.perf_counter()
        found = self.learner.step(numbers, [self.task.prompts[each] for each in numbers], seeds, texts)
        seconds = time.perf_counter() - began
        self.figures.append(found)
        tokens = round(found.length * self.settings.replies)
        self._stands(step=number + 1, tokens=self.standing.tokens + tokens)
        with together(self.learner.accelerator):
            if log is not None:
                looked = self._look(number + 1)
                log.write({"step": number + 1, **asdict(found), "tokens_per_second": tokens / seconds, **looked})
                self._tell_alarms(number + 1, alarm)

    def _look(self, step: int) -> dict[str, float]:
        """What the held-out model says, where it is due."""
        if self.task.held_out is None or not self._is_due(self.settings.look_every):
            return {}
        verdicts = self.task.held_out.verdicts(self.learner.policy, self.standing.held_out_reference)
        share = sum(verdicts) / len(verdicts)
        self._stands(held_out={**self.standing.held_out, step: share}, held_out_verdicts=verdicts)
        return {"held_out_preference": share}

    def _tell_alarms(self, step: int, alarm: Callable[[int, Alarm], None]) -> None:
        price = None if self.learner.lagrangian is None else self.learner.lagrangian.settings
        found = alarms_of(
            self.figures,
            self.watched,
            held_out=list(self.standing.held_out.values()),
            most_multiplier=None if price is None else price.most,
            cost_limit=math.inf if price is None else price.cost_limit,
        )
        for each in found:
            if each.kind not in self.standing.alarms:
                self._stands(alarms={**self.standing.alarms, each.kind: (step, each.told)})
                alarm(step, each)

    def _stands(self, **changes: Any) -> None:
        self.standing = self.standing.model_copy(update=changes)

    def _is_due(self, every: int) -> bool:
        return self.standing.step == self.settings.steps or self.standing.step % every == 0

    def _texts(self, steps_done: int) -> Iterator[TextBatch] | None:
        """This process's share of other texts, from where the run stands."""
        if not self.settings.texts or not self.task.texts:
            return None
        how, padding = self.learner.settings, self.learner.padding_id
        a_step = how.epochs * -(-self.settings.replies // self.processes // how.minibatch)
        mine = self.task.texts[self.mine :: self.processes] or self.task.texts
        start = a_step * steps_done
        batches = endless_batches(mine, self.settings.texts, seed=self.settings.seed, start=start)
        return (text_batch(rows, padding) for rows in batches)

    # --- checkpoints ---

    def _resume(self) -> int:
        learner = self.learner
        stood = take_up(learner.accelerator, learner.policy, learner.optimizer, self.out, self.identity, _Standing)
        if stood is None:
            return 0
        self.standing, price = stood, learner.lagrangian
        if (price is None) is not (stood.lagrangian is None):
            raise _without_price(self.out / CHECKPOINTS, is_kept=stood.lagrangian is not None)
        if price is not None and stood.lagrangian is not None:
            learner.lagrangian = Lagrangian.resumed(price.settings, stood.lagrangian)
        return stood.step

    def _save(self) -> None:
        learner, lagrangian = self.learner, self.learner.lagrangian
        self._stands(lagrangian=None if lagrangian is None else lagrangian.state())
        keep(learner.accelerator, learner.policy, learner.optimizer, self.out, self.identity, self.standing)


def _without_price(place: Path, *, is_kept: bool) -> ModelError:
    return ModelError(
        "PL-FIT-004",
        str(place),
        "the last checkpoint does not fit the run: one of them has a λ, the other none",
        expected="λ where the run has one, and none with --plain",
        found="λ" if is_kept else "none",
        advice="remove the folder of the last step to go on from the one before it, or start anew with --restart",
    )
