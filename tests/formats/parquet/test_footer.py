"""The footer is read without PyArrow's own reader of it, which one changed byte can end together with the process."""

import subprocess
import sys
from mmap import ACCESS_READ, mmap

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plumbline.formats import load
from plumbline.formats.parquet.batches import parquet_batches
from plumbline.formats.parquet.footer import ColumnChunk, read_footer
from plumbline.records import SourceError

ROWS = 300


def rows_of_many_kinds():
    return pa.table(
        {
            "chosen": [f"\n\nHuman: q\n\nAssistant: a {n}" for n in range(ROWS)],
            "rejected": ["\n\nHuman: q\n\nAssistant: b"] * ROWS,
            "lists": [{"a": [n] * (n % 3), "b": n / 3} for n in range(ROWS)],
            "nothing": pa.nulls(ROWS, pa.int8()),
        }
    )


def footer_of(path):
    with path.open("rb") as opened, mmap(opened.fileno(), 0, access=ACCESS_READ) as content:
        return read_footer(content)


@pytest.mark.parametrize("how", [{}, {"use_dictionary": False}, {"compression": "zstd", "data_page_version": "2.0"}])
def test_the_footer_says_what_pyarrow_reads_in_it(how, tmp_path):
    path = tmp_path / "x.parquet"
    pq.write_table(rows_of_many_kinds(), path, row_group_size=110, write_page_index=True, **how)
    file = pq.ParquetFile(path)
    groups = footer_of(path)
    assert [group.rows for group in groups] == [110, 110, 80]
    for index, group in enumerate(groups):
        stated = file.metadata.row_group(index)
        assert len(group.chunks) == stated.num_columns == 5
        for number, chunk in enumerate(group.chunks):
            column = stated.column(number)
            assert chunk.values == column.num_values
            assert chunk.stored_bytes == column.total_compressed_size
            assert chunk.unpacked_bytes == column.total_uncompressed_size
            first = column.dictionary_page_offset if column.has_dictionary_page else column.data_page_offset
            assert chunk.starts_at == first
            chunk.check_levels(file.schema.column(number))
    assert any(chunk.definition_levels for chunk in groups[0].chunks)


@pytest.mark.parametrize("change", [{"repetition_levels": 1}, {"definition_levels": 5}, {"string_bytes": 9}])
def test_sizes_of_another_column_are_refused(change, tmp_path):
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"x": [[1], [2]]}), path)
    column = pq.ParquetFile(path).schema.column(0)
    ColumnChunk(4, 2, 10, 10, repetition_levels=2, definition_levels=column.max_definition_level + 1).check_levels(
        column
    )
    changed = ColumnChunk(4, 2, 10, 10, **({"repetition_levels": 2} | change))
    with pytest.raises(ValueError, match=r"histogram|bytes of strings"):
        changed.check_levels(column)


def test_a_footer_that_is_none_is_damage(tmp_path, monkeypatch):
    path = tmp_path / "x.parquet"
    pq.write_table(rows_of_many_kinds(), path)
    monkeypatch.setattr("plumbline.formats.parquet.footer._MOST_BYTES", 100)
    with pytest.raises(SourceError, match=r"PL-IO-012.*the footer is damaged, or longer"):
        list(parquet_batches(path))
    path.write_bytes(b"PAR1")
    with pytest.raises(ValueError, match="longer than the file"):
        footer_of(path)


CHANGED_FOOTERS = """
import io, random, sys
from pathlib import Path
import pyarrow as pa
import pyarrow.parquet as pq
from plumbline.formats import load
from plumbline.records import PlumblineError

path, count = Path(sys.argv[1]), int(sys.argv[2])
table = pq.read_table(path) if sys.argv[3] == "foreign" else load(path, cache=False).comparisons
buffer = io.BytesIO()
pq.write_table(table, buffer, compression="zstd", row_group_size=110, write_page_index=True)
whole = buffer.getvalue()
start = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
ended = {"read": 0, "refused": 0}
for seed in range(count):
    print("seed", seed, file=sys.stderr, flush=True)  # the last of these names the file that ended the process
    chance = random.Random(seed)
    changed = bytearray(whole)
    for _ in range(chance.choice([1, 1, 2, 5])):
        at = chance.randrange(start, len(whole)) if chance.random() < 0.8 else chance.randrange(len(whole))
        changed[at] = chance.choice([0, 255, chance.randrange(256), changed[at] ^ (1 << chance.randrange(8))])
    path.write_bytes(changed)
    try:
        load(path, cache=False)
        ended["read"] += 1
    except PlumblineError:
        ended["refused"] += 1
print(ended["read"], ended["refused"])
"""


@pytest.mark.parametrize("count", [60, pytest.param(250, marks=pytest.mark.thorough)])
@pytest.mark.parametrize("kind", ["foreign", "own"])
def test_changed_bytes_end_in_rows_or_in_a_coded_error_never_in_the_process(kind, count, tmp_path):
    path = tmp_path / "harmless-x" / "train.parquet"
    path.parent.mkdir()
    pq.write_table(rows_of_many_kinds(), path)
    assert len(load(path).comparisons) == ROWS
    command = [sys.executable, "-c", CHANGED_FOOTERS, str(path), str(count), kind]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert ended.returncode == 0, ended.stderr[-2000:]
    read, refused = map(int, ended.stdout.split())
    assert read + refused == count
    assert min(read, refused) > count // 12
