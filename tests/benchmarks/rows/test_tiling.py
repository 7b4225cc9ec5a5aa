"""Tiled samples: as many rows as asked for, in the proportions of the samples."""

import gzip
import json
from pathlib import Path

import pytest

from benchmarks.rows.tiling import data_files, tile_pairs


def lines_below(folder: Path) -> dict[str, list[dict[str, str]]]:
    return {
        path.relative_to(folder).as_posix(): [
            json.loads(line) for line in gzip.decompress(path.read_bytes()).split(b"\n")[:-1]
        ]
        for path in data_files(folder)
    }


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    for name, count in {"harmless-base/train": 3, "helpful-base/train": 1}.items():
        path = tmp_path / "data" / "hh-rlhf" / f"{name}.jsonl.gz"
        path.parent.mkdir(parents=True)
        rows = [{"chosen": f'\n\nHuman: "{name}"', "rejected": f"\n\nHuman: é{row}"} for row in range(count)]
        path.write_bytes(gzip.compress("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()))
    return tmp_path / "data"


def test_rows_repeat_up_to_the_number_asked_for(samples: Path, tmp_path: Path) -> None:
    tiled = lines_below(tile_pairs(samples, tmp_path / "out", 21))
    assert {name: len(rows) for name, rows in tiled.items()} == {
        "harmless-base/train.jsonl.gz": 15,
        "helpful-base/train.jsonl.gz": 6,
    }
    assert tiled["harmless-base/train.jsonl.gz"][3] == tiled["harmless-base/train.jsonl.gz"][0]


def test_distinct_rows_end_in_their_number(samples: Path, tmp_path: Path) -> None:
    tiled = lines_below(tile_pairs(samples, tmp_path / "out", 21, distinct=True))
    rows = [row for rows in tiled.values() for row in rows]
    assert len(rows) == 21
    assert [row["chosen"].rsplit(" #", 1)[1] for row in rows] == [str(number) for number in range(21)]
    assert rows[3]["rejected"] == "\n\nHuman: é0 #3"


def test_no_samples_end_the_benchmark(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no samples"):
        tile_pairs(tmp_path, tmp_path / "out", 5)
