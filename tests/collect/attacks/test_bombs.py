"""Uploads that unpack to more than a server has; bounds themselves are tested in service/test_upload_bounds and formats."""

import gzip
import io
import json
import struct
import zlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plumbline.collect.service import entering
from tests.collect.api.client import rows
from tests.collect.attacks.whole import two_studies

ROW = rows(("q", "a", "b")) + b"\n"


def gzip_members(count):
    """Many members, each harmless alone: who looks at the first only sees nothing."""
    member = gzip.compress(ROW + b" " * (8 << 20) + b"\n", 9)
    return member * count


def spaces(mebibytes, wrapping=gzip):
    """So many mebibytes of spaces, packed by gzip or by zlib; one is packed, and stands there again and again."""
    one, packing = b" " * (1 << 20), zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = packing.compress(one) + packing.flush(zlib.Z_FULL_FLUSH)  # which refers to nothing before it
    total = zlib.crc32 if wrapping is gzip else zlib.adler32
    checksum = total(b"")
    for _ in range(mebibytes):
        checksum = total(one, checksum)
    if wrapping is gzip:
        head, tail = b"\x1f\x8b\x08" + bytes(5) + b"\x02\xff", struct.pack("<2I", checksum, mebibytes << 20)
    else:
        head, tail = b"\x78\xda", struct.pack(">I", checksum)
    return head + block * mebibytes + packing.flush() + tail


def parquet(**columns):
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out, compression="zstd")
    return out.getvalue()


BOMBS = {
    "a gzip bomb": ("jsonl.gz", lambda: spaces(300)),
    "many members": ("jsonl.gz", lambda: gzip_members(40)),
    "gzip called lines": ("jsonl", lambda: spaces(300)),
    "gzip in gzip": ("jsonl.gz", lambda: gzip.compress(spaces(300))),
    "many rows": ("jsonl.gz", lambda: gzip.compress(b"{}\n" * 1_000_001)),
    "a long array": ("jsonl", lambda: b"[" + b"{}," * 1_500_000 + b"{}]"),
    "one text many times": (
        "parquet",
        lambda: parquet(prompt=pa.DictionaryArray.from_arrays(pa.array([0] * 300_000), ["x" * 10_000])),
    ),
    "many rows of a table": ("parquet", lambda: parquet(prompt=pa.nulls(1_000_001))),
    "many columns": ("parquet", lambda: parquet(**{f"c{number}": [1] for number in range(4_000)})),
    "very many columns": ("parquet", lambda: parquet(**{f"c{number}": [1] for number in range(20_000)})),
    "a deep table": ("parquet", lambda: parquet(prompt=deep_column(60))),
    "deep lines": ("jsonl", lambda: b"[" * 100_000 + b"]" * 100_000),
    "deep rows": ("jsonl", lambda: b'{"prompt":' + b"[" * 50_000 + b"]" * 50_000 + b"}\n" + ROW),
    "a long key": ("jsonl", lambda: json.dumps({"k" * (8 << 20): 1}).encode() + b"\n"),
    "a cut gzip bomb": ("jsonl.gz", lambda: spaces(300)[:-100]),
    "zlib called gzip": ("jsonl.gz", lambda: spaces(300, zlib)),
}


def deep_column(depth):
    kind = pa.int32()
    for _ in range(depth):
        kind = pa.list_(kind)
    return pa.array([None], kind)


def test_the_bombs_unpack():
    assert gzip.decompress(spaces(3)) == zlib.decompress(spaces(3, zlib)) == b" " * (3 << 20)


AT_LENGTH = ("very many columns",)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.thorough) if name in AT_LENGTH else name for name in BOMBS]
)
def test_a_bomb_is_refused_and_enters_nothing(api, name, monkeypatch):
    form, make = BOMBS[name]
    two_studies(api)
    known = api.got("GET", "/studies/s/items", api.owner)["items"]
    loaded = []
    load = entering.load
    monkeypatch.setattr(entering, "load", lambda *args, **more: loaded.append(args) or load(*args, **more))
    answer = api("POST", f"/studies/s/items?form={form}", api.owner, content=make())
    assert answer.status_code in (200, 400, 413, 422), answer.text[:300]
    if name in (
        "a gzip bomb",
        "many members",
        "gzip called lines",
        "many rows",
        "a long array",
        "one text many times",
        "many rows of a table",
        "a cut gzip bomb",
    ):
        assert (answer.json()["code"], loaded) == ("PL-SVC-012", []), answer.text
    # A row that can be read beside one that cannot be is entered; of the bombs nothing is.
    assert len(api.got("GET", "/studies/s/items", api.owner)["items"]) <= len(known) + (name == "deep rows")


def test_no_route_unpacks_what_a_header_calls_packed(api):
    """There is no Content-Encoding that is taken: the body is what came."""
    two_studies(api)
    packed = gzip.compress(b'{"role":"worker"}' + b" " * (50 << 20))
    for coding in ("gzip", "deflate", "br", "zstd"):
        headers = [("Content-Type", "application/json"), ("Content-Encoding", coding)]
        answer = api.ask("POST", "/api/v1/people", api.session_of(api.owner), content=packed, headers=headers)
        assert answer.status_code == 400, answer.text
