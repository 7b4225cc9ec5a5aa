import gzip
import json
from pathlib import Path

import pytest

from plumbline.formats import load
from plumbline.formats.opened import FileTold, open_sources, refuse_copies
from plumbline.formats.writing import convert_loaded
from plumbline.lineage import StatedTerms, Use, file_digest
from plumbline.records import FaultError, Kind, SourceError, UsageError

TAKES = (Kind.COMPARISONS,)


def pair(number, better="a"):
    return {"prompt": f"q{number}", "chosen": better, "rejected": "b"}


def label(number, *, is_safe=True):
    return {"prompt": f"q{number}", "response": "r", "is_safe": is_safe}


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "in" / "overall-x"


def read(*sources, out="nowhere-at-all", **how):
    """What is behind the sources, their tables, and what reading them told."""
    opened = open_sources(sources, out=Path(out), **how)
    told = [FileTold() for _ in opened.files]
    return opened, [list(opened.tables(number, each)) for number, each in enumerate(told)], told


def test_it_tells_what_load_tells(folder):
    write(folder / "train.jsonl", [pair(number) for number in range(5)])
    with (folder / "test.jsonl.gz").open("wb") as file:
        file.write(gzip.compress(b'{"prompt": "q", "chosen": "a", "rejected": "b"}\n\n{"prompt": 1}\n'))
    (folder / "more.csv").write_text("a,b\n")
    whole = load(folder)
    opened, tables, told = read(folder)
    loaded = opened.loaded(told, TAKES)
    for name in ("faults", "rows_read", "files", "formats", "terms", "parents", "origins", "derived_from", "paths"):
        assert getattr(loaded, name) == getattr(whole, name), name
    assert sorted(map(str, loaded.findings)) == sorted(map(str, whole.findings))
    assert {finding.code for finding in loaded.findings} >= {"PL-SRC-012", "PL-IO-011"}
    assert loaded.tables == {}
    ids = [row for blocks in tables for block in blocks for row in block[Kind.COMPARISONS]["id"].to_pylist()]
    assert ids == whole.comparisons["id"].to_pylist()
    assert [each.kinds for each in told] == [{Kind.COMPARISONS: 1}, {Kind.COMPARISONS: 5}]


def test_terms_are_the_strictest_of_the_files_that_hold_what_is_taken(tmp_path, folder):
    write(folder / "train.jsonl", [pair(0)])
    free = tmp_path / "free"
    convert_loaded(load(folder, stated_terms=StatedTerms.of("MIT", ["preference", "analysis"])), free, "parquet")
    labels = write(tmp_path / "labels" / "train.jsonl", [label(0)])
    strict = tmp_path / "strict"
    convert_loaded(load(labels, stated_terms=StatedTerms.of("CC-BY-NC-4.0", ["analysis"])), strict, "parquet")
    opened, _, told = read(free, strict)
    pairs, both = opened.loaded(told, TAKES), opened.loaded(told, tuple(Kind))
    assert (pairs.terms.licence, both.terms.licence) == ("MIT", "CC-BY-NC-4.0")
    assert (pairs.terms.uses, both.terms.uses) == ({Use.PREFERENCE, Use.ANALYSIS}, {Use.ANALYSIS})
    assert pairs.parents == (file_digest(free / "manifest.json"),)
    assert set(both.parents) == {file_digest(each / "manifest.json") for each in (free, strict)}
    assert len(pairs.files) == 2
    overruled = open_sources([free], out=Path("nowhere"), stated_terms=StatedTerms.of(None, ["policy"]))
    assert [finding.code for finding in overruled.loaded(told[:1], TAKES).findings] == ["PL-USE-004"]


def test_the_first_fault_ends_the_reading_where_asked_for(folder):
    path = write(folder / "train.jsonl", [pair(0), {"prompt": 1}])
    assert [fault.row for fault in read(path)[2][0].faults] == [1]
    with pytest.raises(FaultError, match="line 2"):
        read(path, on_error="stop")


def test_an_axis_that_rows_contradict_is_refused(tmp_path, folder):
    write(folder / "train.jsonl", [pair(0)])
    convert_loaded(load(folder), tmp_path / "made", "parquet")
    with pytest.raises(UsageError, match="PL-SRC-015"):
        read(tmp_path / "made", axis="helpfulness")


def test_an_address_tells_apart_what_gives_other_records(folder, monkeypatch):
    path = write(folder / "train.jsonl", [pair(0)])
    same = write(folder.parent / "harmless-y" / "train.jsonl", [pair(0)])
    addresses = [read(each)[0].files[0].address() for each in (path, same, write(folder / "test.jsonl", [pair(0)]))]
    write(path, [pair(1)])
    addresses.append(read(path)[0].files[0].address())
    monkeypatch.setattr("plumbline.formats.opened.READER_VERSION", 0)
    addresses.append(read(path)[0].files[0].address())
    assert len({tuple(address) for address in addresses}) == 5
    assert all(isinstance(word, str) for address in addresses for word in address)


@pytest.mark.parametrize(
    ("names", "tells"),
    [
        (["pairs"], False),
        (["en_100_tree"], False),
        (["latest"], False),
        (["train"], True),
        (["30k_test"], True),
        (["Validation"], True),
        (["held"], True),
        (["first", "second"], True),
    ],
)
def test_names_that_tell_of_splits(names, tells, folder):
    for number, name in enumerate(names):
        write(folder / f"{name}.jsonl", [pair(number)])
    assert open_sources([folder], out=Path("nowhere")).tells_splits is tells


def test_tables_of_ours_tell_their_splits_themselves(tmp_path, folder):
    write(folder / "pairs.jsonl", [pair(0)])
    convert_loaded(load(folder), tmp_path / "made.parquet", "parquet")
    assert open_sources([tmp_path / "made.parquet"], out=Path("nowhere")).tells_splits


# --- what stands twice ---


def refused(*sources, kinds=TAKES):
    """Whether a copy is told among the files."""
    opened, _, told = read(*sources)
    try:
        refuse_copies(opened, told, kinds)
    except UsageError as error:
        return error.code == "PL-SRC-010"
    return False


def test_a_file_beside_its_own_copy_in_another_packing(folder):
    write(folder / "train.jsonl", [pair(0), pair(1)])
    zipped = write(folder / "train.jsonl.gz", [pair(0), pair(1)])
    assert refused(folder)
    write(zipped, [pair(1), pair(0)])
    assert not refused(folder)
    write(zipped, [pair(0), pair(1, better="c")])
    assert not refused(folder)


def test_few_rows_alike_elsewhere_are_no_copy_many_are(folder):
    for count, is_copy in ((19, False), (20, True)):
        rows = [pair(number) for number in range(count)]
        write(folder / "train.jsonl", rows)
        write(folder / "test.jsonl.gz", rows)
        assert refused(folder) is is_copy
    write(folder.parent / "overall-y" / "dev.jsonl", [pair(0)])
    (folder.parent / "overall-y" / "train.jsonl").write_bytes((folder.parent / "overall-y" / "dev.jsonl").read_bytes())
    assert refused(folder.parent / "overall-y")


def test_data_beside_what_was_made_of_it(tmp_path, folder):
    """The rows that could be read of it, in another order, may be told no other way."""
    write(folder / "train.jsonl", [pair(0), pair(1)])
    made, again = tmp_path / "made", tmp_path / "again"
    convert_loaded(load(folder), made, "trl")
    convert_loaded(load(made, axis="overall"), again, "parquet")
    write(folder / "train.jsonl", [pair(1), pair(0)])
    assert not refused(folder, again)
    write(folder / "train.jsonl", [pair(0), pair(1)])
    write(folder / "more.jsonl", [pair(2)])
    assert refused(folder, again)
    assert refused(again, folder)
    assert not refused(folder, again, kinds=(Kind.PROMPTS,))


def test_records_that_are_not_taken_may_stand_twice(folder):
    for name in ("train.jsonl", "train.jsonl.gz"):
        write(folder / name, [label(0)])
    assert not refused(folder)
    assert refused(folder, kinds=tuple(Kind))
    write(folder / "train.jsonl.gz", [label(0, is_safe=False)])
    assert not refused(folder, kinds=tuple(Kind))


def test_sources_of_one_name_are_refused(tmp_path, folder):
    path = write(folder / "train.jsonl", [pair(0)])
    other = write(tmp_path / "other" / "overall-x" / "train.jsonl", [pair(1)])
    for again in (path, folder, other):
        with pytest.raises(UsageError, match="PL-SRC-010"):
            open_sources([path, again], out=Path("nowhere"))


# --- outputs among the sources ---


def test_an_output_among_the_sources_is_refused(tmp_path, folder):
    path = write(folder / "train.jsonl", [pair(0)])
    (tmp_path / "link").symlink_to(folder)
    (tmp_path / "linking" / "overall-z").mkdir(parents=True)
    (tmp_path / "linking" / "overall-z" / "inner").symlink_to(folder)
    for source, out in (
        (folder, folder),
        (folder, folder / "out"),
        (path, folder),
        (folder, tmp_path / "link"),
        (tmp_path / "link", folder),
        (tmp_path / "linking", folder),
    ):
        with pytest.raises(UsageError, match="PL-OUT-008"):
            open_sources([source], out=out)
    assert open_sources([folder], out=folder.parent / "out").files


@pytest.mark.parametrize("name", ["x" * 300, "nothing", "a/b"])
def test_a_source_that_is_not_there(name, tmp_path):
    with pytest.raises(SourceError, match="PL-SRC-001"):
        open_sources([str(tmp_path / name)], out=tmp_path / "out")
