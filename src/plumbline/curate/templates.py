"""Template farming: many red-team attempts from one mould, an opening formula and slots that are filled anew each time.

Attempts are compared with what fills slots masked: numbers, quoted passages, words with a capital. An attempt is of a
mould where it is verified to be like the mould's first attempt, so that moulds do not grow into one another through
chains. Nothing is removed here: what is a mould and what is a habit of speech is for a person to say, who gets counts.
Not covered: moulds that are paraphrased, slots much longer than the formula.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa

from plumbline.curate.clusters import candidate_pairs, repeated_rows, verify_in_batches
from plumbline.curate.minhash import band_table, choose_banding
from plumbline.curate.shingles import shingle_table

MOULD_THRESHOLD = 0.4
"""Jaccard similarity of masked texts; docs/design/near-duplicates.md says what it finds and what it confuses."""

_QUOTED = r'"[^"\n]{1,400}"|“[^”\n]{1,400}”|«[^»\n]{1,400}»|‘[^’\n]{3,400}’'
_NUMBER = r"\d+(?:[.,:/-]\d+)*"
_CAPITALISED = r"\b\p{Lu}[\w'’-]+(?:\s+\p{Lu}[\w'’-]+)*"  # Not "I".


def masked_text(texts: pl.Series) -> pl.Series:
    """The texts with each quoted passage, each run of words with capitals and each number as the word "slot"; n strings.

    The first word of a text keeps its letters, since its capital says nothing.
    """
    lowered = texts.fill_null("").str.strip_chars_start()
    first = lowered.str.head(1).str.to_lowercase() + lowered.str.slice(1)
    for pattern in (_QUOTED, _CAPITALISED, _NUMBER):
        first = first.str.replace_all(pattern, " slot ")
    return first


def mould_table(texts: pl.Series, *, threshold: float = MOULD_THRESHOLD, families: pl.Series | None = None) -> pa.Table:
    """The mould of each text that is not the only one of its mould.

    Args:
        texts: n strings, the first human message of each attempt.
        threshold: Jaccard similarity of masked texts to the first of the mould.
        families: n strings; only texts of one family share a mould. Workers' names ask for moulds of one worker only.
    Returns:
        columns position, mould (the position of its first text; of the first text its own); ascending by position.
    """
    shingles = shingle_table(np.arange(len(texts)), masked_text(texts))
    bands = band_table(shingles, choose_banding(threshold), families)
    like = repeated_rows(verify_in_batches(candidate_pairs(bands), shingles, threshold))
    first = like["partner"].to_numpy()
    heads = np.unique(first)
    positions = np.concatenate([like["position"].to_numpy(), heads])
    order = np.argsort(positions)
    return pa.table({"position": positions[order], "mould": np.concatenate([first, heads])[order]})


def mould_counts(moulds: pa.Table, workers: pl.Series) -> pa.Table:
    """How many attempts of which mould come from whom.

    Args:
        moulds: of `mould_table`.
        workers: n strings, the worker of each text; null where unknown, which counts as nobody's.
    Returns:
        a row a (mould, worker): columns mould, worker, attempts (of this mould by this worker), worker_attempts (all by
        this worker), share (attempts / worker_attempts); the largest share of the most attempts first.
    """
    all_by_worker = pl.DataFrame({"worker": workers}).drop_nulls().group_by("worker").agg(worker_attempts=pl.len())
    found = pl.DataFrame(moulds).with_columns(worker=workers.gather(moulds["position"].to_numpy())).drop_nulls()
    counts = found.group_by("mould", "worker").agg(attempts=pl.len()).join(all_by_worker, on="worker")
    shares = counts.with_columns(share=pl.col("attempts") / pl.col("worker_attempts"))
    ordered = shares.sort("attempts", "share", "mould", "worker", descending=[True, True, False, False])
    return ordered.select(
        pl.col("mould"),
        pl.col("worker"),
        pl.col("attempts").cast(pl.Int64),
        pl.col("worker_attempts").cast(pl.Int64),
        pl.col("share"),
    ).to_arrow()
