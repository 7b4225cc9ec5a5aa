"""The cache answers with the rows that reading gave, notices a change, and never gives what it cannot vouch for."""

import json
import os
import stat

import pytest

import plumbline
from plumbline.formats import cache as file_cache
from plumbline.formats import loading
from plumbline.formats.cache import CachedFile, cache_folder, cache_key, read_entry, write_entry
from plumbline.formats.locations import Location
from plumbline.formats.origin import Origin
from plumbline.lineage import Fault, Finding
from plumbline.records import Axis, Kind
from tests.formats.sources import lines, put


def test_the_cache_answers_with_the_same_rows_and_notices_a_change(tmp_path, own_cache, monkeypatch):
    monkeypatch.setattr(loading, "_CACHED_FROM_BYTES", 0)
    path = put(tmp_path, "harmless-x/train.jsonl", lines(50) + b"{\n")
    first = plumbline.load(path)
    (entry,) = own_cache.iterdir()
    assert entry.stat().st_mode & 0o077 == 0, "its owner's alone, whatever the cache's folder lets others do"
    monkeypatch.setattr(loading, "read_tables", lambda *_: pytest.fail("the file was read again"))
    again = plumbline.load(path)
    assert again.comparisons.equals(first.comparisons)
    assert (again.faults, again.rows_read) == (first.faults, first.rows_read)
    monkeypatch.undo()
    os.environ["PLUMBLINE_CACHE"] = str(own_cache)
    monkeypatch.setattr(loading, "_CACHED_FROM_BYTES", 0)
    path.write_bytes(lines(2))
    assert len(plumbline.load(path).comparisons) == 2


def test_a_damaged_cache_entry_is_read_anew(tmp_path, own_cache, monkeypatch):
    monkeypatch.setattr(loading, "_CACHED_FROM_BYTES", 0)
    path = put(tmp_path, "harmless-x/train.jsonl", lines(5))
    plumbline.load(path)
    for file in own_cache.rglob("*.arrow"):
        file.write_bytes(b"garbage")
    assert len(plumbline.load(path).comparisons) == 5


def test_the_cache_keeps_its_size(own_cache, monkeypatch):
    monkeypatch.setattr(file_cache, "_LIMIT_BYTES", 3000)
    monkeypatch.setattr(file_cache.time, "time", lambda: 4e9)
    for number in range(5):
        folder = own_cache / f"{number:064x}"
        folder.mkdir()
        (folder / "manifest.json").write_text("{}")
        (folder / "x").write_bytes(b"x" * 1000)
        os.utime(folder, (number, number))
    (own_cache / "thesis").mkdir()
    (own_cache / "thesis" / "x").write_bytes(b"x" * 5000)
    file_cache._drop_oldest(own_cache)
    # Oldest first, down to the limit; a folder that is no entry is none of the cache's business.
    assert sorted(path.name[-1] for path in own_cache.iterdir()) == ["3", "4", "s"]


def test_the_folder_is_the_first_that_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PLUMBLINE_CACHE", str(tmp_path / "own"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "all"))
    assert cache_folder() == tmp_path / "own"
    monkeypatch.delenv("PLUMBLINE_CACHE")
    assert cache_folder() == tmp_path / "all" / "plumbline"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder().parts[-2:] == (".cache", "plumbline")


def test_all_that_shapes_the_rows_is_in_the_key(tmp_path, monkeypatch):
    path = put(tmp_path, "train.jsonl", lines(1))
    origins = [Origin("a"), Origin("b"), Origin("a", "s"), Origin("a", split="test"), Origin("a", axis=Axis.OVERALL)]
    keys = [cache_key(Location(path, origin), name) for origin in origins for name in (None, "trl")]
    path.write_bytes(lines(2))
    keys.append(cache_key(Location(path, origins[0]), None))
    monkeypatch.setattr(file_cache, "READER_VERSION", -1)
    keys.append(cache_key(Location(path, origins[0]), None))
    assert len(set(keys)) == len(keys) == 12


KEY = "0" * 64


@pytest.fixture
def entry(tmp_path):
    tables = plumbline.load(put(tmp_path, "harmless-x/train.jsonl", lines(3))).tables
    return CachedFile(
        tables,
        [Fault("PL-JSON-001", "x", 3, "p", "e", "f")],
        [Finding("PL-IO-011", "x", None, None, "p")],
        4,
        "hh-rlhf",
    )


def test_an_entry_comes_back_whole_and_is_its_owners_alone(entry, own_cache, monkeypatch):
    monkeypatch.setenv("PLUMBLINE_CACHE", str(own_cache / "new"))
    assert read_entry(KEY) is None
    write_entry(KEY, entry)
    assert stat.S_IMODE((own_cache / "new").stat().st_mode) & 0o077 == 0
    again = read_entry(KEY)
    assert again.tables[Kind.COMPARISONS].equals(entry.tables[Kind.COMPARISONS])
    assert (again.faults, again.findings) == (entry.faults, entry.findings)
    assert (again.rows_read, again.format_name) == (4, "hh-rlhf")


@pytest.mark.parametrize("notes", ["", "{", "[]", "{}", '{"kinds": ["x"]}', '{"kinds": [], "faults": [{}]}'])
def test_an_entry_with_damaged_notes_is_none(notes, entry, own_cache):
    write_entry(KEY, entry)
    (own_cache / KEY / "manifest.json").write_text(notes)
    assert read_entry(KEY) is None


def test_an_entry_without_a_table_it_names_is_none(entry, own_cache):
    write_entry(KEY, entry)
    notes = json.loads((own_cache / KEY / "manifest.json").read_text())
    assert notes["kinds"] == ["comparisons"]
    (own_cache / KEY / "comparisons.arrow").unlink()
    assert read_entry(KEY) is None


def test_a_cache_that_cannot_be_written_is_passed_over(entry, own_cache, monkeypatch):
    (own_cache / "file").write_text("")
    monkeypatch.setenv("PLUMBLINE_CACHE", str(own_cache / "file" / "below"))
    write_entry(KEY, entry)
    assert read_entry(KEY) is None
