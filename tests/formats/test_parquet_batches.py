"""Parquet that unpacks to far too much is refused before it is unpacked; honest tables are read in bounded batches."""

from mmap import ACCESS_READ, mmap

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plumbline.formats import load, parquet_batches
from plumbline.formats.line_blocks import Limits
from plumbline.formats.parquet_pages import chunk_size
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


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("compression", ["none", "snappy", "zstd"])
def test_the_pages_of_honest_files_add_up(version, compression, tmp_path):
    rows = 30_000
    table = pa.table(
        {
            "number": pa.array(range(rows), pa.int64()),
            "text": [f"text {n % 7}" for n in range(rows)],
            "lists": [[n] * (n % 3) for n in range(rows)],
            "nothing": pa.nulls(rows, pa.int8()),
        }
    )
    path = tmp_path / "x.parquet"
    pq.write_table(
        table, path, compression=compression, data_page_version=version, row_group_size=9000, data_page_size=4096
    )
    file = pq.ParquetFile(path)
    with path.open("rb") as opened, mmap(opened.fileno(), 0, access=ACCESS_READ) as content:
        for index in range(file.metadata.num_row_groups):
            group = file.metadata.row_group(index)
            for number in range(group.num_columns):
                chunk = group.column(number)
                of_pages = chunk_size(content, chunk)
                assert of_pages.values >= chunk.num_values
                assert 0 < of_pages.page_bytes <= chunk.total_uncompressed_size
    assert sum(len(batch) for batch in parquet_batches.parquet_batches(path)) == rows


def test_headers_that_cannot_be_read_are_damage(tmp_path):
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"x": pa.array(range(1000))}), path)
    content = path.read_bytes()
    for garbage in (b"\xff" * 60, b"\x1c" * 60, b"\x15\x01" * 30):
        path.write_bytes(content[:4] + garbage + content[64:])
        with pytest.raises(SourceError, match="PL-IO-012"):
            list(parquet_batches.parquet_batches(path))


def test_what_the_footer_hides_is_still_counted(tmp_path, monkeypatch):
    pq.write_table(pa.table({"x": pa.array(range(100_000))}), tmp_path / "x.parquet")
    monkeypatch.setattr(parquet_batches, "_stated_sizes", lambda *_: [(1, 100_000)])
    with pytest.raises(FaultError, match="PL-IO-004"):
        list(parquet_batches.parquet_batches(tmp_path / "x.parquet", Limits(expansion=0, expansion_floor_bytes=5000)))
