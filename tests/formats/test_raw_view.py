"""One line of a file, for people who look into a fault."""

import gzip

import pytest

from plumbline.formats.line_blocks import Limits
from plumbline.formats.raw_view import read_line
from plumbline.records import UsageError


def test_a_line_is_found_by_its_number_and_a_missing_one_told(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_bytes(b'{"a": 1}\n\n{"a": 2}')
    assert [read_line(path, line) for line in (1, 2, 3)] == [b'{"a": 1}', b"", b'{"a": 2}']
    with pytest.raises(UsageError, match=r"there is no line 4(?s:.)*1 to 3"):
        read_line(path, 4)


@pytest.mark.parametrize(("name", "command"), [("train.jsonl", "cat"), ("train.jsonl.gz", "gunzip -c")])
def test_a_line_too_long_to_be_read_says_so(tmp_path, name, command):
    content = b'{"a": 1}\n' + b"x" * (Limits().line_bytes + 1) + b'\n{"a": 2}\n'
    path = tmp_path / name
    path.write_bytes(gzip.compress(content, 1) if name.endswith(".gz") else content)
    assert read_line(path, 3) == b'{"a": 2}'
    with pytest.raises(UsageError, match=f"the line is too long(?s:.)*{command} (?s:.)*2p"):
        read_line(path, 2)
