import json

import pyarrow as pa
import pytest

from plumbline.curate import intake
from plumbline.curate.intake import take_in
from plumbline.engine import open_workspace, part_of
from plumbline.records import Kind, WriteError

ADDRESS = ["a", 1]


@pytest.fixture
def heard():
    return []


@pytest.fixture
def workspace(tmp_path, heard):
    with open_workspace(tmp_path / "work", note=heard.append) as opened:
        yield opened


@pytest.fixture(autouse=True)
def short_parts(monkeypatch):
    monkeypatch.setattr(intake, "ROWS_OF_A_PART", 10)


def rows(*names, width=1):
    """A table with a dictionary column, as tables of records have them."""
    texts = [name * width for name in names]
    return pa.table({"id": names, "text": texts, "split": pa.array(list(names)).dictionary_encode()})


def names(count, first=0):
    return [f"n{number:03d}" for number in range(first, first + count)]


def of_pairs(*tables):
    return [{Kind.COMPARISONS: table} for table in tables]


def taken(blocks, workspace, tell=lambda: None, address=ADDRESS):
    return take_in(lambda: iter(blocks), tell, address, workspace)


def read(taken_in):
    return [taken_in.rows.read(number) for number in range(len(taken_in.rows.parts))]


def test_rows_come_in_order_in_parts_of_one_kind(workspace):
    blocks = of_pairs(*(rows(*names(7, first)) for first in range(0, 35, 7)))
    blocks.insert(2, {Kind.PROMPTS: rows("p"), Kind.COMPARISONS: rows(*names(7, 100))})
    found = taken(blocks, workspace)
    assert [part.rows for part in found.rows.parts] == [10, 10, 10, 10, 2, 1]
    assert found.kinds == (*[Kind.COMPARISONS] * 5, Kind.PROMPTS)
    tables = read(found)
    expected = [*names(14), *names(7, 100), *names(21, 14)]
    assert [name for table in tables[:-1] for name in table["id"].to_pylist()] == expected
    for number, table in enumerate(tables):
        positions = table["position"].to_numpy()
        assert set(part_of(positions)) == {number}
        assert (positions & 0xFFFFFFFF).tolist() == list(range(len(table)))
        assert table["split"].to_pylist() == table["id"].to_pylist()


def test_a_block_may_hold_many_parts_or_nothing(workspace):
    empty = rows().cast(rows("a").schema)
    found = taken(of_pairs(empty, rows(*names(31)), empty, rows(*names(9, 31))), workspace)
    assert [part.rows for part in found.rows.parts] == [10, 10, 10, 10]
    assert taken(of_pairs(empty), workspace, address=["none"]).rows.rows == 0
    assert taken([], workspace, address=["nothing"]).kinds == ()


def test_rows_are_never_all_in_memory(workspace, monkeypatch):
    """At most a part and a block wait; what is drawn further than that would be held."""
    drawn, written, most = [0], [0], [0]

    def blocks():
        for first in range(0, 400, 4):
            drawn[0] += 4
            most[0] = max(most[0], drawn[0] - written[0])
            yield {Kind.COMPARISONS: rows(*names(4, first))}

    write_part = intake.write_part

    def counted(folder, name, table):
        written[0] += len(table)
        assert all(column.num_chunks == 1 for column in table.columns)
        assert table.get_total_buffer_size() < 2 * table.nbytes  # no slice, which would keep its block alive
        return write_part(folder, name, table)

    monkeypatch.setattr(intake, "write_part", counted)
    assert take_in(blocks, lambda: None, ADDRESS, workspace).rows.rows == 400
    assert 10 <= most[0] < 10 + 2 * 4


def test_a_part_of_long_records_holds_fewer(workspace, monkeypatch):
    monkeypatch.setattr(intake, "BYTES_OF_A_PART", 10_000)
    blocks = of_pairs(*(rows(*names(1, number), width=1000) for number in range(7)), rows(*names(5, 7)))
    assert [part.rows for part in taken(blocks, workspace).rows.parts] == [3, 3, 6]


def test_a_dictionary_larger_than_a_part_does_not_stall_it(workspace, monkeypatch):
    """A part holds its own rows' values, however many more the column's dictionary has: else none would ever be small."""
    monkeypatch.setattr(intake, "BYTES_OF_A_PART", 10_000)
    wide = pa.array([f"{number:03d}" * 1000 for number in range(40)])
    split = pa.DictionaryArray.from_arrays(pa.array([0, 1, 1, None, 2, 3], pa.int32()), wide)
    block = pa.table({"id": names(6), "text": names(6), "split": split})
    found = taken(of_pairs(block, block.slice(4), block.slice(0, 0)), workspace)
    assert [part.rows for part in found.rows.parts] == [6, 2], "four values of 3,000 bytes each, then two"
    tables = read(found)
    assert [table["split"].to_pylist() for table in tables] == [split.to_pylist(), split.to_pylist()[4:]]
    assert [len(table["split"].chunk(0).dictionary) for table in tables] == [4, 2]


def test_what_was_taken_in_is_taken_over(workspace, heard):
    first = taken(of_pairs(rows(*names(12))), workspace, tell=lambda: {"rows": 12})

    def again():
        raise AssertionError("expected no second reading")

    second = take_in(again, again, ADDRESS, workspace)
    assert second == first
    assert second.told == {"rows": 12}
    assert taken(of_pairs(rows("x")), workspace, address=["b"]).rows.rows == 1
    assert heard == []


@pytest.mark.parametrize("damage", ["a part", "a part gone", "what was noted", "another form"])
def test_what_is_damaged_is_read_anew(damage, workspace, heard):
    blocks = of_pairs(rows(*names(12)))
    first = taken(blocks, workspace)
    folder = first.rows.folder
    if damage == "a part":
        first.rows.path(1).write_bytes(first.rows.path(0).read_bytes())
    elif damage == "a part gone":
        first.rows.path(1).unlink()
    elif damage == "what was noted":
        (folder / "intake.json").write_bytes(b"{")
    else:
        noted = json.loads((folder / "intake.json").read_bytes())
        (folder / "intake.json").write_text(json.dumps({**noted, "parts": [7]}))
    assert taken(blocks, workspace).rows.digest == first.rows.digest
    assert [part.rows for part in first.rows.parts] == [10, 2]
    assert len(heard) == 1


def test_a_reading_that_fails_leaves_nothing(workspace):
    def blocks():
        yield {Kind.COMPARISONS: rows(*names(25))}
        assert list(workspace.folder.glob("read-*/part-*"))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        take_in(blocks, lambda: None, ADDRESS, workspace)
    assert not list(workspace.folder.glob("read-*"))


def test_a_workspace_that_cannot_be_written_to(tmp_path, workspace):
    found = taken(of_pairs(rows("a")), workspace)
    name = found.rows.folder.name
    workspace.remove()
    workspace.folder.write_text("a file where the folder was")
    with pytest.raises(WriteError, match=f"PL-OUT-001.*{name}"):
        taken(of_pairs(rows("a")), workspace)
