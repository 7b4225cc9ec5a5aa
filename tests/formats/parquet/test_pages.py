"""The headers of pages are followed to the end, and headers that lead nowhere are refused at once."""

from mmap import ACCESS_READ, mmap

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plumbline.formats import load
from plumbline.formats.parquet.batches import parquet_batches
from plumbline.formats.parquet.footer import ColumnChunk, read_footer
from plumbline.formats.parquet.pages import ChunkSize, chunk_size
from plumbline.records import SourceError
from tests.work import calls_made


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
    with path.open("rb") as opened, mmap(opened.fileno(), 0, access=ACCESS_READ) as content:
        groups = read_footer(content)
        assert len(groups) == 4
        for chunk in (chunk for group in groups for chunk in group.chunks):
            of_pages = chunk_size(content, chunk)
            assert of_pages.values >= chunk.values
            assert 0 < of_pages.page_bytes <= chunk.unpacked_bytes
    assert sum(len(batch) for batch in parquet_batches(path)) == rows


def test_headers_that_cannot_be_read_are_damage(tmp_path):
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"x": pa.array(range(1000))}), path)
    content = path.read_bytes()
    for garbage in (b"\xff" * 60, b"\x1c" * 60, b"\x15\x01" * 30):
        path.write_bytes(content[:4] + garbage + content[64:])
        with pytest.raises(SourceError, match="PL-IO-012"):
            list(parquet_batches(path))


def test_pages_of_zeros_are_refused_at_once(tmp_path):
    path = tmp_path / "harmless-x" / "train.parquet"
    path.parent.mkdir()
    table = pa.table({"chosen": ["a" * (1 << 20)] * 8, "rejected": ["b"] * 8})
    pq.write_table(table, path, compression="none", use_dictionary=False)
    with path.open("r+b") as opened:
        chunk = pq.read_metadata(path).row_group(0).column(0)
        opened.seek(chunk.data_page_offset)
        opened.write(bytes(chunk.total_compressed_size))

    def refused():
        with pytest.raises(SourceError, match=r"PL-IO-012.*header of a page"):
            load(path)

    made, _ = calls_made(refused)
    assert made < 100_000  # of eight million bytes, each of which reads as an empty page


def page(kind, described_by, values, *, size=0, fields=(1, 2, 3)):
    """A header: kind, sizes, and the structure that describes it, of which only the number of values is there."""
    content, before = b"", 0
    for number, value in zip((1, 2, 3), (kind, 50, size), strict=True):
        if number in fields:
            content += bytes([(number - before) << 4 | 5, value << 1])
            before = number
    described = b"" if values is None else bytes([0x15, values << 1])
    return content + bytes([(described_by - before) << 4 | 12]) + described + b"\0\0" + bytes(size)


DICTIONARY, INDEX, DATA, DATA_2 = page(2, 7, 4, size=3), page(1, 6, None), page(0, 5, 7, size=2), page(3, 8, 9)


def size_of(content, tmp_path, values):
    (tmp_path / "pages").write_bytes(content)
    with (tmp_path / "pages").open("rb") as opened, mmap(opened.fileno(), 0, access=ACCESS_READ) as mapped:
        return chunk_size(mapped, ColumnChunk(0, values, len(content), 1))


def test_pages_are_counted_until_their_values_are_there(tmp_path):
    content = DICTIONARY + INDEX + DATA + DATA_2 + DATA
    assert size_of(content, tmp_path, 16) == ChunkSize(200, 20)
    assert size_of(content, tmp_path, 17) == ChunkSize(250, 27)
    assert size_of(content, tmp_path, 1000) == ChunkSize(250, 27)
    assert size_of(content, tmp_path, 0) == ChunkSize(0, 0)


@pytest.mark.parametrize(
    "content",
    [
        bytes(100),
        page(0, 7, 4),
        page(2, 5, 4),
        page(3, 5, 4),
        page(9, 5, 4),
        page(0, 5, None),
        page(0, 5, 4, fields=(1, 2)),
        page(0, 5, 4, fields=(1, 3)),
        page(0, 5, 4, fields=(2, 3)),
        page(0, 5, 0) * 1001,
        DICTIONARY * 1001,
    ],
)
def test_a_header_that_is_that_of_no_page_is_refused(content, tmp_path):
    with pytest.raises(ValueError, match=r"of no page|below 0, or none|without values"):
        size_of(content, tmp_path, 5)
