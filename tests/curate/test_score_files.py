"""Files of scores: as our own commands write them and as people make them; what is no probability is refused."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from plumbline.curate.score_files import read_scores
from plumbline.records import PlumblineError, SourceError


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    table = pl.DataFrame(rows)
    {".parquet": table.write_parquet, ".csv": table.write_csv, ".jsonl": table.write_ndjson}[path.suffix](path)
    return path


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".jsonl"])
def test_what_train_and_what_score_write_is_read_in_each_form(ending: str, tmp_path: Path) -> None:
    ours = [
        {"id": "0012", "side": 0, "head": "harmlessness", "probability": 0.25, "fold": 3},
        {"id": "b", "side": None, "head": "unsafe", "probability": 1, "fold": 0},
    ]
    scored = [
        {"id": "c", "side": 1, "score": 2.5, "probability": 0.5, "category": "unsafe", "probability_self_harm": 0.125},
        {
            "id": "d",
            "side": None,
            "score": 0.5,
            "probability": None,
            "category": "unsafe",
            "probability_self_harm": 0.0,
        },
    ]
    scores = read_scores([write(tmp_path / f"ours{ending}", ours), write(tmp_path / f"scored{ending}", scored)])
    assert sorted(scores.table.rows(), key=str) == [
        ("0012", 0, "harmlessness", 0.25),
        ("b", None, "unsafe", 1.0),
        ("c", 1, "self_harm", 0.125),
        ("c", 1, "unsafe", 0.5),
        ("d", None, "self_harm", 0.0),
    ]
    assert [(file.rows, file.out_of_fold) for file in scores.files] == [(2, True), (2, False)]
    assert json.loads(json.dumps(scores.to_json()))[0]["sha256"] == scores.files[0].sha256


def test_id_and_probability_are_enough(tmp_path: Path) -> None:
    scores = read_scores([write(tmp_path / "own.jsonl", [{"id": "a", "probability": 0.5}])])
    assert scores.table.rows() == [("a", None, None, 0.5)]


@pytest.mark.parametrize(
    ("code", "row"),
    [
        ("PL-LBL-002", {"id": "a"}),
        ("PL-LBL-002", {"probability": 0.5}),
        ("PL-LBL-002", {"id": 7, "probability": 0.5}),
        ("PL-LBL-002", {"id": None, "probability": 0.5}),
        ("PL-LBL-002", {"id": "a", "probability": 0.5, "side": 2}),
        ("PL-LBL-002", {"id": "a", "probability": 0.5, "side": "left"}),
        ("PL-LBL-003", {"id": "a", "probability": 1.5}),
        ("PL-LBL-003", {"id": "a", "probability": -0.1}),
        ("PL-LBL-003", {"id": "a", "probability": float("nan")}),
        ("PL-LBL-003", {"id": "a", "probability": "likely"}),
        ("PL-LBL-003", {"id": "a", "probability": 0.5, "category": "unsafe", "probability_self_harm": 7.0}),
    ],
)
def test_what_is_no_score_is_refused(code: str, row: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(PlumblineError, match=code) as refused:
        read_scores([write(tmp_path / "scores.parquet", [row])])
    assert "likely" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "content"), [("a.txt", b"x"), ("a.parquet", b"PAR1"), ("a.jsonl", b"{"), ("a.csv", b"")]
)
def test_what_is_no_file_of_scores_is_refused(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(PlumblineError, match=r"PL-LBL-00[12]"):
        read_scores([tmp_path / name])


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_a_folder_or_a_link_to_itself_is_no_file_of_scores(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / f"loop-{name}").symlink_to(tmp_path / f"loop-{name}")
    for path, found in ((tmp_path / name, "a folder"), (tmp_path / f"loop-{name}", "nothing there")):
        with pytest.raises(SourceError, match="PL-LBL-001") as refused:
            read_scores([path])
        assert refused.value.found == found


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("a.csv", "id,probability,probability\na,0.1,0.9\n", "a column twice"),
        ("a.csv", "id,id,probability\na,b,0.9\n", "a column twice"),
        ("a.jsonl", '{"id": "a", "probability": 0.1, "probability": 0.9}\n', "ArrowInvalid"),
        ("a.jsonl", '{"id": "a", "probability": 0.1, "head": 1}\n', "heads that are no texts"),
        ("a.jsonl", '{"id": "a", "probability": 0.1, "head": ["x"]}\n', "heads that are no texts"),
        ("a.csv", "a,0.1\nb,0.2\n", "none of those that are known"),
        ("a.csv", "id;probability\na;0.1\n", "none of those that are known"),
        ("a.csv", "id, probability\na, 0.1\n", "id"),
    ],
)
def test_columns_that_are_doubled_odd_or_not_there_are_refused(
    name: str, content: str, found: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(SourceError, match=r"PL-LBL-00[12]") as refused:
        read_scores([tmp_path / name])
    assert refused.value.found == found


def test_of_head_and_category_the_head_counts_and_none_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,probability,head,category\na,0.1,1,x\nb,0.2,,x\n")
    assert read_scores([tmp_path / "a.csv"]).table.rows() == [("a", None, "1", 0.1), ("b", None, None, 0.2)]
