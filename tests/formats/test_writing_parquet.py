"""Converting to Parquet, and foreign Parquet files read as the lines that they would be."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plumbline.formats import PARQUET, convert_loaded, load
from plumbline.lineage import terms_of
from plumbline.records import SCHEMAS, UsageError
from tests.formats.written_rows import LINES, pair, source, text


@pytest.mark.parametrize("name", LINES)
def test_parquet_keeps_every_column_and_the_terms(name, tmp_path):
    loaded = load(source(tmp_path / "in", name))
    written = convert_loaded(loaded, tmp_path / "out", PARQUET)
    filled = {kind: table for kind, table in loaded.tables.items() if len(table)}
    assert set(written.rows) == {f"{kind}/{split}.parquet" for kind in filled for split in ("train", "test")}
    (tmp_path / "out" / "manifest.json").unlink()  # the tables say it for themselves
    again = load(tmp_path / "out")
    assert again.terms == loaded.terms
    assert set(again.tables) == set(filled)
    for kind, table in filled.items():
        order = [("source", "ascending"), ("row", "ascending"), ("id", "ascending")]
        got, wanted = (each.sort_by(order) for each in (_plain(again.tables[kind]), _plain(table)))
        assert got.to_pylist() == wanted.to_pylist()
        assert again.tables[kind].schema.equals(SCHEMAS[kind])
        assert set(again.tables[kind]["split"].to_pylist()) == {"train", "test"}
    for file in (tmp_path / "out").rglob("*.parquet"):
        assert terms_of(pq.read_table(file)) == loaded.terms


def _plain(table):
    """The table with plain strings for the sort."""
    index = table.schema.get_field_index("source")
    return table.set_column(index, "source", table["source"].cast(pa.string()))


def test_one_parquet_file_holds_one_kind(tmp_path):
    two = load(source(tmp_path / "two", "pku-saferlhf"))
    with pytest.raises(UsageError, match=r"PL-OUT-004(.|\n)*comparisons, safety_labels"):
        convert_loaded(two, tmp_path / "out.parquet", PARQUET)
    assert not (tmp_path / "out.parquet").exists()
    one = load(source(tmp_path / "one", "hh-rlhf"))
    written = convert_loaded(one, tmp_path / "out.parquet", PARQUET)
    assert written.rows == {"out.parquet": 7}
    assert load(tmp_path / "out.parquet").comparisons["id"].to_pylist() == one.comparisons["id"].to_pylist()


def test_a_foreign_parquet_file_reads_as_its_lines_would(tmp_path):
    for name in ("hh-rlhf", "beavertails", "pku-saferlhf", "trl", "trl-text", "pandalm", "red-team"):
        folder = source(tmp_path / name, name, [("train", 5)])
        (lines,) = folder.rglob("*.jsonl")
        expected = load(folder)
        rows = [json.loads(line) for line in lines.read_text().splitlines()]
        table = pa.Table.from_pylist(rows)
        assert list(table.schema.names) == list(rows[0])
        lines.unlink()
        pq.write_table(table, lines.with_name("train-00000-of-00001.parquet"))
        loaded = load(folder)
        assert loaded.formats == {
            f"{name}/{lines.parent.name}/train-00000-of-00001.parquet": next(iter(expected.formats.values()))
        }
        assert not loaded.faults
        for kind, kept in expected.tables.items():
            assert loaded.tables[kind]["id"].to_pylist() == kept["id"].to_pylist()
            assert set(loaded.tables[kind]["split"].to_pylist()) == {"train"}


def test_a_parquet_file_damaged_behind_its_footer_ends_in_a_code(tmp_path):
    loaded = load(source(tmp_path / "in", "hh-rlhf"))
    out = tmp_path / "harmless-x" / "train.parquet"
    convert_loaded(loaded, out, PARQUET)
    content = bytearray(out.read_bytes())
    content[100:600] = bytes(500)
    out.write_bytes(content)
    foreign = tmp_path / "harmless-y" / "train.parquet"
    foreign.parent.mkdir()
    pq.write_table(pa.Table.from_pylist([pair(number) for number in range(500)]), foreign)
    content = bytearray(foreign.read_bytes())
    content[10:600] = bytes(590)
    foreign.write_bytes(content)
    for path in (out, foreign):
        with pytest.raises(Exception, match=r"PL-IO-012") as damaged:
            load(path)
        assert "Try: " in str(damaged.value)


def test_a_foreign_parquet_file_with_values_that_json_has_no_word_for(tmp_path):
    rows = [{**text(number), "score": None, "when": pa.scalar(0, pa.timestamp("s")).as_py()} for number in (0, 1)]
    rows[1]["score"] = float("nan")
    path = tmp_path / "pairs" / "train.parquet"
    path.parent.mkdir()
    pq.write_table(pa.Table.from_pylist(rows), path)
    loaded = load(path)
    assert (loaded.comparisons["row"].to_pylist(), loaded.quarantined) == ([0], {"PL-JSON-008": 1})
