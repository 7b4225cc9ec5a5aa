"""Curating runs that cannot be: sources that are refused, and outputs."""

import shutil

import pytest

import plumbline
from plumbline.engine import on_ray
from plumbline.formats.writing import convert_loaded
from plumbline.lineage import file_digest
from plumbline.records import FaultError, MissingExtraError, NoDataError, SourceError, UsageError, WriteError
from tests.loop.curating.curations import ONLY_DUPLICATES, SMALL, curated, nothing_left, outputs_of, pair, pairs, write

# --- sources that are refused ---


def test_a_file_beside_its_own_copy(out, source, calm):
    """It is refused, but where the recipe removes duplicates before anything counts records."""
    write(source / "train.jsonl.gz", pairs(9) + pairs(2))
    aggregate = '[[rule]]\nname = "aggregate"\nmethod = "majority"\n'
    for head in (
        ONLY_DUPLICATES.replace("exact-duplicates", "leakage"),
        ONLY_DUPLICATES.replace("[[rule]]", aggregate + "[[rule]]"),
    ):
        with pytest.raises(UsageError, match=r"PL-SRC-010.*one for one"):
            curated(out, source, recipe=head)
        assert nothing_left(out)
    heard = []
    summary = curated(out, source, note=heard.append)
    assert summary["written"] == calm[1]["written"]
    assert summary["records"]["removed"] == calm[1]["records"]["removed"] + 11
    assert [each.split(":")[0] for each in heard] == ["harmless-base/train.jsonl.gz"]


def test_a_file_that_is_named_twice_is_refused(out, source):
    for again in ((source, source), (source / "train.jsonl", source / "train.jsonl")):
        with pytest.raises(UsageError, match="PL-SRC-010"):
            curated(out, *again)
    assert nothing_left(out)


BAD_RUNS = {
    "an unknown engine": ({"engine": "ry"}, UsageError, "PL-ARG-001"),
    "an address without Ray": ({"address": "127.0.0.1:1"}, UsageError, "PL-ARG-005"),
    "stages among the sources": ({"work": "in"}, UsageError, "PL-OUT-008"),
    "no such split": ({"load_options": {"split": "dev"}}, UsageError, "PL-SRC-004"),
    "an axis that is none": ({"load_options": {"axis": "kindness"}}, UsageError, "PL-ARG-001"),
    "a kind that is not there": (
        {"recipe": SMALL.replace('["comparisons"]', '["prompts"]')},
        UsageError,
        "PL-CUR-003",
    ),
    "every record removed": (
        {"recipe": 'name = "x"\nversion = 1\n[[rule]]\nname = "lengths"\nmost_characters = 1\n'},
        NoDataError,
        "PL-CUR-004",
    ),
}


@pytest.mark.parametrize("kind", BAD_RUNS)
def test_a_run_that_cannot_be_is_refused_and_leaves_nothing(kind, tmp_path, out, source):
    how, error, code = BAD_RUNS[kind]
    if "work" in how:
        how = {"work": tmp_path / how["work"]}
    with pytest.raises(error, match=code):
        curated(out, source.parent if "work" in how else source, **how)
    assert nothing_left(out)
    assert sorted(path.name for path in (tmp_path / "in").iterdir()) == ["harmless-base"]


def test_ray_that_is_not_installed(out, source, monkeypatch):
    def missing():
        raise MissingExtraError("PL-ENG-003", "--engine ray", "ray is not installed", advice="install it")

    monkeypatch.setattr(on_ray, "_imported", missing)
    with pytest.raises(MissingExtraError, match="PL-ENG-003"):
        curated(out, source, engine="ray")
    assert nothing_left(out)


def _cut(path):
    path.write_bytes(path.read_bytes()[:-12])


def _broken_page(path):
    convert_loaded(plumbline.load(path.parent / "train.jsonl"), path.parent / "converted", "parquet")
    whole = bytearray(next((path.parent / "converted").rglob("*.parquet")).read_bytes())
    whole[200:260] = bytes(60)
    shutil.rmtree(path.parent)
    path.parent.mkdir()
    (path.parent / "train.parquet").write_bytes(whole)


def _no_column(path):
    path.unlink()
    write(path.parent / "train.jsonl", [{"chosen": pair("q")["chosen"]}])


def _no_rows(path):
    path.unlink()
    write(path.parent / "train.jsonl", [{"chosen": 1, "rejected": 2}] * 3)


BAD_SOURCES = {
    "gzip that is cut": (_cut, FaultError, "PL-IO-"),
    "a Parquet page that is broken": (_broken_page, SourceError, "PL-IO-012"),
    "a column that is missing": (_no_column, SourceError, "PL-SRC-008(?s:.*)rejected is missing"),
    "every row unreadable": (_no_rows, NoDataError, "PL-CUR-003(?s:.*)3 × PL-JSON-005"),
}


@pytest.mark.parametrize("kind", BAD_SOURCES)
def test_a_damaged_source_ends_the_run_and_the_former_output_stands(kind, out, source, calm):
    damage, error, code = BAD_SOURCES[kind]
    shutil.copytree(calm[0], out)
    former = outputs_of(out)
    damage(source / "test.jsonl.gz")
    with pytest.raises(error, match=code):
        curated(out, source)
    assert outputs_of(out) == former
    assert {name: file_digest(out / name) for name in former} == {name: told[0] for name, told in former.items()}
    assert nothing_left(out)


def test_the_first_unreadable_row_may_end_the_run(out, source):
    with (source / "train.jsonl").open("a") as file:
        file.write("no JSON\n")
    with pytest.raises(FaultError, match="line 12"):
        curated(out, source, load_options={"on_error": "stop"})
    assert nothing_left(out)


# --- outputs that are refused ---


def test_an_output_that_is_no_place_to_write(tmp_path, out, source):
    out.mkdir(parents=True)
    (out / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="PL-OUT-002"):
        curated(out, source)
    assert [path.name for path in out.iterdir()] == ["notes.txt"]
    for among in (source, source / "out", source.parent):
        with pytest.raises(UsageError, match=r"PL-OUT-00[28]"):
            curated(among, source)
    curated(tmp_path / "made", source)
    former = outputs_of(tmp_path / "made")
    write(source / "train.jsonl", pairs(9))
    (source / "linked").symlink_to(tmp_path / "made" / "comparisons")
    with pytest.raises(UsageError, match="PL-OUT-008"):
        curated(tmp_path / "made", source)
    assert outputs_of(tmp_path / "made") == former
    assert nothing_left(tmp_path / "runs" / "out")


PLACES = {
    "an output that leads to itself": ("loop", None, WriteError, "PL-OUT-001"),
    "an output below such a link": ("loop/out", None, WriteError, "PL-OUT-001"),
    "stages where a link leads to itself": ("out", "loop", WriteError, "PL-OUT-001"),
    "stages under a name too long": ("out", "x" * 300, WriteError, "PL-OUT-001"),
    "stages where a file is": ("out", "file", WriteError, "PL-OUT-001"),
    "stages in the output": ("out", "out", UsageError, "PL-CUR-006"),
    "stages below the output": ("out", "out/work", UsageError, "PL-CUR-006"),
    "stages in the output by a link": ("out", "link", UsageError, "PL-CUR-006"),
    "an output that is a link to where the stages are": ("link", "out", UsageError, "PL-CUR-006"),
}


@pytest.mark.parametrize("kind", PLACES)
def test_places_that_lead_nowhere_or_into_each_other_are_refused_before_anything_is_read(
    kind, tmp_path, source, monkeypatch
):
    name, work, error, code = PLACES[kind]
    (tmp_path / "loop").symlink_to(tmp_path / "other")
    (tmp_path / "other").symlink_to(tmp_path / "loop")
    (tmp_path / "link").symlink_to(tmp_path / "out")
    (tmp_path / "file").touch()
    before = sorted(tmp_path.iterdir())
    monkeypatch.setattr("plumbline.loop.curating.run.open_sources", None)
    with pytest.raises(error, match=code):
        curated(tmp_path / name, source, work=work and tmp_path / work)
    assert sorted(tmp_path.iterdir()) == before


def test_an_output_beside_its_stages_in_one_folder(tmp_path, source, calm):
    assert curated(tmp_path / "work" / "out", source, work=tmp_path / "work") == calm[1]
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["out"]
