"""What changed since a release, in rows: added, removed, changed, moved; and the version that follows from it."""

import json
import shutil

import pyarrow as pa
import pytest

from plumbline.lineage import Terms, Use, read_manifest
from plumbline.records import Kind, UsageError
from plumbline.release import ReleaseOptions, build_release
from plumbline.release.changes import Changes, Previous, RowIndex, compare, next_version
from tests.release.folders import LABELS, curated, loaded_lines, write_folder
from tests.release.spoiling import TABLE, rewrite_table

MIT = Terms(frozenset(Use), "MIT")


def indexed(table):
    index = RowIndex()
    for start in range(0, len(table), 4):
        index.add(Kind.COMPARISONS, table.slice(start, 4))
    return index


def compared(before, after, terms=MIT):
    return compare(Previous("1.2.3", "f" * 64, MIT, indexed(before)), indexed(after), terms)


@pytest.fixture
def table(tmp_path):
    return loaded_lines(tmp_path, labels=None).comparisons.sort_by("id")


def with_values(table, name, values):
    index = table.schema.get_field_index(name)
    return table.set_column(index, table.schema.field(index), pa.array(values, table.schema.field(index).type))


def counts(changes):
    return {how: changes.total(how) for how in ("added", "removed", "changed", "moved")}


def test_nothing_changed(table):
    changes = compared(table, table.take(list(range(len(table)))[::-1]))
    assert (changes.rows, changes.unchanged) == ({}, 14)
    assert next_version(None, changes) == "1.2.4"


def test_added_removed_changed_and_moved_rows_are_told_apart(table):
    before = table.slice(0, 12)  # two are added
    after = table.slice(1)  # one is removed
    ids, splits, parents = (after[name].to_pylist() for name in ("id", "split", "parents"))
    ids[0], ids[1] = "a" * 32, "b" * 32  # one changed in its place, one elsewhere names its parent
    parents[1] = [after["id"][1].as_py()]
    rows = after["row"].to_pylist()
    rows[1] = 999
    splits[2] = "train" if splits[2] == "test" else "test"
    after = with_values(with_values(after, "id", ids), "parents", parents)
    after = with_values(with_values(after, "row", rows), "split", splits)
    changes = compared(before, after)
    assert counts(changes) == {"added": 2, "removed": 1, "changed": 2, "moved": 1}
    assert changes.unchanged == 8
    by_split = {(folder, split) for folder, of in changes.rows.items() for split in of}
    assert by_split <= {(folder, split) for folder in ("harmless-base", "helpful-base") for split in ("train", "test")}
    assert next_version(None, changes) == "2.0.0"


def test_a_record_that_stands_twice_is_compared_twice(table):
    twice = pa.concat_tables([table, table.slice(0, 1)])
    assert counts(compared(table, twice)) == {"added": 1, "removed": 0, "changed": 0, "moved": 0}
    assert counts(compared(twice, table)) == {"added": 0, "removed": 1, "changed": 0, "moved": 0}


@pytest.mark.parametrize(
    ("how", "terms", "version"),
    [("added", (), "1.3.0"), ("removed", (), "2.0.0"), ("moved", (), "2.0.0"), ("added", ("licence",), "2.0.0")],
)
def test_the_next_version(how, terms, version):
    changes = Changes("1.2.3", "f" * 64, {"a": {"train": {how: 1}}}, 0, terms)
    assert next_version(None, changes) == version
    assert next_version("3.0.0", changes) == "3.0.0"
    assert next_version(version, changes) == version
    if version != "1.2.4":
        with pytest.raises(UsageError, match=f"PL-REL-006(.|\\n)*{version} or above: since 1.2.3, 1 row {how}"):
            next_version("1.2.4", changes)
    assert next_version(None, None) == "1.0.0"


@pytest.mark.parametrize("asked", ["1.2.3", "1.0.0", "2", "v2.0.0", "01.2.4", "2.0.0-rc1", "9" * 12 + ".0.0"])
def test_versions_that_cannot_be(asked):
    with pytest.raises(UsageError, match="PL-REL-006"):
        next_version(asked, Changes("1.2.3", "f" * 64, {}, 0))


def test_a_release_says_what_changed_since_the_one_before(tmp_path):
    first = loaded_lines(tmp_path / "one")
    more = loaded_lines(tmp_path / "two", labels={"beavertails": LABELS["beavertails"] | {"test": range(26, 31)}})
    build_release(write_folder(first, tmp_path / "first"), tmp_path / "release-1")
    options = ReleaseOptions(previous=tmp_path / "release-1")
    built = build_release(write_folder(more, tmp_path / "second"), tmp_path / "release-2", options)
    assert built.version == "1.1.0"
    assert built.changes.rows == {"beavertails": {"test": {"added": 2, "removed": 0, "changed": 0, "moved": 0}}}
    told = read_manifest(tmp_path / "release-2").configuration["changes"]
    assert told == json.loads(json.dumps(built.changes.to_json()))
    for name in ("CHANGES.md", "README.md"):
        text = (tmp_path / "release-2" / name).read_text()
        assert "| `beavertails` | `test` | 2 | 0 | 0 | 0 |" in text
        assert "2 rows added, 0 rows removed, 0 rows changed, 0 rows moved, 23 as they were" in text
    # Where a release stands, other data need its name or another version; the same data do not.
    with pytest.raises(UsageError, match="PL-REL-019"):
        build_release(tmp_path / "second", tmp_path / "release-1")
    assert read_manifest(tmp_path / "release-1").rows_read == 23
    build_release(tmp_path / "first", tmp_path / "release-1")
    build_release(tmp_path / "second", tmp_path / "release-1", ReleaseOptions(version="1.0.1"))
    named = build_release(tmp_path / "first", tmp_path / "release-1", ReleaseOptions(previous=tmp_path / "release-1"))
    assert (named.version, named.changes.total("removed"), named.rows) == ("2.0.0", 2, 23)
    with pytest.raises(UsageError, match="PL-REL-005"):
        build_release(tmp_path / "second", tmp_path / "x", ReleaseOptions(previous=tmp_path / "first"))


@pytest.mark.parametrize("spoil", ["gone", "another", "more"])
def test_a_release_whose_tables_are_not_those_it_was_built_with_is_not_compared_with(spoiled, tmp_path, spoil):
    table = spoiled / TABLE
    if spoil == "gone":
        table.unlink()
    elif spoil == "another":
        rewrite_table(table, lambda rows: rows.slice(1))
    else:
        rewrite_table(table, lambda rows: rows)
        table.rename(table.with_name("more.parquet"))
        build_release(curated(tmp_path / "in", tmp_path / "curated"), tmp_path / "again")
        shutil.copy(tmp_path / "again" / TABLE, table)
    folder = write_folder(loaded_lines(tmp_path / "lines"), tmp_path / "tables")
    with pytest.raises(UsageError, match=r"PL-REL-005(.|\n)*not as it was built") as refused:
        build_release(folder, tmp_path / "next", ReleaseOptions(previous=spoiled))
    assert "train.parquet" in str(refused.value) or "more.parquet" in str(refused.value)
    assert not (tmp_path / "next").exists()


@pytest.mark.parametrize(
    ("version", "how", "asked"),
    [
        ("999999999.0.0", "removed", None),
        ("1.999999999.0", "added", None),
        ("1.0.999999999", "x", None),
        ("999999999.0.0", "removed", "2.0.0"),
    ],
)
def test_where_no_version_follows_none_is_given(version, how, asked):
    changes = Changes(version, "f" * 64, {"a": {"train": {how: 1}}}, 0)
    with pytest.raises(UsageError, match=r"PL-REL-006(.|\n)*no version that follows"):
        next_version(asked, changes)
