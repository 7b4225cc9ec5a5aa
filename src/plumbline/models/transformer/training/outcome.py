"""What a training run says while it runs, and at its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from plumbline.models.transformer.training.objective import Share


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands.

    Attributes:
        step, steps: done, and in all.
        loss: of the step, in nats.
        accuracy: share of the step's judgements that the scores agreed with; None where there were none.
        tokens_per_second: tokens of sequences learned from, each counted as if computed by itself.
        seconds_left: if it goes on as since this process began.
    """

    step: int
    steps: int
    loss: float
    accuracy: float | None
    tokens_per_second: float
    seconds_left: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What scores of examples are worth that were not trained on.

    Attributes:
        step: after which.
        loss: in nats, as in training.
        terms: of the loss.
        right: by head, see `Objective.right`.
    """

    step: int
    loss: float
    terms: dict[str, float]
    right: dict[str, Share]


@dataclass(frozen=True, slots=True)
class TrainingOutcome:
    """What a run did; the scorer has its weights.

    Attributes:
        steps: done in all; `planned_steps` were planned.
        resumed_step: it went on from there; 0 where it began.
        stopped_early: evaluations found no lower loss for `patience` times.
        best_step: whose weights the scorer has, where it is not the last step's.
        evaluations: in order, those before resuming too.
        processed_tokens: computed, padding included; `own_tokens` without padding; `sequence_tokens` as if each
            sequence were computed by itself.
        seconds: spent, those before resuming too.
    """

    steps: int
    planned_steps: int
    resumed_step: int
    stopped_early: bool
    best_step: int | None
    evaluations: tuple[dict[str, Any], ...]
    processed_tokens: int
    own_tokens: int
    sequence_tokens: int
    seconds: float
