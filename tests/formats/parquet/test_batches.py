"""Parquet that unpacks to far too much is refused before it is unpacked; honest tables are read in bounded batches."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plumbline.formats import load
from plumbline.formats.line_blocks import Limits
from plumbline.formats.parquet import batches as parquet_batches
from plumbline.records import FaultError, SourceError


@pytest.fixture
def numbers(tmp_path):
    """Two gigabytes of zeros in a file of some kilobytes."""
    values = pa.array(np.zeros(1 << 20, np.int64))
    lists = pa.ListArray.from_arrays(pa.array(np.linspace(0, 1 << 20, 65, dtype=np.int32)), values)
    table = pa.table({"chosen": lists})
    path = tmp_path / "train.parquet"
    with pq.ParquetWriter(path, table.schema, compression="zstd") as writer:
        for _ in range(256):
            writer.write_table(table)
    assert path.stat().st_size < 1 << 20
    return path


def test_numbers_are_counted_before_they_are_decoded(numbers, monkeypatch):
    monkeypatch.setattr(pq.ParquetFile, "iter_batches", lambda *_, **__: pytest.fail("decoded"))
    before = pa.total_allocated_bytes()
    with pytest.raises(FaultError, match="PL-IO-004"):
        list(parquet_batches.parquet_batches(numbers))
    assert pa.total_allocated_bytes() - before < 16 << 20
    with pytest.raises(FaultError, match="PL-IO-004"):
        load(numbers, format="trl")


@pytest.mark.parametrize("shape", ["wide", "lists"])
def test_wide_rows_are_decoded_a_few_at_a_time(shape, tmp_path, monkeypatch):
    wide, lists = pa.array([bytes(1 << 16)] * 256, pa.binary(1 << 16)), pa.array([[0] * 10_000] * 256)
    pq.write_table(pa.table({"x": wide if shape == "wide" else lists}), tmp_path / "x.parquet")
    decoded = []
    monkeypatch.setattr(parquet_batches, "_BATCH_BYTES", 1 << 20)
    monkeypatch.setattr(parquet_batches, "_require_utf8", lambda batch, _: decoded.append(batch.nbytes))
    assert sum(len(batch) for batch in parquet_batches.parquet_batches(tmp_path / "x.parquet")) == 256
    assert len(decoded) > 10
    assert max(decoded) <= 1.1 * (1 << 20)  # the bytes of offsets and of what is null come on top


def varint(value):
    """A number as the footer holds it."""
    value, encoded = value << 1, b""
    while value >= 0x80:
        encoded += bytes([value & 0x7F | 0x80])
        value >>= 7
    return encoded + bytes([value])


def test_a_footer_that_understates_its_values_deceives_nobody(tmp_path, monkeypatch):
    count, stated = 9_000_000, 1_100_000
    zeros = pa.array(np.zeros(count, np.int64))
    path = tmp_path / "x.parquet"
    table = pa.table({"x": pa.ListArray.from_arrays(pa.array([0, count], pa.int32()), zeros)})
    pq.write_table(table, path, compression="zstd", data_page_size=1 << 30, write_statistics=False)
    content = path.read_bytes()
    start = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    assert varint(count) in content[start:]
    path.write_bytes(content[:start] + content[start:].replace(varint(count), varint(stated)))
    assert pq.ParquetFile(path).metadata.row_group(0).column(0).num_values == stated
    monkeypatch.setattr(pq.ParquetFile, "iter_batches", lambda *_, **__: pytest.fail("decoded"))
    with pytest.raises(FaultError, match="PL-IO-004"):
        list(parquet_batches.parquet_batches(path, Limits(expansion=0, expansion_floor_bytes=8 * count - 1)))


def test_what_the_footer_hides_is_still_counted(tmp_path, monkeypatch):
    pq.write_table(pa.table({"x": pa.array(range(100_000))}), tmp_path / "x.parquet")
    monkeypatch.setattr(parquet_batches, "_stated_sizes", lambda *_: [(1, 100_000)])
    with pytest.raises(FaultError, match="PL-IO-004"):
        list(parquet_batches.parquet_batches(tmp_path / "x.parquet", Limits(expansion=0, expansion_floor_bytes=5000)))


@pytest.mark.parametrize("name", ["chosen", "inner"])
def test_a_column_name_that_is_not_utf8_is_damage(name, tmp_path):
    path = tmp_path / "harmless-x" / "train.parquet"
    path.parent.mkdir()
    pq.write_table(pa.table({"chosen": ["a"], "rejected": [{"inner": "b"}]}), path, store_schema=False)
    content = path.read_bytes()
    assert name.encode() in content
    path.write_bytes(content.replace(name.encode(), b"\xff" + name.encode()[1:]))
    for read in (load, parquet_batches.open_parquet, lambda path: list(parquet_batches.parquet_batches(path))):
        with pytest.raises(SourceError, match="PL-IO-012"):
            read(path)


def test_texts_inside_lists_are_read_over_many_row_groups(tmp_path):
    path = tmp_path / "harmless-x" / "train.jsonl"
    path.parent.mkdir()
    path.write_text('{"chosen": "\\n\\nHuman: a", "rejected": "\\n\\nHuman: b"}\n' * 30)
    table = load(path).comparisons
    pq.write_table(table, tmp_path / "own.parquet", row_group_size=11)
    assert load(tmp_path / "own.parquet").comparisons["id"].equals(table["id"])
