"""Whether a file that begins with "[" is one array, or lines of which the first is odd."""

import pytest

from plumbline.formats import load
from plumbline.formats.line_blocks import Intake, Limits, read_line_blocks

OBJECT = b'{"a": 1}'
PAIR = b'{"chosen": "\\n\\nHuman: a\\n\\nAssistant: b", "rejected": "\\n\\nHuman: a\\n\\nAssistant: c"}\n'


def rows(path, content, **limits):
    path.write_bytes(content)
    intake = Intake("x")
    blocks = list(read_line_blocks(path, intake, Limits(**limits)))
    found = [(row, line) for block in blocks for row, line in block.numbered_lines()]
    assert intake.rows_read == len(found)
    return found


SIZES = pytest.mark.parametrize("size", [1, 3, 10, 1 << 20])


@SIZES
def test_a_first_line_that_is_an_array_is_one_odd_line(tmp_path, size):
    content = b"[1, 2]\n\n" + OBJECT + b"\n"
    assert rows(tmp_path / "x", content, block_bytes=size) == [(0, b"[1, 2]"), (1, b""), (2, OBJECT)]
    assert rows(tmp_path / "x", b"[1]\n[2]\n[3]", block_bytes=size) == [(0, b"[1]"), (1, b"[2]"), (2, b"[3]")]


@SIZES
@pytest.mark.parametrize(
    "content",
    [
        b"[" + OBJECT + b"," + OBJECT + b"]",
        b"[" + OBJECT + b"," + OBJECT + b"]\n \n\n",
        b"[\n" + OBJECT + b",\n" + OBJECT + b"\n]\n",
        b"[" + OBJECT + b",\n" + OBJECT + b"]",
        b"[" + OBJECT + b"\n," + OBJECT + b"]",
    ],
)
def test_an_array_stays_one_however_it_is_broken_into_lines(tmp_path, content, size):
    assert [line for _, line in rows(tmp_path / "x", content, block_bytes=size)] == [OBJECT] * 2


def test_an_array_longer_than_a_line_may_be_is_still_read(tmp_path):
    content = b"[" + b",".join([OBJECT] * 100) + b"]"
    assert len(rows(tmp_path / "x", content, block_bytes=10, line_bytes=50)) == 100


def test_the_odd_line_is_set_aside_and_the_others_are_read(tmp_path):
    path = tmp_path / "harmless-x" / "train.jsonl"
    path.parent.mkdir()
    path.write_bytes(b"[1, 2]\n" + PAIR * 2)
    loaded = load(path)
    assert (len(loaded.comparisons), loaded.quarantined) == (2, {"PL-JSON-002": 1})
