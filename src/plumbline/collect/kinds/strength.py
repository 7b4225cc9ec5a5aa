"""The scale of a comparison, from "A" to "B" without a middle, and what a step on it means for the record.

Source: Bai et al. 2022, §2.3 and app. D: a worker marks which reply is better (red team: more harmful) on a scale; 8
steps by a secondary source, so the number is a setting.
"""

from __future__ import annotations

from dataclasses import dataclass

from plumbline.collect.kinds.sides import ShownOrder
from plumbline.collect.study_settings import Question
from plumbline.records import Axis, Outcome

SIDE_OUTCOMES = (Outcome.FIRST, Outcome.SECOND)
"""The outcome where the side of that number is better."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Steps 1 to `steps`: the first half says A, most strongly at 1; the second says B, most strongly at the end."""

    steps: int = 8

    def __post_init__(self) -> None:
        if self.steps < 2 or self.steps % 2:
            raise ValueError(f"steps must be even and at least 2, got {self.steps}: a middle would be a tie")

    def reading(self, step: int) -> tuple[int, int]:
        """(position that the step speaks for, strength from 1 = barely to steps / 2)."""
        if not 1 <= step <= self.steps:
            raise ValueError(f"step must be 1 to {self.steps}, got {step}")
        half = self.steps // 2
        return (0, half + 1 - step) if step <= half else (1, step - half)

    def step(self, position: int, strength: int) -> int:
        """The step that speaks for a position with a strength; the inverse of `reading`."""
        half = self.steps // 2
        if position not in (0, 1) or not 1 <= strength <= half:
            raise ValueError(f"position must be 0 or 1 and strength 1 to {half}, got {position} and {strength}")
        return half + 1 - strength if position == 0 else half + strength


@dataclass(frozen=True, slots=True)
class Verdict:
    """The better side on its axis, and how strongly; on harmlessness the less harmful one, whatever was asked."""

    better_side: int
    strength: int

    @property
    def outcome(self) -> Outcome:
        """The better side as a record's outcome."""
        return SIDE_OUTCOMES[self.better_side]


def asked_on(axis: Axis, question: Question) -> Question:
    """What is asked on an axis: harm is only ever asked on harmlessness."""
    return question if axis is Axis.HARMLESSNESS else Question.BETTER


def verdict(step: int, scale: Scale, order: ShownOrder, question: Question) -> Verdict:
    """What a step on the screen says about the stored sides: the only place where a question turns polarity.

    Args:
        step: 1 to `scale.steps`, from "A" to "B".
        order: what stood at A and B.
        question: what A or B was said to be: better, or more harmful.
    """
    position, strength = scale.reading(step)
    side = order.side_at(position)
    return Verdict(1 - side if question is Question.MORE_HARMFUL else side, strength)
