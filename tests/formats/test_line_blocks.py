"""Files as blocks of lines: one array or lines, damage, bombs, and lines that are too long."""

import gzip
import tracemalloc

import pytest

import plumbline
from plumbline.formats import load
from plumbline.formats.line_blocks import Intake, Limits, read_line_blocks
from plumbline.records import FaultError, PlumblineError
from tests.formats.sources import lines, put

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


# --- long lines ---


def test_a_line_beyond_the_limit_is_passed_over_in_bounded_memory(tmp_path):
    path = tmp_path / "harmless-x" / "train.jsonl"
    path.parent.mkdir()
    with path.open("wb") as file:
        file.write(lines(1) + b'{"chosen": "')
        for _ in range(100):
            file.write(b"a" * (1 << 20))
        file.write(b'"}\n' + lines(1))
    tracemalloc.start()
    intake = Intake("x")
    blocks = list(read_line_blocks(path, intake, Limits(block_bytes=1 << 20, line_bytes=4 << 20)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [(fault.code, fault.row) for fault in intake.faults] == [("PL-IO-005", 1)]
    assert [block.first_row for block in blocks] == [0, 2]
    assert intake.rows_read == 3
    assert peak < 20 << 20
    loaded = plumbline.load(path)
    assert (len(loaded.comparisons), loaded.quarantined) == (2, {"PL-IO-005": 1})


def test_small_blocks_read_what_large_ones_read(tmp_path):
    path = put(tmp_path, "harmless-x/train.jsonl", lines(40) + b"{\n" + lines(3).rstrip(b"\n"))
    for size in (1, 7, 100, 1 << 20):
        intake = Intake("x")
        rows = [
            row for block in read_line_blocks(path, intake, Limits(block_bytes=size)) for row in block.numbered_lines()
        ]
        assert [number for number, _ in rows] == list(range(44))
        assert intake.rows_read == 44


LIMIT = 40


@pytest.mark.parametrize("size", [1, 7, 39, 40, 41, 64, 1 << 20])
@pytest.mark.parametrize("before", [0, 1, 5, 38, 39, 40, 90])
@pytest.mark.parametrize("end", [b"\n", b""])
def test_the_longest_line_is_the_same_wherever_it_stands(tmp_path, size, before, end):
    texts = [
        b"a" * before,
        b"b" * LIMIT,
        b"c" * (LIMIT + 1),
        b"d",
        b"e" * (LIMIT * 3),
        b"f" * LIMIT,
        b"g" * (LIMIT + 1),
    ]
    (tmp_path / "x").write_bytes(b"\n".join(texts) + end)
    intake = Intake("x")
    blocks = list(read_line_blocks(tmp_path / "x", intake, Limits(block_bytes=size, line_bytes=LIMIT)))
    found = [(row, line) for block in blocks for row, line in block.numbered_lines()]
    assert found == [(row, text) for row, text in enumerate(texts) if len(text) <= LIMIT]
    assert [fault.row for fault in intake.faults] == [row for row, text in enumerate(texts) if len(text) > LIMIT]
    assert {fault.code for fault in intake.faults} == {"PL-IO-005"}
    assert intake.rows_read == len(texts)


def test_a_file_of_one_line_too_long_is_not_empty(tmp_path):
    (tmp_path / "x").write_bytes(b"a" * (LIMIT + 1))
    intake = Intake("x")
    assert not list(read_line_blocks(tmp_path / "x", intake, Limits(line_bytes=LIMIT)))
    assert [fault.code for fault in intake.faults] == ["PL-IO-005"]


# --- damage ---


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (gzip.compress(lines(5000))[:-40], "PL-IO-002"),
        (gzip.compress(lines(50))[:30] + b"\x00\x01\x02\x03" * 20, "PL-IO-00[23]"),
        (b"", "PL-IO-006"),
        (gzip.compress(b""), "PL-IO-006"),
        (b"[]", "PL-IO-006"),
        (b"[{]", "PL-JSON-001"),
        (b"[" * 100_000, "PL-JSON-001"),
    ],
    ids=["cut gzip", "broken gzip", "empty", "empty gzip", "empty array", "broken array", "deep array"],
)
def test_a_file_damaged_as_a_whole_ends_the_run(tmp_path, content, code):
    path = put(tmp_path, "harmless-x/train.jsonl.gz", content)
    for format_name in (None, "hh-rlhf"):
        with pytest.raises(PlumblineError, match=code) as ended:
            plumbline.load(path, format=format_name)
        assert "Try: " in str(ended.value)


@pytest.mark.parametrize(
    ("filler", "code"), [(b"a", "PL-IO-004"), (b"\n", "PL-IO-013")], ids=["one line", "blank lines"]
)
def test_a_gzip_bomb_is_stopped(tmp_path, filler, code):
    path = put(tmp_path, "harmless-x/train.jsonl.gz", gzip.compress(filler * (100 << 20)) * 3)
    with pytest.raises(FaultError, match=code):
        plumbline.load(path, format="hh-rlhf")


WHOLE = gzip.compress(lines(500))


@pytest.mark.parametrize("before", [WHOLE, WHOLE * 2, WHOLE + bytes(5000)], ids=["one", "two", "padded"])
@pytest.mark.parametrize("rest", [b"x", b"0123", b"more than a header would take", b"\0\0x"])
@pytest.mark.parametrize("size", [100, 8 << 20])
def test_something_behind_a_whole_gzip_file_is_called_so(tmp_path, before, rest, size):
    path = put(tmp_path, "train.jsonl.gz", before + rest)
    with pytest.raises(FaultError, match=r"(?s)PL-IO-003.*is whole, but something.*gunzip"):
        list(read_line_blocks(path, Intake("x"), Limits(block_bytes=size)))


def test_zeros_behind_a_gzip_file_are_padding(tmp_path):
    path = put(tmp_path, "harmless-x/train.jsonl.gz", WHOLE + bytes(5000))
    assert len(plumbline.load(path).comparisons) == 500


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (WHOLE[:-1], "cut off"),
        (WHOLE[:-9], "cut off"),
        (WHOLE + WHOLE[:-20], "cut off"),
        (WHOLE + WHOLE[:1], "cut off"),
        (WHOLE[:-8] + bytes(4) + WHOLE[-4:] + b"x", "is damaged"),
        (WHOLE + b"\x1f\x8b" + b"x" * 50, "is damaged"),
    ],
    ids=["last byte", "trailer", "second member", "one byte of a second", "checksum", "second header"],
)
def test_what_is_cut_off_or_damaged_is_not_called_whole(tmp_path, content, told):
    path = put(tmp_path, "train.jsonl.gz", content)
    with pytest.raises(FaultError, match=f"PL-IO-00[23].*{told}"):
        list(read_line_blocks(path, Intake("x")))
