"""What the heads on a trunk are called, by what they were trained for."""

from __future__ import annotations

from collections.abc import Sequence

from plumbline.models.scored_model import UNSAFE
from plumbline.models.transformer.examples.goals import Goal
from plumbline.records import Axis

COST = "cost"
CATEGORY = "category:"


def reward_head(axis: Axis) -> str:
    """The name of an axis's head."""
    return f"reward:{axis}"


def category_head(category: str) -> str:
    """The name of a category's head."""
    return f"{CATEGORY}{category}"


def head_names(goals: Sequence[Goal]) -> tuple[str, ...]:
    """The heads that the goals of a training need, in the order of their numbers: rewards, the cost, labels."""
    names = [reward_head(goal.axis) for goal in goals if goal.axis is not None]
    if any(goal.task == "cost" for goal in goals):
        names.append(COST)
    for goal in goals:
        if goal.task == "moderation" and goal.rows.labels is not None:
            names += [UNSAFE, *(category_head(name) for name in sorted(goal.rows.labels.categories))]
    return tuple(names)
