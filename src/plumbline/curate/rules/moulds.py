"""Template farming: many red-team attempts of one worker from one mould."""

from __future__ import annotations

import polars as pl
from pydantic import Field

from plumbline.curate.rules.rule import Limit, Repeats, Rule, RuleSettings
from plumbline.curate.rules.verdicts import removal
from plumbline.curate.templates import MOULD_THRESHOLD


class Moulds(RuleSettings):
    """How many attempts of one mould a worker may bring; the same attempt again, word by word, is one more.

    Attributes:
        most: of one worker and one mould, copies of its first among them; the first stay.
        threshold: Jaccard similarity, with names, numbers and quotations masked, to the first of the mould, in (0, 1).
    """

    most: Limit = 5
    threshold: float = Field(MOULD_THRESHOLD, gt=0, lt=1)


def judge(rows: pl.DataFrame, settings: Moulds) -> pl.DataFrame:
    """Of each mould, all but the first `most`; the mould's first is among those that stay, and no row of `rows`."""
    ordered = rows.sort("position")
    place = pl.int_range(pl.len()).over("partner") + 1  # the mould's first has place 0
    return removal(ordered.filter(place >= settings.most), "one more from the same mould", partner="partner")


RULE = Rule(
    "moulds",
    2,
    Moulds,
    title=lambda settings: f"attempts of a worker from a mould that the worker had used {settings.most} times already",
    meeting=lambda settings: Repeats("mould-shingles", settings.threshold, within="worker", of_items=False),
    columns=("id", "split"),
    judge=judge,
)
