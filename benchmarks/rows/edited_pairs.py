"""hh-rlhf pairs in any number, with near-duplicates: the sample pairs, tiled and edited word by word (synthetic beyond the first round).

The first round is the samples as they are. Later a pair is *fresh*, three of four: each of its words was replaced with a
word of the corpus, with a probability of 0.2 to 0.9 drawn once for the pair; or a *copy* of the pair at the same place of
the first round, each word replaced with one of `edited_rows.EDIT_RATES`. Turn markers stay, and what both sides share is
edited alike in both. Pair r depends on the seed, r and the samples alone.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
from isal import igzip
from numpy.typing import NDArray

from benchmarks.rows.edited_rows import COPIED_SHARE, EDIT_RATES, Corpus, chance_of, joined, mix, replaced, word_numbers

_AT_ONCE = 5_000
_MARKS = ("\n", "Human:", "Assistant:")


@dataclass(frozen=True)
class _Samples:
    """The pairs of one file as numbers of words.

    Attributes:
        corpus: whose rows are, for each pair, first the shared words, then the rest of chosen, then that of rejected.
        fixed: for each word of the vocabulary, whether it holds a turn marker and is never replaced.
    """

    corpus: Corpus
    fixed: NDArray[np.bool_]

    def __len__(self) -> int:
        return (len(self.corpus.offsets) - 1) // 3


def write_pairs(data: Path, out: Path, pairs: int, *, seed: int = 6) -> Path:
    """Write `pairs` pairs in the layout and the proportions of the samples; returns ``out/hh-rlhf``."""
    files = sorted((data / "hh-rlhf").glob("*-base/*.jsonl.gz"))
    if not files:
        raise SystemExit(f"no samples: expected {data}/hh-rlhf/*-base/*.jsonl.gz")
    lines = {path: _read(path) for path in files}
    total = sum(map(len, lines.values()))
    done = seen = 0
    for number, (path, rows) in enumerate(lines.items()):
        seen += len(rows)
        count = pairs * seen // total - done
        target = out / "hh-rlhf" / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        with igzip.open(target, "wb", compresslevel=2) as file:
            file.writelines(_lines(rows, count, seed + 100 * number))
        done += count
    return out / "hh-rlhf"


def _read(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def _lines(rows: list[dict[str, str]], count: int, seed: int) -> Iterator[bytes]:
    yield from (_line(row["chosen"], row["rejected"]) for row in rows[:count])
    samples = _samples(rows)
    for first in range(len(rows), count, _AT_ONCE):
        chosen, rejected = _edited(samples, first, min(_AT_ONCE, count - first), seed)
        yield from map(_line, chosen, rejected)


def _line(chosen: str, rejected: str) -> bytes:
    return b'{"chosen": %b, "rejected": %b}\n' % (msgspec.json.encode(chosen), msgspec.json.encode(rejected))


def _samples(rows: list[dict[str, str]]) -> _Samples:
    pieces: list[list[str]] = []
    for row in rows:
        chosen, rejected = row["chosen"].split(" "), row["rejected"].split(" ")
        shared = next(
            (place for place, (one, other) in enumerate(zip(chosen, rejected, strict=False)) if one != other),
            min(len(chosen), len(rejected)),
        )
        pieces += [chosen[:shared], chosen[shared:], rejected[shared:]]
    flat = pl.Series([word for piece in pieces for word in piece], dtype=pl.String)
    vocabulary = flat.unique().sort()
    offsets = np.concatenate([[0], np.cumsum([len(piece) for piece in pieces])]).astype(np.int64)
    corpus = Corpus(vocabulary, vocabulary.search_sorted(flat).to_numpy().astype(np.int64), offsets)
    fixed = np.zeros(len(vocabulary), np.bool_)
    for mark in _MARKS:
        fixed |= vocabulary.str.contains(mark, literal=True).to_numpy()
    return _Samples(corpus, fixed)


def _edited(samples: _Samples, first: int, count: int, seed: int) -> tuple[pl.Series, pl.Series]:
    """Both sides of the pairs from `first` on."""
    pairs = np.arange(first, first + count, dtype=np.uint64)
    copied = chance_of(pairs, seed, 1) < COPIED_SHARE
    rate = np.where(
        copied,
        np.array(EDIT_RATES)[(chance_of(pairs, seed, 2) * len(EDIT_RATES)).astype(np.int64)],
        0.2 + 0.7 * chance_of(pairs, seed, 3),
    )
    pieces = np.repeat((pairs % np.uint64(len(samples))).astype(np.int64) * 3, 3) + np.tile([0, 1, 2], count)
    offsets = samples.corpus.offsets
    lengths = (offsets[1:] - offsets[:-1])[pieces]
    index = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    words = samples.corpus.words[np.repeat(offsets[pieces], lengths) + index]
    of_piece = np.repeat(pairs, 3) * np.uint64(3) + np.tile(np.arange(3, dtype=np.uint64), count)
    numbers = word_numbers(of_piece, lengths, index)
    chance = np.repeat(np.repeat(rate, 3), lengths)
    now = replaced(samples.corpus, words, mix(numbers, seed, 4) >> np.uint64(1), chance, seed)
    now = np.where(samples.fixed[words] | samples.fixed[now], words, now)
    side = np.repeat(np.tile([0, 1, 2], count), lengths)
    by_pair = lengths.reshape(-1, 3)
    chosen = joined(samples.corpus, now[side != 2], by_pair[:, 0] + by_pair[:, 1])
    rejected = joined(samples.corpus, now[side != 1], by_pair[:, 0] + by_pair[:, 2])
    return chosen.str.strip_chars_end(" "), rejected.str.strip_chars_end(" ")
