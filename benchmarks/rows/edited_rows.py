"""Question–answer rows in any number, with near-duplicates that are known: real rows, tiled and edited word by word.

A row is *fresh* or a copy of an earlier row. A fresh row is a real one of which each word was replaced with a word of
the corpus, with a probability of 0.2 to 0.9 that is drawn once for the row, so that two rows made from one real row
are related and no more. A copy is its origin with each word replaced, dropped or doubled with a probability of one of
`EDIT_RATES`. A few origins are *popular* and copied hundreds of times. Row r depends on the seed, r and the rows of
the sample alone: twice the rows begin with the same ones.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from plumbline.curate.words import mixed

PUBLISHED_LABELS = 333_963
"""Question–answer rows of the published BeaverTails, all splits."""
PART_ROWS = 20_000
EDIT_RATES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2)
COPIED_SHARE = 0.25
POPULAR_SHARE = 0.01
POPULAR_ORIGINS = 10

_SHARE_STEP = 2.0**-64


@dataclass(frozen=True)
class Corpus:
    """Real rows as numbers of words: row r is `words[offsets[r]:offsets[r + 1]]`, places in `vocabulary`.

    A word is what stands between two blanks; `words` as a whole also serves to draw words as often as they occur.
    """

    vocabulary: pl.Series
    words: NDArray[np.int64]
    offsets: NDArray[np.int64]


def read_corpus(data: Path) -> Corpus:
    """The distinct question–answer pairs of the BeaverTails and PKU-SafeRLHF samples below `data`."""
    texts = sorted({text for folder in ("beavertails", "pku-saferlhf") for text in _answers(data / folder)})
    if not texts:
        raise SystemExit(f"no samples: expected {data}/beavertails/*.jsonl.gz and {data}/pku-saferlhf/*.jsonl.gz")
    lists = pl.Series(texts).str.split(" ")
    flat = lists.explode()
    vocabulary = flat.unique().sort()
    offsets = np.concatenate([[0], np.cumsum(lists.list.len().to_numpy())]).astype(np.int64)
    return Corpus(vocabulary, vocabulary.search_sorted(flat).to_numpy().astype(np.int64), offsets)


def _answers(folder: Path) -> list[str]:
    found = []
    for path in sorted(folder.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for row in map(json.loads, file):
                replies = [row[name] for name in ("response", "response_0", "response_1") if name in row]
                found += [f"{row['prompt']}\n{reply}" for reply in replies]
    return found


def origins(rows: int, seed: int) -> NDArray[np.int64]:
    """The row that each row is a copy of; its own number where it is fresh. Shape (rows,)."""
    numbers = np.arange(rows, dtype=np.uint64)
    chance = chance_of(numbers, seed, 1)
    earlier = (chance_of(numbers, seed, 2) * numbers).astype(np.int64)
    popular = (chance_of(numbers, seed, 3) * POPULAR_ORIGINS).astype(np.int64)
    found = np.where(chance < COPIED_SHARE, earlier, numbers.astype(np.int64))
    found = np.where(chance < POPULAR_SHARE, np.minimum(popular, numbers.astype(np.int64)), found)
    while np.any(found[found] != found):
        found = found[found]
    return found


def part(corpus: Corpus, first: int, count: int, all_origins: NDArray[np.int64], seed: int) -> pl.Series:
    """The texts of the rows from `first` on."""
    rows = np.arange(first, first + count, dtype=np.uint64)
    fresh = all_origins[first : first + count].astype(np.uint64)
    real = (mix(fresh, seed, 4) % np.uint64(len(corpus.offsets) - 1)).astype(np.int64)
    lengths = (corpus.offsets[1:] - corpus.offsets[:-1])[real]
    index = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    words = corpus.words[np.repeat(corpus.offsets[real], lengths) + index]
    rate = 0.2 + 0.7 * chance_of(fresh, seed, 5)
    words = replaced(corpus, words, word_numbers(fresh, lengths, index), np.repeat(rate, lengths), seed + 1)
    edit_rate = np.array(EDIT_RATES)[(chance_of(rows, seed, 6) * len(EDIT_RATES)).astype(np.int64)]
    edit_rate = np.where(fresh == rows, 0.0, edit_rate)
    numbers = word_numbers(rows, lengths, index)
    edited = chance_of(numbers, seed, 7) < np.repeat(edit_rate, lengths)
    kind = np.where(edited, 1 + mix(numbers, seed, 8) % np.uint64(3), 0)  # 1 replaced, 2 dropped, 3 doubled
    words = replaced(corpus, words, numbers, (kind == 1).astype(np.float64), seed + 2)
    times = np.choose(kind.astype(np.int64), [1, 1, 0, 2])
    counts = np.bincount(np.repeat(np.repeat(np.arange(count), lengths), times), minlength=count)
    return joined(corpus, np.repeat(words, times), counts)


def write_rows(corpus: Corpus, rows: int, out: Path, *, seed: int = 6) -> Path:
    """Write `rows` rows to ``out/part-00000.parquet`` …, `PART_ROWS` each, column ``text``; returns `out`."""
    out.mkdir(parents=True)
    found = origins(rows, seed)
    for number, first in enumerate(range(0, rows, PART_ROWS)):
        texts = part(corpus, first, min(PART_ROWS, rows - first), found, seed)
        pl.DataFrame({"text": texts}).write_parquet(out / f"part-{number:05}.parquet", compression="zstd")
    return out


def joined(corpus: Corpus, words: NDArray[np.int64], counts: NDArray[np.int64]) -> pl.Series:
    """The words of each row with a blank after each; `counts` says how many each row has."""
    written = (corpus.vocabulary.gather(words) + " ").to_arrow(compat_level=pl.CompatLevel.oldest())
    written = written.cast(pa.large_string())
    _, offsets, data = written.buffers()
    ends = np.frombuffer(offsets, np.int64)[np.concatenate([[0], np.cumsum(counts)])]
    return pl.Series(pa.LargeStringArray.from_buffers(len(counts), pa.py_buffer(ends), data))


def replaced(
    corpus: Corpus, words: NDArray[np.int64], numbers: NDArray[np.uint64], rate: NDArray[np.float64], seed: int
) -> NDArray[np.int64]:
    """The words, some of them replaced by words drawn as often as they occur; `rate` is the chance of each word."""
    drawn = corpus.words[(mix(numbers, seed, 9) % np.uint64(len(corpus.words))).astype(np.int64)]
    return np.where(chance_of(numbers, seed, 10) < rate, drawn, words)


def word_numbers(rows: NDArray[np.uint64], lengths: NDArray[np.int64], index: NDArray[np.int64]) -> NDArray[np.uint64]:
    """A number for each word of each row."""
    return np.repeat(rows << np.uint64(24), lengths) + index.astype(np.uint64)


def mix(numbers: NDArray[np.uint64], seed: int, use: int) -> NDArray[np.uint64]:
    """Another number for each number and use."""
    return mixed(mixed(numbers) + np.uint64(seed * 1_000_003 + use))


def chance_of(numbers: NDArray[np.uint64], seed: int, use: int) -> NDArray[np.float64]:
    """A number in [0, 1) for each number, the same for the same seed and use."""
    return np.minimum(mix(numbers, seed, use) * _SHARE_STEP, 1 - 2.0**-53)
