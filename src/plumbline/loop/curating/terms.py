"""Which files of the sources set the terms of a curated set, and what each of them gave to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from plumbline.curate.contributions import Contribution, contributions
from plumbline.curate.curation import Curated
from plumbline.curate.recipe import Recipe
from plumbline.formats.opened import FileTold, OpenedSources
from plumbline.lineage import Terms


@dataclass(frozen=True)
class TermsOfFile:
    """A file that held records which the recipe takes.

    Attributes:
        path: as the manifest names it.
        terms: on which its records come.
        gave: what of it is in the output; its terms bind the output unless nothing is.
    """

    path: str
    terms: Terms
    gave: Contribution


def terms_of_files(
    opened: OpenedSources, told: Sequence[FileTold], curated: Curated, recipe: Recipe
) -> dict[int, TermsOfFile]:
    """The files that held records which the recipe takes, by their number among those opened."""
    gave = contributions(curated.identity, curated.fates, [each.kinds for each in told], recipe)
    return {
        number: TermsOfFile(file.entry.path, file.provenance.terms, gave[number])
        for number, file in enumerate(opened.files)
        if gave[number].read
    }


def narrowing(files: Sequence[TermsOfFile]) -> list[TermsOfFile]:
    """Of files whose terms bind, those that refuse a use which another of them permits."""
    binding = [file for file in files if not file.gave.apart]
    permitted = frozenset[object]().union(*(file.terms.uses for file in binding))
    return [file for file in binding if permitted - file.terms.uses]
