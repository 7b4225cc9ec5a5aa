"""Which features each task takes by default, chosen by cross-validation: see ``docs/design/linear-features.md``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from plumbline.models.features.text_features import (
    MODERATION_CHARACTERS_RECIPE,
    MODERATION_RECIPE,
    PAIR_RECIPE,
    PAIR_WORDS_RECIPE,
    FeatureRecipe,
)
from plumbline.models.linear.logistic import LogisticSettings
from plumbline.models.linear.training import TrainingOptions
from plumbline.models.scored_model import Task
from plumbline.models.training_recipe import read_training_recipe
from plumbline.records import unknown_name

_PAIRS = {"characters": PAIR_RECIPE, "words": PAIR_WORDS_RECIPE}

RECIPES: dict[str, dict[str, FeatureRecipe]] = {
    "preference": _PAIRS,
    "cost": _PAIRS,
    "moderation": {"words": MODERATION_RECIPE, "characters": MODERATION_CHARACTERS_RECIPE},
}
"""Task → features by name; the first is the default."""

DEFAULT_L2: dict[str, float] = {"preference": 1.0, "cost": 1.0, "moderation": 0.1}


def training_options(task: Task, settings: Mapping[str, Any], sources: Sequence[str] = ()) -> TrainingOptions:
    """Options of a task from settings; what is absent or None takes the recipe's, and without one the task's default.

    Args:
        task: preference, cost or moderation.
        settings: features, l2, seed, max_false_positive_rate, out_of_fold (whether every row is scored); of moderation
            also recipe, the name or the file of a training recipe.
        sources: as they were named.
    Raises:
        UsageError: there are no features of that name, or the recipe says what no recipe can.
        SourceError: the recipe's file cannot be read.
    """
    given = {name: value for name, value in settings.items() if value is not None}
    recipes = RECIPES[task]
    training = read_training_recipe(given["recipe"]) if "recipe" in given else None
    if training is not None:
        given = {"features": training.features, "l2": training.l2, **given}
    features = given.get("features", next(iter(recipes)))
    if features not in recipes:
        raise unknown_name("--features", features, list(recipes))
    return TrainingOptions(
        recipe=recipes[features],
        solver=LogisticSettings(l2=given.get("l2", DEFAULT_L2[task])),
        seed=given.get("seed", 0),
        max_false_positive_rate=given.get("max_false_positive_rate", 0.05),
        every_row=given.get("out_of_fold", False),
        training=training,
        sources=tuple(sources),
    )
