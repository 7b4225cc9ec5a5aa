"""Plumbline's own detector: patterns with check digits, run over columns.

A text passes a hint (one scan in Polars), then the region (offsets in Polars), and only what stands around a region
reaches Python, once for all texts in which it stands alike.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from plumbline.curate.personal_data import addresses, internet, national_ids, payments, phones, secrets
from plumbline.curate.personal_data.kinds import ALL
from plumbline.curate.personal_data.matching import AFTER, BEFORE, Family, Matcher
from plumbline.curate.personal_data.reading import is_odd, original_places, read_plainly
from plumbline.curate.personal_data.windows import find_windows

VERSION = "1"
"""Changes with whatever changes what is found."""

BATCH_TEXTS = 16_384
"""Texts searched at once; bounds the memory."""

NUMBERS = Family(
    hint=r"(?-u)[0-9](?:[ .()/-]{0,3}[0-9]){7}",
    region=r"\+[0-9](?:[ .()/-]{0,3}[0-9]){7,}|[0-9](?:[ .()/-]{0,3}[0-9]){8,}",
    matchers=(*payments.CARDS, *national_ids.NATIONAL_NUMBERS, *phones.PHONES),
)
# One scan for what begins with capitals, where a scan each would cost as much again.
_CAPITALS = (payments.ACCOUNTS, national_ids.TAX_CODES, national_ids.INSURANCE_NUMBERS)
CODES = Family(
    hint="|".join(family.hint for family in _CAPITALS),
    region="|".join(family.region for family in _CAPITALS),
    matchers=tuple(matcher for family in _CAPITALS for matcher in family.matchers),
)
FAMILIES = (
    internet.EMAILS,
    internet.SPELLED_EMAILS,
    internet.LOGINS,
    internet.IPV4,
    internet.IPV6,
    secrets.KEYS,
    secrets.KEY_BLOCKS,
    payments.WALLETS,
    national_ids.TAX_NUMBERS,
    CODES,
    NUMBERS,
    addresses.STREETS,
)
FOUND_SCHEMA = {"text": pl.UInt32, "kind": pl.String, "start": pl.UInt32, "end": pl.UInt32}


class PatternDetector:
    """The patterns of this package, as a `Detector`."""

    name = "patterns"
    version = VERSION
    kinds = ALL

    def find(self, texts: pl.Series, kinds: Sequence[str]) -> pl.DataFrame:
        """Every match, overlapping ones too; see `Detector`."""
        families = [
            Family(family.hint, family.region, matchers)
            for family in FAMILIES
            if (matchers := tuple(matcher for matcher in family.matchers if matcher.kind in kinds))
        ]
        batches = [
            _find_in_batch(texts.slice(first, BATCH_TEXTS), families).with_columns(pl.col("text") + first)
            for first in range(0, len(texts), BATCH_TEXTS)
        ]
        return pl.concat([pl.DataFrame(schema=FOUND_SCHEMA), *batches])


def _find_in_batch(texts: pl.Series, families: Sequence[Family]) -> pl.DataFrame:
    plain, hinted, shortened = _read_and_hint(texts, families)
    columns = pl.DataFrame({"text": pl.int_range(len(texts), dtype=pl.UInt32, eager=True), "plain": plain})
    found = [
        _match(find_windows(columns.filter(hints), family.region), family.matchers)
        for family, hints in zip(families, hinted, strict=True)
        if hints.any()
    ]
    return _told_in_original(pl.concat([pl.DataFrame(schema=FOUND_SCHEMA), *found]), texts, shortened)


def _read_and_hint(texts: pl.Series, families: Sequence[Family]) -> tuple[pl.Series, list[pl.Series], pl.Series]:
    """The texts as they are read, the hints of each family, and whether a text was shortened by reading.

    All texts are scanned once as they came, in one query that uses all processors; the few that read differently, again.
    """
    text = pl.col("text")
    hints = [text.str.contains(family.hint).fill_null(False).alias(str(i)) for i, family in enumerate(families)]
    scanned = pl.DataFrame({"text": texts}).select(is_odd(text).fill_null(False).alias("odd"), *hints)
    odd = scanned["odd"].arg_true()
    hinted = [scanned[str(i)] for i in range(len(families))]
    if odd.is_empty():
        return texts, hinted, scanned["odd"]
    reading = read_plainly(texts.gather(odd))
    again = pl.DataFrame({"text": reading.plain}).select(hints)
    return (
        texts.clone().scatter(odd, reading.plain),
        [old.scatter(odd, again[str(i)]) for i, old in enumerate(hinted)],
        scanned["odd"].scatter(odd, reading.shortened),
    )


def _match(windows: pl.DataFrame, matchers: Sequence[Matcher]) -> pl.DataFrame:
    """The values in the windows; a window that several texts hold is looked at once."""
    distinct = windows.select("before", "region", "after").unique(maintain_order=True)
    rows = [
        (number, kind, start, end)
        for number, (before, region, after) in enumerate(distinct.iter_rows())
        for kind, start, end in _values(before, region, after, matchers)
    ]
    schema = {"number": pl.Int64, "kind": pl.String, "from": pl.Int64, "to": pl.Int64}
    values = pl.DataFrame(rows, schema=schema, orient="row")
    return (
        windows.join(distinct.with_row_index("number").cast({"number": pl.Int64}), on=["before", "region", "after"])
        .join(values, on="number")
        .select(
            "text",
            "kind",
            start=(pl.col("start") + pl.col("from")).cast(pl.UInt32),
            end=(pl.col("start") + pl.col("to")).cast(pl.UInt32),
        )
    )


def _values(before: str, region: str, after: str, matchers: Sequence[Matcher]) -> list[tuple[str, int, int]]:
    """Kind, start and end, counted from the region's start, of each value that touches the region.

    What reaches the edge of the window where the text goes on could be a part of something longer: it is the value of
    another region, or none.
    """
    window, first = before + region + after, len(before)
    last = first + len(region)
    lowest = 0 if len(before) < BEFORE else 1
    highest = len(window) - (len(after) >= AFTER)
    return [
        (matcher.kind, start - first, end - first)
        for matcher in matchers
        for start, end in matcher.spans(window)
        if start < last and end > first and start >= lowest and end <= highest
    ]


def _told_in_original(found: pl.DataFrame, texts: pl.Series, shortened: pl.Series) -> pl.DataFrame:
    """Offsets in the texts as they came, where invisible characters were left out for the search."""
    if not shortened.any():
        return found
    moved = shortened.gather(found["text"])
    parts = [found.filter(~moved)]
    for (text,), rows in found.filter(moved).group_by("text", maintain_order=True):
        whole = texts[int(str(text))]
        places = {
            name: original_places(whole, rows[name].to_numpy().astype(np.int64), ends=name == "end")
            for name in ("start", "end")
        }
        parts.append(rows.with_columns(pl.Series(name, values, pl.UInt32) for name, values in places.items()))
    return pl.concat(parts)
