"""The traits by name, and the stage that finds one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from plumbline.curate.parts import kind_of_part
from plumbline.curate.traits.findings import findings_of
from plumbline.curate.traits.identity import identity_of
from plumbline.curate.traits.language import language_of
from plumbline.curate.traits.material import material_of
from plumbline.curate.traits.personal import personal_data_of
from plumbline.curate.traits.sizes import sizes_of
from plumbline.curate.traits.texts import judged_shingles_of, mould_shingles_of, prompt_shingles_of
from plumbline.records import Kind


@dataclass(frozen=True)
class Trait:
    """Something that can be told of each record by itself.

    Attributes:
        name: of the trait.
        version: raised whenever it says something else of the same record.
        find: from a kind and n records of it, n rows.
    """

    name: str
    version: int
    find: Callable[[Kind, pa.Table], pa.Table]


TRAITS: dict[str, Trait] = {
    trait.name: trait
    for trait in (
        Trait("identity", 4, identity_of),
        Trait("sizes", 1, sizes_of),
        Trait("findings", 1, findings_of),
        Trait("language", 1, language_of),
        Trait("personal-data", 1, personal_data_of),
        Trait("material", 2, material_of),
        Trait("judged-shingles", 1, judged_shingles_of),
        Trait("prompt-shingles", 2, prompt_shingles_of),
        Trait("mould-shingles", 2, mould_shingles_of),
    )
}
"""By name; `identity` is found in every run."""


def trait_table(records: pa.Table, *, trait: str) -> pa.Table:
    """A stage: one trait of a part of records, which may be of any kind; further columns are not looked at.

    Args:
        records: n records with their `position`.
        trait: a key of `TRAITS`.
    Returns:
        n rows.
    """
    kind = kind_of_part(records)
    return TRAITS[trait].find(kind, records)
