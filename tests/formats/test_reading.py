"""One file → tables: the format recognised, blocks in order, what the file as a whole turned up counted."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import plumbline
from plumbline.curate.accounting import LEDGER_SCHEMA
from plumbline.curate.changes import CHANGES_SCHEMA
from plumbline.curate.suspected_labels import LABEL_ERROR_SCHEMA
from plumbline.formats import reading
from plumbline.formats.line_blocks import Limits
from plumbline.formats.locations import Location
from plumbline.formats.origin import Origin
from plumbline.formats.reading import ReadFile, read_tables, recognise_format
from plumbline.records import FaultError, Kind, SourceError
from tests.formats.sources import GOOD, lines, put


def at(path):
    return Location(path, Origin("harmless-x/" + path.name, "harmless-x"))


def read_all(path, name, **limits):
    file = ReadFile(at(path), name)
    return file, [tables[Kind.COMPARISONS] for tables in read_tables(file, Limits(**limits))]


def test_what_is_odd_but_readable_is_a_finding(tmp_path):
    path = put(
        tmp_path, "harmless-x/train.jsonl.gz", b"\xef\xbb\xbf" + lines(1) + b"\n" + lines(1).replace(b"\n", b"\r\n")
    )
    loaded = plumbline.load(path)
    assert len(loaded.comparisons) == 2
    assert {finding.code for finding in loaded.findings} == {"PL-IO-007", "PL-IO-008", "PL-IO-011"}
    assert loaded.rows_read == 2


def test_utf16_is_no_json(tmp_path):
    path = put(tmp_path, "harmless-x/train.jsonl", lines(2).decode().encode("utf-16"))
    with pytest.raises(SourceError, match="PL-SRC-008"):
        plumbline.load(path)
    assert not len(plumbline.load(path, format="hh-rlhf").comparisons)


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (b'{"chosen": "a", "rejected": "b"}', "hh-rlhf"),
        (b'{"rejected": "a", "more": 1, "chosen": "b"}', "hh-rlhf"),
        (b'{"prompt": "q", "chosen": "a", "rejected": "b"}', "trl"),
        (b'{"chosen": [], "rejected": []}', "trl"),
        (b'{"prompt": "q", "response": "a", "is_safe": true}', "beavertails"),
    ],
)
def test_a_format_is_told_by_its_keys_and_by_which_of_them_are_texts(line, name, tmp_path):
    path = put(tmp_path, "x.jsonl", b"{broken\n[]\n" + line + b"\n")
    assert recognise_format(at(path)) == name


def test_parquet_is_told_by_its_columns(tmp_path):
    pq.write_table(pa.table({key: [text] for key, text in GOOD.items()}), tmp_path / "x.parquet")
    assert recognise_format(at(tmp_path / "x.parquet")) == "hh-rlhf"
    own = plumbline.load(put(tmp_path, "harmless-x/train.jsonl", lines(2))).comparisons
    pq.write_table(own, tmp_path / "own.parquet")
    assert recognise_format(at(tmp_path / "own.parquet")) == "parquet"


def test_keys_of_no_format_are_counted_and_never_shown(tmp_path):
    path = put(tmp_path, "x.jsonl", b'{"chosen": "a", "my secret": "b", "another": 1}\n')
    with pytest.raises(SourceError, match=r"(?s)PL-SRC-008.*rejected is missing.*chosen and 2 other keys") as told:
        recognise_format(at(path))
    assert "secret" not in str(told.value)
    with pytest.raises(SourceError, match=r"(?s)PL-SRC-008.*no row among the first"):
        recognise_format(at(put(tmp_path, "y.jsonl", b"nothing\n")))
    with pytest.raises(SourceError, match=r"(?s)PL-SRC-008.*plain text, not gzip"):
        recognise_format(at(put(tmp_path, "y.jsonl.gz", b"nothing\n")))


def test_a_key_like_the_one_that_is_missing_is_named(tmp_path):
    path = put(tmp_path, "x.jsonl", b'{"prompt": "a", "response": "b", "safe": true, "my secret": 1}\n')
    with pytest.raises(SourceError, match=r"(?s)is_safe is missing.*safe \(like is_safe\) and 1 other key") as told:
        recognise_format(at(path))
    assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        (
            ("prompt", "response_a", "response_b"),  # which is which must not be guessed
            r"pairs, the nearest.*response_a \(like response_0 or response_1\).*\"Pairs that nobody has judged yet\"",
        ),
        (("prompt", "answer_a", "answer_b"), r"trl, the nearest.*\"Your own labels and pairs\""),
        (("messages", "label"), "the columns of one of hh-rlhf, .*pairs"),
    ],
)
def test_the_nearest_format_is_that_of_like_keys_and_a_prompt_alone_tells_little(keys, told, tmp_path):
    path = put(tmp_path, "x.jsonl", json.dumps(dict.fromkeys(keys, "a")).encode() + b"\n")
    with pytest.raises(SourceError, match=f"(?s){told}"):
        recognise_format(at(path))


LEDGERS = (LEDGER_SCHEMA, CHANGES_SCHEMA, LABEL_ERROR_SCHEMA)


def test_what_a_curation_notes_is_told_apart_from_records(tmp_path):
    for number, columns in enumerate(LEDGERS):
        path = tmp_path / f"{number}.parquet"
        pq.write_table(columns.empty_table(), path)
        for look in (lambda: recognise_format(at(path)), lambda: read_all(path, "parquet")):  # noqa: B023 – called at once
            with pytest.raises(SourceError, match=r"(?s)PL-SRC-008.*what a curation notes"):
                look()


@pytest.mark.parametrize("size", [1, 300, 1 << 20])
def test_blocks_come_in_order_and_their_counts_add_up(size, tmp_path):
    path = put(tmp_path, "x.jsonl", lines(40) + b"{\n\n" + lines(3))
    file, tables = read_all(path, "hh-rlhf", block_bytes=size)
    assert [row for table in tables for row in table["row"].to_pylist()] == [*range(40), 42, 43, 44]
    assert (file.rows_read, file.blank_lines, [fault.row for fault in file.faults]) == (44, 1, [40])
    assert [finding.code for finding in file.findings] == ["PL-IO-011"]


def test_too_many_unreadable_or_blank_lines_end_the_reading(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "_MOST_FAULTS", 3)
    path = put(tmp_path, "x.jsonl", lines(2) + b"\n\n{\n")
    assert read_all(path, "hh-rlhf")[0].rows_read == 3
    path = put(tmp_path, "x.jsonl", lines(2) + b"\n\n{\n{\n")
    with pytest.raises(FaultError, match=r"(?s)PL-IO-013.*at most 3"):
        read_all(path, "hh-rlhf")


def test_a_foreign_table_gives_what_its_lines_give(tmp_path):
    path = put(tmp_path, "x.jsonl", lines(50))
    rows = [{key: f"{text} {n}" for key, text in GOOD.items()} for n in range(50)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "x.parquet", row_group_size=7)
    of_lines, of_table = (pa.concat_tables(read_all(each, "hh-rlhf")[1]) for each in (path, tmp_path / "x.parquet"))
    assert of_table.drop("source").equals(of_lines.drop("source"))


def test_a_table_that_is_not_our_own_is_not_read_as_such(tmp_path):
    pq.write_table(pa.table({"x": [1]}), tmp_path / "x.parquet")
    with pytest.raises(SourceError, match=r"(?s)PL-SRC-008.*leave --format out"):
        read_all(tmp_path / "x.parquet", "parquet")
