"""Training recipes: how a model is trained for a purpose; named, versioned, in TOML.

name = "transfer"
version = 1
task = "moderation"
balance = true
bare_share = 0.5

Not curation's recipes, which say what stays in the data (`plumbline curate`); these remove nothing.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from plumbline.lineage import json_digest
from plumbline.records import UsageError
from plumbline.records.setting_words import NAME_PATTERN, expected_of, found_of
from plumbline.records.strict_toml import first_fault, parse_toml, recipe_text, shipped_toml, validated

_SHOWN = 60
"""Characters of what a file says that an error shows at most."""
_HOW_TO = "docs/how-to/train-moderation.md"


class TrainingRecipe(BaseModel):
    """How a moderation model is trained, beyond one row one vote.

    Attributes:
        name, version: as it is called; a change of what it does is a new version.
        title: one line for people.
        task: what it trains.
        features: by name, as ``--features``.
        l2: as ``--l2``.
        balance: whether safe and unsafe, and in each of the two every source, count the same.
        most_weight: what a row may weigh at most for that; 1 is the weight of a row where all count the same.
        bare_share: the share of each row's weight that it has without its prompt; 0 trains with prompts alone.
        threshold_for_each_part: whether at most the wanted share of safe rows is flagged in *every* source, with and without
            the prompt, and not over all of them together.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=NAME_PATTERN)
    version: int = Field(ge=1, le=1_000_000)
    title: str = Field("", max_length=500)
    task: Literal["moderation"]
    features: Literal["words", "characters"] = "words"
    l2: float = Field(0.1, ge=1e-6, allow_inf_nan=False)
    balance: bool = False
    most_weight: float = Field(4.0, ge=1.0, le=1000.0)
    bare_share: float = Field(0.0, ge=0.0, le=0.9)
    threshold_for_each_part: bool = False

    def to_json(self) -> dict[str, JsonValue]:
        """Every setting, those left at their defaults too, and the digest of them."""
        return {**self.model_dump(mode="json"), "digest": self.digest}

    @property
    def digest(self) -> str:
        """SHA-256 of all that decides what it does."""
        return json_digest(self.model_dump(mode="json"))


def shipped_recipes() -> list[str]:
    """The names of the recipes that come along."""
    return list(_shipped())


def _shipped() -> dict[str, str]:
    return shipped_toml("plumbline.models", "training_recipes")


def read_training_recipe(name: str) -> TrainingRecipe:
    """A recipe by its name, or of a file.

    Args:
        name: of one that comes along, or a path that ends in .toml.
    Raises:
        UsageError: there is no such recipe, or it says what no recipe can.
        SourceError: the file cannot be read.
    """
    text = recipe_text(
        name,
        _shipped(),
        called="training recipe",
        unknown="PL-TRP-001",
        unreadable="PL-TRP-002",
        how_to=_HOW_TO,
    )
    return parse_training_recipe(text, name)


def parse_training_recipe(text: str, place: str) -> TrainingRecipe:
    """A recipe from TOML.

    Args:
        text: of the file.
        place: its name, for errors.
    Raises:
        UsageError: it is no TOML, or has an unknown key or a value that a setting cannot have.
    """
    try:
        return validated(TrainingRecipe, parse_toml(text))
    except ValidationError as error:
        raise _refused(error, place) from error
    except ValueError as error:
        raise UsageError(
            "PL-TRP-003", place, "this is no TOML", found=str(error)[:_SHOWN], advice="mend the line named"
        ) from error


def _refused(error: ValidationError, place: str) -> UsageError:
    first = first_fault(error)
    key = str(first["loc"][0])[:_SHOWN]
    if first["type"] == "extra_forbidden":
        near = get_close_matches(key, TrainingRecipe.model_fields, n=1)
        return UsageError(
            "PL-TRP-004",
            place,
            f'unknown key "{key}"',
            expected=f"one of {', '.join(TrainingRecipe.model_fields)}",
            advice=f"{near[0]} in its place" if near else "leave it out",
        )
    return UsageError(
        "PL-TRP-005",
        place,
        f"{key} is missing" if first["type"] == "missing" else f"{key} is not as it must be",
        expected=expected_of(first),
        found=found_of(first),
        advice=f"mend {key}; {_HOW_TO} says what each setting means",
    )
