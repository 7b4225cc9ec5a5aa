"""Recipes: which records a curation takes and which rules it applies, in order; named, versioned, in TOML.

name = "hh-clean"
version = 1
title = "Preference pairs without duplicates, leaks and personal data"
takes = ["comparisons"]

[[rule]]
name = "leakage"
threshold = 0.8
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, field_validator

from plumbline.curate.recipe_steps import MASKING, OWN_RECIPE, Step, refuse_fights, refuse_idle, toml_value
from plumbline.curate.rules import RULES
from plumbline.lineage import json_digest
from plumbline.records import Kind, UsageError
from plumbline.records.setting_words import NAME_PATTERN, expected_of, found_of, shortened
from plumbline.records.strict_toml import Model, first_fault, parse_toml, recipe_text, shipped_toml, validated

DEFAULT = "clean"
_SHOWN = 200
"""Characters of what a file says that an error shows at most."""
_NAME_LENGTH, _TITLE_LENGTH = 100, 500


class _Head(BaseModel):
    """What a recipe says beside its rules."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=NAME_PATTERN)
    version: int = Field(ge=1, le=1_000_000)
    title: str = Field("", max_length=_TITLE_LENGTH)
    takes: tuple[Kind, ...] = Field(tuple(Kind), min_length=1)
    rule: list[dict[str, Any]] = Field(min_length=1)

    @field_validator("takes")
    @classmethod
    def _in_one_order(cls, takes: tuple[Kind, ...]) -> tuple[Kind, ...]:
        return tuple(kind for kind in Kind if kind in takes)


@dataclass(frozen=True)
class Recipe:
    """Rules in order.

    Attributes:
        name, version: as it is called; a change of what it does is a new version.
        title: one line for people.
        takes: kinds of record; others of the source are left out, and counted.
        steps: the rules with their settings.
    """

    name: str
    version: int
    title: str
    takes: tuple[Kind, ...]
    steps: tuple[Step, ...]

    def to_json(self) -> dict[str, JsonValue]:
        """Resolved: every setting, those left at their defaults too."""
        takes: list[JsonValue] = [kind.value for kind in self.takes]
        rules: list[JsonValue] = [step.to_json() for step in self.steps]
        return {"name": self.name, "version": self.version, "title": self.title, "takes": takes, "rule": rules}

    @property
    def digest(self) -> str:
        """SHA-256 of all that decides what it does."""
        return json_digest(self.to_json())

    def to_toml(self) -> str:
        """The recipe as a file that `read_recipe` reads, every setting written out."""
        lines = [
            f"name = {toml_value(self.name)}",
            f"version = {self.version}",
            f"title = {toml_value(self.title)}",
            f"takes = {toml_value([kind.value for kind in self.takes])}",
        ]
        for step in self.steps:
            settings = {key: value for key, value in step.to_json().items() if key != "version" and value is not None}
            lines += ["", "[[rule]]", *(f"{key} = {toml_value(value)}" for key, value in settings.items())]
        return "\n".join(lines) + "\n"


def shipped_recipes() -> list[str]:
    """The names of the recipes that come along."""
    return list(_shipped())


def _shipped() -> dict[str, str]:
    return shipped_toml("plumbline.curate", "recipes")


def read_recipe(name: str) -> Recipe:
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
        called="recipe",
        unknown="PL-RCP-001",
        unreadable="PL-RCP-002",
        how_to="docs/how-to/curate.md",
    )
    return parse_recipe(text, name)


def parse_recipe(text: str, place: str) -> Recipe:
    """A recipe from TOML.

    Args:
        text: of the file.
        place: its name, for errors.
    Raises:
        UsageError: it is no TOML, or has an unknown key, name or value; it says which, and what is near.
    """
    try:
        values = parse_toml(text)
    except ValueError as error:
        raise UsageError(
            "PL-RCP-003", place, "this is no TOML", found=str(error)[:_SHOWN], advice="mend the line named"
        ) from error
    head = _validated(_Head, values, place)
    steps = tuple(_step(table, f"{place}, rule {number}") for number, table in enumerate(head.rule, 1))
    refuse_fights(steps, [place] * len(steps))
    refuse_idle(steps, head.takes, place)
    return Recipe(head.name, head.version, head.title, head.takes, steps)


def combined_recipes(recipes: Sequence[Recipe]) -> Recipe:
    """Several recipes as one: the rules of the first, then what the others have beside them.

    Raises:
        UsageError: two of them want something else of one rule, or take other kinds of record.
    """
    first, *others = recipes
    if not others:
        return first
    _refuse_other_kinds(recipes)
    steps, places = list(first.steps), [first.name] * len(first.steps)
    for recipe in others:
        for step in recipe.steps:
            if step not in steps:
                steps.append(step)
                places.append(recipe.name)
    # Masked first, whichever recipe asks for it: ids, duplicates and leaks are those of what is written.
    order = sorted(range(len(steps)), key=lambda number: steps[number].rule.name != MASKING)
    steps, places = [steps[number] for number in order], [places[number] for number in order]
    refuse_fights(steps, places)
    title = "; ".join(recipe.title for recipe in recipes if recipe.title)[:_TITLE_LENGTH]
    name = "+".join(recipe.name for recipe in recipes)[:_NAME_LENGTH]
    return Recipe(name, max(recipe.version for recipe in recipes), title, first.takes, tuple(steps))


def _step(table: Mapping[str, Any], place: str) -> Step:
    name = table.get("name")
    rule = RULES.get(name) if isinstance(name, str) else None
    if rule is None:
        near = get_close_matches(str(name), RULES, n=1)
        raise UsageError(
            "PL-RCP-004",
            place,
            "there is no such rule" if name is not None else "it does not say which rule it is",
            expected=f"name = one of {', '.join(RULES)}",
            found="" if name is None else str(name)[:60],
            advice=f'name = "{near[0]}"' if near else "docs/how-to/curate.md says what each does",
        )
    settings = {key: value for key, value in table.items() if key != "name"}
    return Step(rule, _validated(rule.settings, settings, f"{place} ({name})"))


def _validated(model: type[Model], values: dict[str, Any], place: str) -> Model:
    try:
        return validated(model, values)
    except ValidationError as error:
        first = first_fault(error)
        if first["type"] == "extra_forbidden":
            raise _unknown_key(model, str(first["loc"][-1]), place) from error
        where = _place_of(first["loc"])
        of_rules = first["loc"][:1] == ("rule",)
        raise UsageError(
            "PL-RCP-006",
            place,
            f"{where} is missing" if first["type"] == "missing" else f"{where} is not as it must be",
            expected="[[rule]] with a name, once for each rule" if of_rules else expected_of(first),
            found=found_of(first),
            advice=f"mend {where}; docs/how-to/curate.md says what each setting means",
        ) from error


def _place_of(location: Sequence[int | str]) -> str:
    """Where in a table: ``keep``, ``value 2 of keep``, ``train in shares``."""
    name, *inner = location or ("the rule",)
    for step in inner:
        name = f"value {step + 1} of {name}" if isinstance(step, int) else f"{shortened(str(step))} in {name}"
    return str(name)


def _unknown_key(model: type[BaseModel], key: str, place: str) -> UsageError:
    known = {f"[[{name}]]" if name == "rule" else name: name for name in model.model_fields}
    near = get_close_matches(key, known.values(), n=1)
    shown = [written for written, name in known.items() if name in near]
    advice = f"{shown[0]} in its place" if shown else "leave it out"
    if not shown and model is not _Head and key in _Head.model_fields:
        advice = "move it above the first [[rule]]: it says something of the whole recipe"
    return UsageError(
        "PL-RCP-005",
        place,
        f'unknown key "{key[:_SHOWN]}"',
        expected=f"one of {', '.join(known)}" if known else "no settings: this rule has none",
        advice=advice,
    )


def _refuse_other_kinds(recipes: Sequence[Recipe]) -> None:
    """Refuse recipes that take different kinds of record.

    Raises:
        UsageError: they do; it says which takes what.
    """
    if len({recipe.takes for recipe in recipes}) > 1:
        raise UsageError(
            "PL-RCP-007",
            " and ".join(dict.fromkeys(recipe.name for recipe in recipes)),
            "the recipes take different kinds of record",
            expected="the same takes = […] in all that are put together",
            found="; ".join(f"{recipe.name} takes {', '.join(recipe.takes)}" for recipe in recipes),
            advice=OWN_RECIPE,
        )
