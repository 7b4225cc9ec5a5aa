"""Training recipes: how a model is trained for a purpose; named, versioned, in TOML.

name = "transfer"
version = 1
task = "moderation"
balance = true
bare_share = 0.5

Not curation's recipes, which say what stays in the data (`plumbline curate`); these remove nothing.
"""

from __future__ import annotations

import json
import tomllib
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from plumbline.lineage import json_digest
from plumbline.records import SourceError, UsageError

_MOST_BYTES = 1 << 16
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

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.+-]{0,99}$")
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
    folder = resources.files("plumbline.models") / "training_recipes"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def read_training_recipe(name: str) -> TrainingRecipe:
    """A recipe by its name, or of a file.

    Args:
        name: of one that comes along, or a path that ends in .toml.
    Raises:
        UsageError: there is no such recipe, or it says what no recipe can.
        SourceError: the file cannot be read.
    """
    if name in shipped_recipes():
        text = (resources.files("plumbline.models") / "training_recipes" / f"{name}.toml").read_text(encoding="utf-8")
        return parse_training_recipe(text, name)
    path = Path(name)
    if path.suffix != ".toml":
        near = get_close_matches(name, shipped_recipes(), n=1)
        raise UsageError(
            "PL-TRP-001",
            "recipe (--recipe)",
            f'there is no training recipe "{name[:_SHOWN]}"',
            expected=f"one of {', '.join(shipped_recipes())}, or a file that ends in .toml",
            advice=f"--recipe {near[0]}" if near else "--recipe with one of these",
        )
    try:
        content = path.read_bytes()
        if len(content) > _MOST_BYTES:
            raise _unreadable(name, f"{len(content):,} bytes")
        return parse_training_recipe(content.decode(), name)
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(name, getattr(error, "strerror", None) or type(error).__name__) from error


def parse_training_recipe(text: str, place: str) -> TrainingRecipe:
    """A recipe from TOML.

    Args:
        text: of the file.
        place: its name, for errors.
    Raises:
        UsageError: it is no TOML, or has an unknown key or a value that a setting cannot have.
    """
    try:
        values = tomllib.loads(text)
        # As JSON, whose strict reading takes no text for a number and no number for a bool. No setting is a date.
        return TrainingRecipe.model_validate_json(json.dumps(values, default=lambda _: {}), strict=True)
    except ValidationError as error:
        raise _refused(error, place) from error
    except (ValueError, RecursionError) as error:
        raise UsageError(
            "PL-TRP-003", place, "this is no TOML", found=str(error)[:_SHOWN], advice="mend the line named"
        ) from error


def _unreadable(name: str, found: str) -> SourceError:
    return SourceError(
        "PL-TRP-002",
        name,
        "the training recipe cannot be read",
        expected=f"a TOML file in UTF-8 of at most {_MOST_BYTES:,} bytes",
        found=found,
        advice=f"check the path; {_HOW_TO} shows what a recipe looks like",
    )


def _refused(error: ValidationError, place: str) -> UsageError:
    """What the recipe says that it cannot: the first key that nobody knows, since it may be why another is missing."""
    errors: list[Any] = error.errors(include_url=False)
    first = next((each for each in errors if each["type"] == "extra_forbidden"), errors[0])
    key = str(first["loc"][0] if first["loc"] else "the recipe")[:_SHOWN]
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
        expected=str(first["msg"]),
        advice=f"mend {key}; {_HOW_TO} says what each setting means",
    )
