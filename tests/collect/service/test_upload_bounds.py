"""What is sent is bounded before it is read: bytes once unpacked, rows, and what dictionaries would take written out."""

import gzip
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plumbline.collect.service import entering
from plumbline.collect.service.failures import ServiceError
from plumbline.collect.service.upload_bounds import UploadBounds, require_within
from plumbline.records import SourceError
from tests.collect.api.client import rows, toml

SMALL = UploadBounds(unpacked_bytes=3 << 20, array_bytes=1000, rows=1000)
LINE = b'{"prompt": "one"}\n'


def parquet(count, text):
    """A table of one text, held once."""
    words = pa.DictionaryArray.from_arrays(pa.array([0] * count, pa.int32()), [text])
    sink = io.BytesIO()
    pq.write_table(pa.table({"prompt": words}), sink, compression="zstd")
    return sink.getvalue()


WITHIN = {
    "lines": ("jsonl", LINE * 1000),
    "zipped lines": ("jsonl.gz", gzip.compress(LINE * 1000)),
    "lines that are called zipped": ("jsonl.gz", LINE * 1000),
    "an array": ("jsonl", b"[" + b",".join([LINE.strip()] * 50) + b"]"),
    "a table": ("parquet", parquet(1000, "x" * 1000)),
    "a damaged file": ("jsonl.gz", gzip.compress(LINE * 100)[:-20]),
}
BEYOND = {
    "many lines": ("jsonl", LINE * 1001, "rows"),
    "many zipped lines": ("jsonl.gz", gzip.compress(LINE * 1001), "rows"),
    "zipped, and called otherwise": ("jsonl", gzip.compress(LINE * 1001), "rows"),
    "one long line": ("jsonl.gz", gzip.compress(b"x" * (4 << 20)), "unpacked"),
    "an array": ("jsonl", b" [" + b"1," * 500 + b"1]", "array"),
    "an array behind many blanks": ("jsonl", b" " * (1 << 20) + b"[1]", "array"),
    "a table of many rows": ("parquet", parquet(1001, "x"), "rows"),
    "a table of one long text": ("parquet", parquet(1000, "x" * 4000), "unpacked"),
}


@pytest.mark.parametrize("name", WITHIN)
def test_what_is_within_passes(tmp_path, name):
    form, data = WITHIN[name]
    (tmp_path / "items").write_bytes(data)
    require_within(tmp_path / "items", form, SMALL)


@pytest.mark.parametrize("name", BEYOND)
def test_what_is_beyond_is_refused(tmp_path, name):
    form, data, why = BEYOND[name]
    (tmp_path / "items").write_bytes(data)
    with pytest.raises(ServiceError, match="PL-SVC-012") as raised:
        require_within(tmp_path / "items", form, SMALL)
    assert why in raised.value.expected
    assert str(tmp_path) not in str(raised.value)


def test_a_bomb_is_stopped_as_soon_as_it_is_seen(tmp_path, monkeypatch):
    taken = []
    opened = entering.require_within.__globals__["igzip"].open

    class Counted:
        def __init__(self, path, mode):
            self.file = opened(path, mode)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def read(self, count):
            data = self.file.read(count)
            taken.append(len(data))
            return data

    monkeypatch.setattr("plumbline.collect.service.upload_bounds.igzip.open", Counted)
    (tmp_path / "items").write_bytes(gzip.compress(b"x" * (64 << 20), 1))
    with pytest.raises(ServiceError, match="PL-SVC-012"):
        require_within(tmp_path / "items", "jsonl.gz", SMALL)
    assert sum(taken) <= SMALL.unpacked_bytes + (1 << 20)


def test_what_is_no_table_is_told_by_the_reader(tmp_path):
    (tmp_path / "items").write_bytes(b"PAR1")
    with pytest.raises(SourceError, match="PL-IO-012"):
        require_within(tmp_path / "items", "parquet", SMALL)


def test_nothing_of_it_is_read_or_entered(api, monkeypatch):
    api.study(toml())
    monkeypatch.setattr(entering, "load", lambda *_, **__: pytest.fail("read all the same"))
    monkeypatch.setattr(entering.require_within, "__defaults__", (SMALL,))
    sent = rows(*[(f"q{number}", "one", "other") for number in range(1002)])
    problem = api.problem("POST", "/studies/s/items", api.owner, content=sent, status=422, code="PL-SVC-012")
    assert "collect init" in json.dumps(problem)
