"""How much of something is done, or how large shares are: a bar for each, of one length when full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from plumbline.collect.pages.pictures.scales import percent, shortened


@dataclass(frozen=True, slots=True)
class Part:
    """How much of a whole: `done` of `whole`, where `whole` None means that there is no end; `says` it in words."""

    name: str
    done: float
    whole: float | None
    says: str


@dataclass(frozen=True, slots=True)
class Meter:
    """One bar.

    Attributes:
        width: of what is done, in percent; None where there is no end, and no bar.
        name, says: in words.
    """

    width: float | None
    name: str
    says: str


@dataclass(frozen=True, slots=True)
class Meters:
    """A picture of bars; see `Meter`."""

    title: str
    description: str
    meters: tuple[Meter, ...]
    shape: str = "meters"


def meters(title: str, parts: Sequence[Part]) -> Meters:
    """A bar for each part."""
    drawn = tuple(
        Meter(
            width=None if part.whole is None else percent(part.done, 0, part.whole) if part.whole else 0.0,
            name=shortened(part.name, 100),
            says=part.says,
        )
        for part in parts
    )
    description = "; ".join(f"{meter.name}: {meter.says}" for meter in drawn) + "."
    return Meters(title, description, drawn)
