"""Lines and rows leave bit by bit, and give the same file whatever the pieces were."""

import gzip
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plumbline.formats.line_stream import ByteLines, LineStream
from plumbline.formats.parquet.stream import ParquetStream
from plumbline.formats.registry import FORMATS
from plumbline.lineage import Terms, Use, terms_of
from plumbline.records import Kind, records_from_table
from tests.formats.reading_back import line, read

PAIRS = [
    line(chosen=f"\n\nHuman: q{number}\n\nAssistant: a", rejected=f"\n\nHuman: q{number}\n\nAssistant: é")
    for number in range(5)
]
TERMS = Terms(frozenset({Use.ANALYSIS}), "MIT")


@pytest.fixture
def table():
    known = FORMATS["beavertails"]
    rows = [line(prompt=f"q{number}", response="a", is_safe=bool(number % 2)) for number in range(5)]
    return read(known.parse, *rows)[0][Kind.SAFETY_LABELS]


@pytest.mark.parametrize("zipped", [True, False])
def test_pieces_make_the_file(zipped):
    stream = ByteLines(zipped=zipped)
    data = b"".join([*stream.feed(PAIRS[:2]), *stream.feed([]), *stream.feed(PAIRS[2:]), stream.end()])
    assert (gzip.decompress(data) if zipped else data) == b"".join(each + b"\n" for each in PAIRS)
    assert stream.rows == 5


def test_no_line_is_no_byte():
    stream = ByteLines(zipped=True)
    assert [*stream.feed([]), stream.end()] == [b""]


def test_what_is_fed_does_not_wait_for_the_end():
    stream = ByteLines(zipped=False)
    many = [b"x" * 100_000] * 20
    assert len(list(stream.feed(iter(many)))) > 3


def test_faults_are_handed_over_once(table):
    known = FORMATS["beavertails"]
    stream = LineStream(known)
    place = table.schema.get_field_index("is_safe")
    without = table.set_column(place, table.schema.field(place), pa.nulls(len(table), pa.bool_()))
    data = b"".join([*stream.feed({Kind.SAFETY_LABELS: without}), *stream.feed({Kind.SAFETY_LABELS: table})])
    assert len(gzip.decompress(data + stream.end()).splitlines()) == stream.rows == 5
    assert [fault.code for fault in stream.take_faults()] == ["PL-BT-021"] * 5
    assert stream.take_faults() == []


def test_row_groups_are_written_as_they_fill(table):
    stream = ParquetStream(TERMS, group_rows=7)
    pieces = [b"".join(stream.feed(table)) for _ in range(4)]
    assert [bool(piece) for piece in pieces] == [False, True, False, True]
    data = b"".join([*pieces, stream.end()])
    found = pq.read_table(io.BytesIO(data))
    assert list(records_from_table(found)) == 4 * list(records_from_table(table))
    assert (stream.rows, terms_of(found)) == (20, TERMS)
    assert pq.ParquetFile(io.BytesIO(data)).metadata.num_row_groups == 2


def test_no_row_is_no_byte(table):
    stream = ParquetStream(TERMS)
    assert [*stream.feed(table.slice(0, 0)), stream.end()] == [b""]
