"""Curations as the page tells them from each other."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from plumbline.report.curation.notes import Curation
from plumbline.report.inputs import Found, ReportInputs
from plumbline.report.layout import Card
from plumbline.report.pictures.drawing import Caption, Picture


@dataclass(frozen=True)
class Curated:
    """A curation under a name that no other of the page has; `key` begins the ids of its pictures.

    `also` names the other folders with the same summary: releases take it over from what they were made of.
    """

    key: str
    name: str
    found: Found[Curation]
    also: tuple[str, ...] = ()

    @property
    def curation(self) -> Curation:
        """What was found."""
        return self.found.content

    def caption(self, kind: str, title: str, reading: str) -> Caption:
        """What a picture of it is called; `kind` tells its pictures apart and may become part of an id."""
        return Caption(f"{self.key}-{kind}", f"{title}, {self.name}", reading, self.curation.synthetic)

    def card(self, heading: str, reading: str, picture: Picture | None = None) -> Card:
        """A card about a part of it, with its mark."""
        return Card(f"{self.name}: {heading}", reading, self.curation.synthetic, picture)


def curated_of(inputs: ReportInputs) -> tuple[Curated, ...]:
    """The curations under names that tell them apart; what a release took over from one is shown once."""
    once = {found.sha256: found for found in reversed(inputs.curations)}
    distinct = [found for found in inputs.curations if once[found.sha256] is found]
    names = [f"{found.content.name} ({found.content.notes.recipe.name})" for found in distinct]
    totals, seen, curated = Counter(names), Counter[str](), []
    for position, (name, found) in enumerate(zip(names, distinct, strict=True)):
        seen[name] += 1
        told = name if totals[name] == 1 else f"{name} ({seen[name]})"
        same = (each for each in inputs.curations if each.sha256 == found.sha256 and each is not found)
        curated.append(Curated(f"c{position}", told, found, tuple(each.content.name for each in same)))
    return tuple(curated)
