import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plumbline.engine import ByPart, Stage, exchange, open_workspace, positions, run_stage
from plumbline.engine.dataset import read_schema
from plumbline.engine.exchange import Exchange, share_count
from plumbline.engine.local import LocalEngine
from plumbline.records import SourceError
from tests.engine import stages
from tests.engine.stages import dataset, some_data


def test_a_share_that_cannot_be_seen_from_here_is_told(tmp_path):
    data = some_data(tmp_path / "in")
    dealt = Exchange(data, read_schema(data.path(0)), "key", False, 2, tmp_path / "dealt", 3)
    for share in (0, 2):
        dealt(share)
    with pytest.raises(SourceError, match=r"PL-ENG-006(.|\n)*3 shares(.|\n)*found 1 fewer"):
        dealt.read(0, ("position",))
    dealt(1)
    assert sum(len(dealt.read(bucket, ("position",))) for bucket in range(2)) == sum(
        word is not None for part in range(4) for word in data.read(part)["key"].to_pylist()
    )


class Elsewhere(LocalEngine):
    """Works where nobody else can see it."""

    def each(self, count, work, marks, advance):
        answers = super().each(count, work, marks, advance)
        (marks.parent / answers[1]["name"]).unlink()
        return answers


def test_a_part_that_cannot_be_seen_from_here_is_told(tmp_path):
    stage = Stage("copied", 1, stages.as_it_came, (ByPart(),))
    with open_workspace(tmp_path / "work") as workspace:
        with pytest.raises(SourceError, match=r"PL-ENG-006(.|\n)*found no part-000001"):
            run_stage(stage, [some_data(tmp_path / "in")], workspace, Elsewhere())
        assert not list(workspace.folder.rglob("stage.json"))


def test_as_many_shares_as_memory_asks_for_and_no_more_than_files(tmp_path, monkeypatch):
    data = some_data(tmp_path / "in")
    size = sum(path.stat().st_size for path in data.folder.iterdir())
    for bytes_, least, expected in ((size, 1, 1), (size - 1, 1, 2), (1, 1, 4), (size, 3, 3), (size, 9, 4)):
        monkeypatch.setattr(exchange, "_BYTES_OF_A_SHARE", bytes_)
        assert share_count(data, least) == expected
    data.path(2).unlink()
    with pytest.raises(SourceError, match=r"PL-ENG-001  .*2\.parquet"):
        share_count(data, 1)


def test_wide_rows_go_to_disk_by_their_bytes_and_narrow_ones_by_their_number(tmp_path, monkeypatch):
    monkeypatch.setattr(exchange, "_BYTES_OF_A_GROUP", 80_000)
    monkeypatch.setattr(exchange, "_ROWS_OF_A_GROUP", 50)
    same = pa.array(np.arange(500, dtype=np.uint64))  # few values: they are kept as places in a list of them
    for name, items, expected in (("wide", 500, 19), ("narrow", 5, 50)):
        rows = pa.table({"position": positions(0, 200), "list": pa.array([same[:items].to_pylist()] * 200)})
        data = dataset(tmp_path / name, [rows])
        dealt = Exchange(data, read_schema(data.path(0)), "position", True, 1, tmp_path / f"{name}-dealt", 1)
        dealt(0)
        files = list((tmp_path / f"{name}-dealt").rglob("*.parquet"))
        groups = [
            meta.row_group(n).num_rows for meta in map(pq.read_metadata, files) for n in range(meta.num_row_groups)
        ]
        assert sum(groups) == 200
        assert max(groups) == expected
        assert len(dealt.read(0, ("position",))) == sum(map(len, dealt.portions(0))) == 200
