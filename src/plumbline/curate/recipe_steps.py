"""Steps of recipes, and which cannot stand together: rules that undo each other, or take away what others count."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from plumbline.curate.rules import Rule, RuleSettings
from plumbline.curate.rules.balance import Balance
from plumbline.curate.rules.conflicts import Conflicts
from plumbline.records import Kind, UsageError

MASKING = "personal-data"
"""The rule that stands first."""
OWN_RECIPE = (
    "write a recipe of your own with the rules as you want them; plumbline curate --recipe NAME --show-recipe prints one to "
    "begin with"
)
"""What to do where recipes fight."""
_SHOWN = 200
"""Characters of a setting that an error shows at most."""


@dataclass(frozen=True)
class Step:
    """One rule with its settings."""

    rule: Rule
    settings: RuleSettings

    @property
    def title(self) -> str:
        """One line for people."""
        return self.rule.title(self.settings)

    def to_json(self) -> dict[str, JsonValue]:
        """Everything that decides what the step does."""
        return {"name": self.rule.name, "version": self.rule.version, **self.settings.model_dump(mode="json")}


def toml_value(value: JsonValue) -> str:
    """A value in TOML; its strings and lists are written as JSON's are."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{toml_value(key)} = {toml_value(inner)}" for key, inner in value.items()) + " }"
    # TOML knows no surrogates, which JSON would write in ASCII, and no DEL as it is.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


_REPEATABLE = ("balance", "lengths", "findings", "keep-axis")
"""Rules that may stand several times, for they narrow down what is there from different sides."""


def refuse_fights(steps: Sequence[Step], places: Sequence[str]) -> None:
    """Refuse rules that undo each other, personal data masked after ids were compared, votes dropped before the count.

    Raises:
        UsageError: they do.
    """
    seen: dict[str, int] = {}
    apart: list[tuple[int, int]] = []
    for number, step in enumerate(steps):
        name = step.rule.name
        if name in seen and places[seen[name]] == places[number] and steps[seen[name]] == step:
            raise _twice(places[number], name, seen[name] + 1, number + 1)
        if name in seen and name not in _REPEATABLE:
            apart.append((seen[name], number))
        seen.setdefault(name, number)
    if apart:
        raise _fighting_rules(steps, places, apart)
    if MASKING in seen and seen[MASKING] != 0:
        raise UsageError(
            "PL-RCP-008",
            places[seen[MASKING]],
            f"{MASKING} must be the first rule",
            expected="masked before anything is compared: two records may differ in what is masked alone",
            found=f"rule {seen[MASKING] + 1}",
            advice="move it to the top",
        )
    _refuse_lost_votes(steps, places, seen)


_VOTES_LOST = (
    (
        "exact-duplicates",
        "aggregate",
        "where nobody says who judged, equal judgements of two people are one record twice",
    ),
    (
        "exact-duplicates",
        "conflicts",
        "where nobody says who judged, equal judgements of two people are one record twice",
    ),
    ("conflicts", "aggregate", "the votes of a minority are votes"),
)
"""Rules that take judgements away before others count them; `conflicts` does so, and counts, by majority alone."""


def _refuse_lost_votes(steps: Sequence[Step], places: Sequence[str], seen: Mapping[str, int]) -> None:
    """Refuse a rule that takes judgements away before another counts them."""
    settings = {name: steps[number].settings for name, number in seen.items()}
    counting = {name for name, said in settings.items() if not isinstance(said, Conflicts) or said.action == "majority"}
    for taker, counter, why in _VOTES_LOST:
        if {taker, counter} <= counting and seen[taker] < seen[counter]:
            raise UsageError(
                "PL-RCP-009",
                places[seen[taker]],
                f"{taker} would take judgements away before {counter} counts them",
                expected=f"{counter} first: {why}",
                found=f"rules {seen[taker] + 1} and {seen[counter] + 1}",
                advice=f"move {counter} in front of {taker}, or leave {taker} out",
            )


def refuse_idle(steps: Sequence[Step], takes: Sequence[Kind], place: str) -> None:
    """Refuse a rule that none of the records taken could concern.

    Raises:
        UsageError: there is one.
    """
    for number, step in enumerate(steps, 1):
        if isinstance(step.settings, Balance) and step.settings.by == "verdict" and Kind.SAFETY_LABELS not in takes:
            raise UsageError(
                "PL-RCP-010",
                f"{place}, rule {number} (balance)",
                "it concerns no record that the recipe takes",
                expected="safety labels: which side of a pair stands first is arbitrary, so that there is nothing to even out",
                found=", ".join(takes),
                advice='leave it out, or balance by "axis", "subset" or "worker"',
            )


def _twice(place: str, name: str, first: int, second: int) -> UsageError:
    return UsageError(
        "PL-RCP-007",
        place,
        f"the rule {name} stands twice, word for word",
        expected="each rule once",
        found=f"rules {first} and {second}",
        advice="leave one of them out",
    )


def _fighting_rules(steps: Sequence[Step], places: Sequence[str], apart: Sequence[tuple[int, int]]) -> UsageError:
    """Rules, by the numbers of two steps each, of which different things are wanted: every setting with both values."""
    first, second = (places[number] for number in apart[0])
    several = first != second
    told = []
    for one, other in apart:
        wishes = [steps[number].settings.model_dump(mode="json") for number in (one, other)]
        where = [places[number] if several else f"rule {number + 1}" for number in (one, other)]
        for setting in wishes[0]:
            values = [wish[setting] for wish in wishes]
            if values[0] != values[1]:
                said = " and ".join(f"{_short(value)} in {place}" for value, place in zip(values, where, strict=True))
                told.append(f"{steps[one].rule.name}, {setting}: {said}")
    names = ", ".join(dict.fromkeys(steps[one].rule.name for one, _ in apart))
    wanted_of = f"want different things of the rule{'s' if ', ' in names else ''} {names}"
    return UsageError(
        "PL-RCP-007",
        " and ".join(dict.fromkeys(places[number] for pair in apart for number in pair)),
        f"the recipes {wanted_of}" if several else f"its rules {wanted_of}",
        expected="one wish for each rule",
        found="; ".join(told),
        advice=OWN_RECIPE,
    )


def _short(value: JsonValue) -> str:
    text = "none" if value is None else toml_value(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
