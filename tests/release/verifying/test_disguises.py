"""Files that are lines or tables to Plumbline and an archive to a loader: found, though their rows are those told."""

import gzip
import json
import struct
import tarfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plumbline.release.verifying.disguises import disguise
from tests.release.spoiling import LINES, TABLE, places, tell_anew


def tar_header(begin, size):
    """The header of a tar archive with one file, whose name is how it begins."""
    head = bytearray(begin.ljust(512, b"\0"))
    head[100:156] = b"0000644\0" + b"0000000\0" * 2 + b"%011o\0" % size + b"00000000000\0" + b" " * 8
    head[156:157] = b"0"
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head)


def with_archive_in_header(zipped):
    """A gzip file of the same lines that a tar reader unpacks to flipped ones."""
    pairs = [json.loads(line) for line in gzip.decompress(zipped).splitlines()]
    flipped = b"".join(
        json.dumps({"chosen": pair["rejected"], "rejected": pair["chosen"]}).encode() + b"\n" for pair in pairs
    )
    body = flipped.ljust(-(-len(flipped) // 512) * 512 + 1024, b"\0")
    begin = b"\x1f\x8b\x08\x04" + b"\0" * 6 + struct.pack("<H", 512 + len(body) - 12)
    return tar_header(begin, len(flipped)) + body + zipped[10:]


def test_an_archive_of_flipped_pairs_in_the_header_of_a_gzip_file(spoiled):
    path = spoiled / LINES
    lines = gzip.decompress(path.read_bytes())
    path.write_bytes(with_archive_in_header(path.read_bytes()))
    assert gzip.decompress(path.read_bytes()) == lines
    assert tarfile.is_tarfile(path)
    tell_anew(spoiled)
    assert places(spoiled) == {"PL-REL-032": [LINES]}


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(tar_header(b'{"chosen": "x', 0)),
        tar_header(b"PAR1", 0),
        gzip.compress(b'[{"chosen": "x", "rejected": "y"}]'),
        gzip.compress(b'\n{"chosen": "x", "rejected": "y"}\n'),
    ],
    ids=["tar in gzip", "tar", "an array", "a blank line first"],
)
def test_what_other_readers_take_for_something_else(tmp_path, data):
    (tmp_path / "x").write_bytes(data)
    assert disguise(tmp_path / "x")


def test_files_of_a_release_are_what_they_are(sound):
    files = [*sound.glob("*/*.jsonl.gz"), *sound.glob("records/*/*.parquet")]
    assert len(files) == 10
    assert [disguise(path) for path in files] == [None] * 10


def test_words_for_readers_in_the_footer_of_a_table(spoiled):
    table = pq.read_table(spoiled / TABLE)
    with pq.ParquetWriter(spoiled / TABLE, table.schema) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({"huggingface": "{}"})
    tell_anew(spoiled)
    assert places(spoiled) == {"PL-REL-032": [TABLE]}
    place = table.schema.get_field_index("strength")
    pq.write_table(table.set_column(place, "strength", pa.nulls(len(table))), spoiled / TABLE)
    tell_anew(spoiled)
    assert places(spoiled) == {"PL-REL-032": [TABLE]}
