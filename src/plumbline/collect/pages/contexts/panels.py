"""A picture with what is said about it and its table: the piece that manager's pages are made of."""

from __future__ import annotations

from dataclasses import dataclass

from plumbline.collect.pages.pictures.bars import Bars
from plumbline.collect.pages.pictures.lines import Line
from plumbline.collect.pages.pictures.matrix import Matrix
from plumbline.collect.pages.pictures.meters import Meters
from plumbline.collect.pages.pictures.points import Points
from plumbline.collect.pages.pictures.tables import Table

Picture = Bars | Line | Points | Matrix | Meters


@dataclass(frozen=True, slots=True)
class Panel:
    """A picture, in words too.

    Attributes:
        name: of letters, digits and hyphens; names the panel within its page, and its table in addresses.
        heading: what it is about.
        says: what is shown, and of how many.
        picture: None where there is nothing to draw yet.
        why_none: why there is no picture; empty where there is one.
        table: the same values, and those that the picture leaves out.
        notes: what to keep in mind.
        wide: whether it wants the whole width.
    """

    name: str
    heading: str
    says: str
    picture: Picture | None
    why_none: str
    table: Table
    notes: tuple[str, ...] = ()
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """Panels about one subject.

    Attributes:
        name: of letters, digits and hyphens.
        heading: what it is about.
        panels: its figures.
        says: the main one in a few words, for who does not open it; empty where there is none.
        is_open: whether it is shown open; None where it cannot be folded.
    """

    name: str
    heading: str
    panels: tuple[Panel, ...]
    says: str = ""
    is_open: bool | None = None
