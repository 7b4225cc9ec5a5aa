"""The sample pairs, repeated up to the size of the published data set.

Repeated rows can flatter whatever caches by content, so `distinct` marks each text with its row's number.
"""

from __future__ import annotations

from itertools import cycle, islice
from pathlib import Path

from isal import igzip

PUBLISHED_PAIRS = 161_840
"""Pairs of the published hh-rlhf, all subsets and splits."""

_GZIP_LEVEL = 2


def tile_pairs(data: Path, out: Path, pairs: int, *, distinct: bool = False) -> Path:
    """Write `pairs` hh-rlhf pairs to `out`, in the layout and the proportions of the samples in `data`.

    Args:
        data: holds ``hh-rlhf/<subset>/<split>.jsonl.gz``.
        out: a folder that is made.
        pairs: rows to write over all files.
        distinct: add the row's number to the end of both texts of a pair, so that no two rows are alike.
    Returns:
        The folder written: ``out/hh-rlhf``.
    """
    samples = {path: _lines(path) for path in sorted((data / "hh-rlhf").glob("*-base/*.jsonl.gz"))}
    if not samples:
        raise SystemExit(f"no samples: expected {data}/hh-rlhf/*-base/*.jsonl.gz")
    total = sum(map(len, samples.values()))
    done = seen = 0
    for path, lines in samples.items():
        seen += len(lines)
        count = pairs * seen // total - done
        tiled = islice(cycle(lines), count)
        written = (_numbered(line, done + row) for row, line in enumerate(tiled)) if distinct else tiled
        target = out / "hh-rlhf" / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        with igzip.open(target, "wb", compresslevel=_GZIP_LEVEL) as file:
            file.writelines(written)
        done += count
    return out / "hh-rlhf"


def unpacked(folder: Path, out: Path) -> Path:
    """One plain file of all lines below `folder`."""
    with out.open("wb") as file:
        for path in data_files(folder):
            file.writelines(_lines(path))
    return out


def data_files(folder: Path) -> list[Path]:
    """The files that `tile_pairs` wrote, in the order `plumbline.load` reads them."""
    return sorted(folder.rglob("*.jsonl.gz"))


def _lines(path: Path) -> list[bytes]:
    with igzip.open(path) as file:
        return file.read().splitlines(keepends=True)


def _numbered(line: bytes, row: int) -> bytes:
    """The line with `` #row`` at the end of both texts; the lines are as the published set writes them."""
    mark = b" #%d" % row
    opening, closing = line.rstrip(b"\n").rsplit(b'", "rejected": "', 1)
    return opening + mark + b'", "rejected": "' + closing.removesuffix(b'"}') + mark + b'"}\n'
