"""Finding personal data in a column of texts: the port, and what is made of what a detector finds.

Deliberately not looked for by patterns: names of people, places and firms, dates of birth, health, beliefs: that needs a
model. Offensive content is not personal data and stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import polars as pl

from plumbline.curate.personal_data.kinds import ALL, KINDS, known_kinds
from plumbline.curate.personal_data.patterns import FOUND_SCHEMA, PatternDetector

_CLOSING_ROUNDS = 8


class Detector(Protocol):
    """What finds personal data in texts."""

    @property
    def name(self) -> str:
        """What it is called in manifests."""
        ...

    @property
    def version(self) -> str:
        """Changes with what it finds; goes into manifests."""
        ...

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of personal data that it can find, of `KINDS`."""
        ...

    def find(self, texts: pl.Series, kinds: Sequence[str]) -> pl.DataFrame:
        """Columns text (u32, position in `texts`), kind, start, end (u32, characters); in any order, may overlap."""
        ...


def find_personal_data(texts: pl.Series, kinds: Sequence[str] = ALL, detector: Detector | None = None) -> pl.DataFrame:
    """Where personal data stands in texts.

    Args:
        texts: shape (n,), strings; in a null nothing is found.
        kinds: those to look for, of `KINDS`; what the detector cannot find is not found.
        detector: the package's own patterns, unless given.
    Returns:
        Columns text (u32, position in `texts`), kind, start, end (u32), sorted by text and start. Offsets count
        characters (code points), not bytes; end is the character after. Spans do not overlap: where values do, one span
        covers them and has the kind of the longest (of the first in `KINDS` among equally long), so that masking leaves
        no piece of either. Masked with the standard placeholder, the texts hold nothing more that would be found.
    Raises:
        UsageError: a kind that there is not (PL-ARG-001).
    """
    detector = detector or PatternDetector()
    wanted = tuple(kind for kind in known_kinds(kinds) if kind in detector.kinds)
    texts = texts.cast(pl.String)
    found = _merged(detector.find(texts, wanted))
    return _closed(texts, found, wanted, detector)


def replaced(texts: pl.Series, found: pl.DataFrame, by: pl.Expr) -> pl.Series:
    """`texts` with each span of `found` replaced.

    Args:
        texts: shape (n,); nulls stay.
        found: columns text, kind, start, end; spans of a text do not overlap.
        by: what stands in for a span, from the columns of `found`.
    """
    rows = found.select(pl.col("text").unique(maintain_order=True)).to_series()
    if rows.is_empty():
        return texts
    ordered = found.sort("text", "start").with_columns(placeholder=by)
    # The text up to each span, then its placeholder; the rest of the text follows the last one.
    spans = ordered.group_by("text", maintain_order=True).agg("start", "end", "placeholder")
    new = [
        _spliced(text, *columns)
        for text, *columns in zip(
            texts.gather(spans["text"]).to_list(), spans["start"], spans["end"], spans["placeholder"], strict=True
        )
    ]
    return texts.clone().scatter(spans["text"], pl.Series(new, dtype=pl.String))


def _spliced(text: str, starts: pl.Series, ends: pl.Series, placeholders: pl.Series) -> str:
    pieces, place = [], 0
    for start, end, placeholder in zip(starts, ends, placeholders, strict=True):
        pieces += [text[place:start], placeholder]
        place = end
    return "".join([*pieces, text[place:]])


_ORDER = {kind: place for place, kind in enumerate(KINDS)}


def _merged(found: pl.DataFrame) -> pl.DataFrame:
    """Spans that overlap made one: from the first start to the last end, of the kind of the longest."""
    if found.is_empty():
        return found.cast(FOUND_SCHEMA)  # type: ignore[arg-type]  # a dict of names and types is a schema
    length = pl.col("end") - pl.col("start")
    order = pl.col("kind").replace_strict(_ORDER, return_dtype=pl.Int64)
    reached = pl.col("end").cum_max().shift(1).over("text")
    return (
        found.sort("text", "start", "end")
        .with_columns(new=(pl.col("start") >= reached).fill_null(True))
        .with_columns(cluster=pl.col("new").cum_sum(), length=length, order=order)
        .sort("cluster", "length", "order", descending=[False, True, False])
        .group_by("cluster", maintain_order=True)
        .agg(pl.col("text").first(), pl.col("kind").first(), pl.col("start").min(), pl.col("end").max())
        .select(list(FOUND_SCHEMA))
        .cast(FOUND_SCHEMA)  # type: ignore[arg-type]  # a dict of names and types is a schema
    )


def _closed(texts: pl.Series, found: pl.DataFrame, kinds: Sequence[str], detector: Detector) -> pl.DataFrame:
    """`found`, and what is found only once that is masked: a value beside another may have looked like a part of it."""
    added = found
    for _ in range(_CLOSING_ROUNDS):
        rows = added["text"].unique().sort()
        if rows.is_empty():
            break
        there = found.filter(pl.col("text").is_in(rows.implode()))
        # As long as the value, so that offsets stay, and bracketed like a placeholder.
        inner = (pl.col("end") - pl.col("start")).cast(pl.Int64) - 2
        filled = replaced(
            texts, there, pl.concat_str(pl.lit("["), pl.lit("X").repeat_by(inner).list.join(""), pl.lit("]"))
        )
        more = detector.find(filled.gather(rows), kinds)
        added = more.with_columns(text=rows.cast(pl.UInt32).gather(more["text"]))
        found = _merged(pl.concat([found, added.select(list(FOUND_SCHEMA))]))
    return found
