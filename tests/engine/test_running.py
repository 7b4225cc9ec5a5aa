import json
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from plumbline.engine import (
    ByKey,
    ByPart,
    Dataset,
    PortionsToParts,
    Stage,
    ToParts,
    Whole,
    exchange,
    open_engine,
    open_workspace,
    positions,
    read_whole,
    run_stage,
    running,
)
from plumbline.records import SourceError, WriteError
from tests.engine import stages
from tests.engine.stages import dataset, of_all_types, some_data
from tests.prepared import start_prepared

FIRST = ("position",)


@pytest.fixture
def engine():
    with open_engine("local") as opened:
        yield opened


@pytest.fixture
def told():
    return []


@pytest.fixture
def workspace(tmp_path, told):
    with open_workspace(tmp_path / "work", note=told.append) as opened:
        yield opened


# --- what meets ---


@pytest.mark.parametrize("key", ["key", "digest", "split", "hash"])
def test_rows_of_one_key_meet_sorted_and_none_is_lost(key, tmp_path, workspace, engine, monkeypatch):
    monkeypatch.setattr(running, "_ROWS_OF_A_BUCKET", 10)
    data = some_data(tmp_path / "in")
    met = run_stage(Stage("met", 1, stages.as_it_came, (ByKey(key, FIRST),)), [data], workspace, engine)
    assert len(met.parts) == 8
    assert met.read(0).schema.equals(data.read(0).schema)
    pieces = [met.read(number).to_pylist() for number in range(8)]
    keys = [{row[key] for row in piece} for piece in pieces]
    assert sum(map(len, keys)) == len(set().union(*keys)) > 1
    assert all([row["position"] for row in piece] == sorted(row["position"] for row in piece) for piece in pieces)
    rows = sorted((row for piece in pieces for row in piece), key=lambda row: row["position"])
    assert rows == [row for row in read_whole(data).to_pylist() if row[key] is not None]


def test_all_rows_of_one_key_come_to_one_piece(tmp_path, workspace, engine, monkeypatch):
    monkeypatch.setattr(running, "_ROWS_OF_A_BUCKET", 10)
    data = dataset(tmp_path / "in", [pa.table({"position": positions(0, 50), "key": pa.array(["k"] * 50)})])
    met = run_stage(Stage("met", 1, stages.as_it_came, (ByKey("key", FIRST),)), [data], workspace, engine)
    assert sorted(part.rows for part in met.parts) == [0, 0, 0, 0, 50]
    assert met.rows == 50


def test_rows_come_back_to_their_part(tmp_path, workspace, engine):
    data = some_data(tmp_path / "in")
    mixed = read_whole(data).slice(3, 50)
    other = dataset(tmp_path / "other", [mixed.slice(30), mixed.slice(0, 30), mixed.slice(0, 0)])
    takes = (ByPart(FIRST), ToParts("position", FIRST))
    back = run_stage(Stage("back", 1, stages.as_it_came, takes), [data, other], workspace, engine)
    assert [part.rows for part in back.parts] == [37, 0, 13, 0]
    assert read_whole(back).to_pylist() == mixed.to_pylist()


def test_rows_that_come_in_portions_are_all_there_and_never_all_at_once(tmp_path, workspace, engine, monkeypatch):
    monkeypatch.setattr(exchange, "_BYTES_OF_A_GROUP", 300)
    monkeypatch.setattr(exchange, "_BYTES_OF_A_PORTION", 300)
    data = some_data(tmp_path / "in")
    takes = (ByPart(("position", "shingles")), PortionsToParts("position"))
    asked = Stage("sizes", 1, stages.sizes_of_portions, takes)
    narrow = dataset(tmp_path / "narrow", [read_whole(data).select(["position", "shingles"])])
    sizes = run_stage(asked, [data, narrow], workspace, engine)
    counts = [sizes.read(part)["rows"].to_pylist() for part in range(4)]
    assert [sum(each) for each in counts] == [40, 0, 25, 12]
    assert max(count for each in counts for count in each) <= 20


def test_what_a_function_gives_piece_by_piece_is_one_part(tmp_path, workspace, engine):
    data = some_data(tmp_path / "in")
    takes = (ByPart(("position", "shingles")), PortionsToParts("position"))
    narrow = dataset(tmp_path / "narrow", [data.read(part, ("position", "shingles")) for part in range(4)])
    made = run_stage(Stage("rows", 1, stages.row_by_row, takes), [data, narrow], workspace, engine)
    assert read_whole(made).to_pylist() == read_whole(narrow).to_pylist()
    assert [part.rows for part in made.parts] == [40, 0, 25, 12]
    with pytest.raises(ValueError, match=r"part-00000\d\.parquet: expected at least one table, found none"):
        run_stage(Stage("none", 1, stages.no_tables, (ByPart(),)), [data], workspace, engine)


def test_a_position_of_no_part_is_refused_not_lost(tmp_path, workspace, engine):
    data, other = (dataset(tmp_path / name, [of_all_types(part, 5)]) for name, part in (("in", 0), ("other", 7)))
    takes = (ByPart(FIRST), ToParts("position", FIRST))
    with pytest.raises(ValueError, match=r"expected 5 rows in 1 buckets by position, found 5 in .*=7"):
        run_stage(Stage("back", 1, stages.as_it_came, takes), [data, other], workspace, engine)


def test_nothing_at_all(tmp_path, workspace, engine):
    data = dataset(tmp_path / "in", [of_all_types(part, 0) for part in range(2)])
    for take in (ByPart(), ByKey("key", FIRST), Whole()):
        made = run_stage(Stage("made", 1, stages.as_it_came, (take,)), [data], workspace, engine)
        assert made.rows == 0
        assert made.read(0).schema.equals(data.read(0).schema)


def test_faults_of_a_stage_are_refused(tmp_path, workspace, engine):
    data = some_data(tmp_path / "in")
    for words, function, take in (
        ("stage no-table: expected an Arrow table, found list", stages.no_table, ByPart()),
        ("an order that tells rows apart, found two of the same key", stages.as_it_came, ByKey("key", ("key",))),
        ("expected whole numbers, texts or bytes", stages.as_it_came, ByKey("shingles", FIRST)),
    ):
        with pytest.raises(ValueError, match=words):
            run_stage(Stage("no-table", 1, function, (take,)), [data], workspace, engine)
    with pytest.raises(ValueError, match="key and order among the columns, found no position"):
        ByKey("key", FIRST, ("key",))
    with pytest.raises(ValueError, match="expected 1 inputs, found 2"):
        run_stage(Stage("one", 1, stages.as_it_came, (ByPart(),)), [data, data], workspace, engine)
    with pytest.raises(ValueError, match="an input of at least one part"):
        run_stage(
            Stage("met", 1, stages.as_it_came, (ByKey("key", FIRST),)), [Dataset(tmp_path, ())], workspace, engine
        )


# --- taken up again ---


def test_a_killed_run_goes_on_from_what_is_finished(tmp_path):
    for name in ("killed", "calm"):
        (tmp_path / name).mkdir()
    calls = tmp_path / "killed"
    process = start_prepared(stages.run_counted, tmp_path / "work", calls)
    deadline = time.monotonic() + 60
    while len(list((tmp_path / "work").glob("counted-*/part-*.parquet"))) < 5 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.join()
    resumed = stages.run_counted(tmp_path / "work", calls)
    assert sorted(path.name for path in calls.iterdir()) == ["0-0", "1-0", "2-0", "3-0", "3-1", "4-0", "5-0"]
    (tmp_path / "calm" / "3-0").touch()
    assert resumed.digest == stages.run_counted(tmp_path / "other", tmp_path / "calm").digest
    assert sorted(path.name for path in resumed.folder.iterdir()) == [
        *(f"part-{number:06d}.parquet" for number in range(6)),
        "stage.json",
    ]


def doubled(data, workspace, engine):
    return run_stage(Stage("numbered", 1, stages.numbered, (ByPart(),), numbered=True), [data], workspace, engine)


def test_a_finished_stage_is_taken_over(tmp_path, workspace, engine, told):
    data = some_data(tmp_path / "in")
    made = doubled(data, workspace, engine)
    written = made.path(0).stat().st_mtime_ns
    assert doubled(data, workspace, engine) == made
    assert made.path(0).stat().st_mtime_ns == written
    assert told == []


def another_part(path):
    path.write_bytes(path.with_name("part-000000.parquet").read_bytes())


@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(b"PAR1"), Path.unlink, another_part])
def test_what_is_damaged_is_made_anew_and_the_rest_stays(damage, tmp_path, workspace, engine, told):
    data = some_data(tmp_path / "in")
    made = doubled(data, workspace, engine)
    written = made.path(0).stat().st_mtime_ns
    damage(made.path(2))
    assert doubled(data, workspace, engine) == made
    assert made.path(0).stat().st_mtime_ns == written
    assert [note.split(" are ")[0] for note in told] == [f"files of the stage {made.folder.name}"]


def test_a_part_of_an_unfinished_stage_that_is_damaged_is_made_anew(tmp_path, workspace, engine):
    noise = np.random.default_rng(0).random(1_000)
    data = dataset(tmp_path / "in", [pa.table({"position": positions(0, 1_000), "x": noise})])
    made = doubled(data, workspace, engine)
    (made.folder / "stage.json").unlink()
    written = bytearray(made.path(0).read_bytes())
    written[len(written) // 2] ^= 1  # a bit of a number: nothing but the page's checksum tells
    made.path(0).write_bytes(written)
    assert doubled(data, workspace, engine).digest == made.digest


def test_a_stage_file_of_another_address_is_not_believed(tmp_path, workspace, engine, told):
    data = some_data(tmp_path / "in")
    made = doubled(data, workspace, engine)
    said = json.loads((made.folder / "stage.json").read_text())
    (made.folder / "stage.json").write_text(json.dumps(said | {"address": "another"}))
    assert doubled(data, workspace, engine) == made
    assert len(told) == 1


@pytest.mark.parametrize("take", [ByPart(), ByKey("key", FIRST), ToParts("position", FIRST)])
def test_a_damaged_input_is_named(take, tmp_path, workspace, engine):
    data, whole = some_data(tmp_path / "in"), some_data(tmp_path / "whole")
    takes, inputs = ((take,), [data]) if not isinstance(take, ToParts) else ((ByPart(), take), [whole, data])
    data.path(2).write_bytes(data.path(2).read_bytes()[:-100])
    with pytest.raises(SourceError, match=r"PL-ENG-001  .*in/2\.parquet: ") as error:
        run_stage(Stage("stage", 1, stages.as_it_came, takes), inputs, workspace, engine)
    assert error.value.exit_code == 2


# --- a full disk ---


@pytest.mark.parametrize("take", [ByPart(), ByKey("position", FIRST)])
def test_a_full_disk_leaves_nothing_half_written_and_is_gone_on_from(take, tmp_path, small_disk, engine):
    random = np.random.default_rng(0)
    data = dataset(
        tmp_path / "in",
        [pa.table({"position": positions(part, 5_000), "x": random.random(5_000)}) for part in range(4)],
    )
    stage = Stage("copied", 1, stages.as_it_came, (take,))
    with open_workspace(tmp_path / "calm") as workspace:
        expected = run_stage(stage, [data], workspace, engine)
    filler = small_disk / "filler"
    filler.write_bytes(bytes(870_000))
    with open_workspace(small_disk / "work") as workspace:
        with pytest.raises(WriteError, match=r"PL-OUT-001(.|\n)*the disk is full") as error:
            run_stage(stage, [data], workspace, engine)
        assert ".partial" not in str(error.value)
        left = [path for path in (small_disk / "work").rglob("*") if path.is_file() and path.name != "lock"]
        assert all(path.name.startswith("part-") for path in left)
        assert bool(left) == isinstance(take, ByPart)
        filler.unlink()
        assert run_stage(stage, [data], workspace, engine).digest == expected.digest
