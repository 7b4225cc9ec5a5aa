"""Narrow columns of records that rules look at, so that texts are read once and never exchanged.

A trait's table has one row for each record of a part, in order. `TRAITS` names them; a rule says which it needs.
"""

from plumbline.curate.traits.registry import TRAITS, Trait, trait_table

__all__ = ["TRAITS", "Trait", "trait_table"]
