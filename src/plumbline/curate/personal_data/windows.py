"""Where a region stands in each of many texts, with the text around it: offsets out of Polars, which gives none."""

from __future__ import annotations

import polars as pl

from plumbline.curate.personal_data.matching import AFTER, BEFORE
from plumbline.curate.personal_data.reading import MARK


def find_windows(texts: pl.DataFrame, region: str) -> pl.DataFrame:
    """Each region of each text, with what stands around it.

    The matches are set between marks, the texts split at the marks: what stands in odd places is a match, and the
    lengths of the pieces give the offsets.

    Args:
        texts: columns text (u32, any number that tells texts apart) and plain (a string without `MARK`).
        region: Rust expression that never matches nothing.
    Returns:
        Columns text, start (i64, characters), before (at most `BEFORE` characters), region, after (at most `AFTER`).
    """
    marked = pl.col("plain").str.replace_all(f"(?:{region})", f"{MARK}${{0}}{MARK}")
    pieces = texts.select("text", piece=marked.str.split(MARK)).explode("piece")
    piece, length = pl.col("piece"), pl.col("piece").str.len_chars().cast(pl.Int64)
    return (
        pieces.with_columns(
            start=(length.cum_sum() - length).over("text"),
            inside=pl.int_range(pl.len()).over("text") % 2 == 1,
            before=(_end(piece.shift(2)) + _end(piece.shift(1))).str.tail(BEFORE).over("text"),
            after=(_beginning(piece.shift(-1)) + _beginning(piece.shift(-2))).str.head(AFTER).over("text"),
        )
        .filter("inside")
        .select("text", "start", "before", region="piece", after="after")
    )


def _end(piece: pl.Expr) -> pl.Expr:
    return piece.str.tail(BEFORE).fill_null("")


def _beginning(piece: pl.Expr) -> pl.Expr:
    return piece.str.head(AFTER).fill_null("")
