"""What is left of curating runs where they are stopped, and how they go on."""

import os
import signal
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from plumbline.formats import opened
from plumbline.records import MissingExtraError, NoDataError, SourceError, UsageError, WriteError
from tests.loop.curating.curations import SMALL, curated, curated_until, nothing_left, outputs_of, pair, pairs, write
from tests.prepared import start_prepared


@pytest.fixture
def read_files(monkeypatch):
    """The files that were read, by name, one entry each time."""
    names = []
    read_tables = opened.read_tables

    def counted(file):
        names.append(file.location.path.name)
        return read_tables(file)

    monkeypatch.setattr(opened, "read_tables", counted)
    return names


@pytest.mark.parametrize(
    "begins",
    # In a stage; thorough is the same before the first one and after the last.
    ["01-exact-duplicates-rows", *(pytest.param(name, marks=pytest.mark.thorough) for name in ("read: 1", "writing"))],
)
def test_a_killed_run_goes_on_and_ends_the_same(begins, tmp_path, out, source, calm, read_files):
    process = start_prepared(curated_until, begins, out, source, log=tmp_path / "log")
    process.join(60)
    assert process.exitcode == -signal.SIGKILL, (tmp_path / "log").read_text()
    assert not out.exists()
    assert [path.name for path in out.parent.iterdir()] == [".out.stages"]
    heard = []
    summary = curated(out, source, note=heard.append)
    assert read_files == (["test.jsonl.gz", "train.jsonl"] if begins == "read: 1" else [])
    assert summary == calm[1]
    assert outputs_of(out) == outputs_of(calm[0])
    assert nothing_left(out)
    assert [each.startswith("goes on where") for each in heard] == ([] if begins == "read: 1" else [True])


def test_what_a_stopped_run_left_may_be_damaged(out, source, read_files):
    stop = "counting"
    for damage in ("read-*/part-*.parquet", "read-*/intake.json", "01-exact-duplicates-rows-*/part-*.parquet"):
        with pytest.raises(KeyboardInterrupt):
            curated(out, source, step=_interrupting(stop))
        found = sorted((out.parent / ".out.stages").glob(damage))
        assert found
        found[0].write_bytes(b"PAR1 damaged PAR1")
        read_files.clear()
        heard = []
        summary = curated(out, source, note=heard.append)
        assert bool(read_files) == damage.startswith("read")
        taken_over = [each for each in heard if each.startswith("goes on where")]
        assert len(taken_over) == (not damage.startswith("read"))
        assert [("damaged or gone" in each) for each in heard if each not in taken_over] == [True]
        assert summary["written"] == {"comparisons": {"test": 4, "train": 8}}
    assert nothing_left(out)


def test_a_split_that_names_no_file_is_told_before_the_work(out, source):
    long = write(source.parent / "harmless-own" / f"{'é' * 60}.jsonl", pairs(2, first=40))
    begun = []
    with pytest.raises(UsageError, match=r"PL-CUR-002(?s:.*)rename the split"):
        curated(out, source, long, step=begun.append)
    assert "looking at each record" not in begun
    assert nothing_left(out)


def test_what_was_read_is_for_its_owner_alone(out, source):
    with pytest.raises(KeyboardInterrupt):
        curated(out, source, step=_interrupting("writing"))
    assert (out.parent / ".out.stages").stat().st_mode & 0o777 == 0o700


def _interrupting(begins):
    def step(title):
        if title.startswith(begins):
            raise KeyboardInterrupt

    return step


def test_another_recipe_or_source_takes_over_nothing_that_is_not_its_own(tmp_path, out, source, read_files):
    with pytest.raises(KeyboardInterrupt):
        curated(out, source, step=_interrupting("writing"))
    write(source / "train.jsonl", pairs(20, first=30))
    read_files.clear()
    assert curated(out, source)["records"]["read"] == {"comparisons": {"test": 4, "train": 20}}
    assert read_files == ["test.jsonl.gz", "train.jsonl"]
    assert nothing_left(out)


def test_an_interrupted_read_leaves_nothing_to_clear_away(out, source):
    with pytest.raises(KeyboardInterrupt):
        curated(out, source, step=_interrupting("read: 1"))
    assert nothing_left(out)


def test_scores_of_other_data_are_refused_before_the_rules_and_cost_no_finished_stage(
    tmp_path, out, source, read_files
):
    scores = tmp_path / "scores.csv"
    scores.write_text("id,probability\nnobody,0.5\n")
    begun = []
    recipe = SMALL.replace('name = "exact', 'name = "personal-data"\n[[rule]]\nname = "exact')
    with pytest.raises(NoDataError, match="PL-LBL-006"):
        curated(out, source, recipe=recipe, scores=(scores,), step=begun.append)
    assert "looking for personal data" in begun
    assert "looking at each record" not in begun
    assert not out.exists()
    read_files.clear()
    curated(out, source, recipe=recipe)
    assert read_files == [], "what was read stays"


def test_scores_that_may_be_of_what_is_to_be_made_are_held_against_it(tmp_path, out, source, read_files):
    """Nobody can say before the rules are through, and what they made stays."""
    write(source / "train.jsonl", [pair("q"), pair("q")])
    scores = tmp_path / "scores.csv"
    scores.write_text("id,probability\nnobody,0.5\n")
    recipe = SMALL.replace("exact-duplicates", "aggregate")
    with pytest.raises(NoDataError, match="PL-LBL-006"):
        curated(out, source, recipe=recipe, scores=(scores,))
    read_files.clear()
    summary = curated(out, source, recipe=recipe)
    assert read_files == []
    (made,) = [row for row in pq.read_table(out / "comparisons", columns=["id", "votes"]).to_pylist() if row["votes"]]
    scores.write_text(f"id,probability\n{made['id']},0.5\n")
    listed = curated(tmp_path / "again", source, recipe=recipe, scores=(scores,))
    assert listed["label_errors"]["scored"] == 1
    assert listed["written"] == summary["written"]


def test_scores_that_contradict_each_other_are_refused_before_the_rules(tmp_path, out, source):
    curated(out, source)
    made = pq.read_table(out / "comparisons", columns=["id"])["id"][0].as_py()
    scores = tmp_path / "scores.csv"
    scores.write_text(f"id,side,probability\n{made},0,0.9\n{made},1,0.9\n")
    begun = []
    with pytest.raises(SourceError, match="PL-LBL-004"):
        curated(tmp_path / "again", source, scores=(scores,), step=begun.append)
    assert "looking at each record" not in begun


def test_a_detector_that_is_not_installed_is_told_before_anything_is_read(out, source, monkeypatch):
    monkeypatch.setitem(sys.modules, "presidio_analyzer.predefined_recognizers", None)
    monkeypatch.setattr("plumbline.loop.curating.run.open_sources", None)
    recipe = SMALL.replace('name = "exact-duplicates"', 'name = "personal-data"\ndetector = "presidio"')
    with pytest.raises(MissingExtraError, match="PL-PII-001"):
        curated(out, source, recipe=recipe)


def test_two_runs_at_once_on_one_output(tmp_path, out, source):
    refused = []

    def step(title):
        if title == "writing":
            with pytest.raises(UsageError, match="PL-ENG-002") as caught:
                curated(out, source)
            refused.append(caught.value)

    summary = curated(out, source, step=step)
    assert len(refused) == 1
    assert summary["written"] == {"comparisons": {"test": 4, "train": 8}}
    assert nothing_left(out)
    work = tmp_path / "work"

    def beside(title):
        if title == "writing":
            curated(tmp_path / "elsewhere" / "out", source, work=work)

    curated(out, source, work=work, step=beside)
    assert outputs_of(out) == outputs_of(tmp_path / "elsewhere" / "out")
    assert list(work.iterdir()) == []


# --- disks that fill ---


def _many(count):
    """Pairs that no packing makes small."""
    return [pair(os.urandom(300).hex()) for _ in range(count)]


def test_a_disk_that_fills_while_reading(tmp_path, small_disk, source):
    out = small_disk / "out"
    curated(out, source)
    former = outputs_of(out)
    filler = small_disk / "filler"
    filler.write_bytes(bytes(930_000))
    large = write(tmp_path / "harmless-large" / "train.jsonl", _many(250))
    with pytest.raises(WriteError, match="the disk is full"):
        curated(out, large)
    assert outputs_of(out) == former
    assert sorted(path.name for path in small_disk.iterdir()) == ["filler", "out"]
    filler.unlink()
    assert curated(out, large)["written"] == {"comparisons": {"train": 250}}


def test_a_disk_that_fills_while_writing(tmp_path, small_disk, source, read_files):
    out, work = small_disk / "out", tmp_path / "work"
    curated(out, source)
    former = outputs_of(out)
    filler = small_disk / "filler"
    filler.write_bytes(bytes(900_000))
    large = write(tmp_path / "harmless-large" / "train.jsonl", _many(250))
    with pytest.raises(WriteError, match="the disk is full"):
        curated(out, large, work=work)
    assert outputs_of(out) == former
    assert sorted(path.name for path in small_disk.iterdir()) == ["filler", "out"]
    filler.unlink()
    read_files.clear()
    assert curated(out, large, work=work)["written"] == {"comparisons": {"train": 250}}
    assert read_files == []
    assert list(work.iterdir()) == []


def test_what_stood_at_the_output_is_a_file(tmp_path, source):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(WriteError, match="PL-OUT-001"):
        curated(tmp_path / "file" / "below", source)
    with pytest.raises(WriteError, match="PL-OUT-001"):
        curated(tmp_path / "out", source, work=tmp_path / "file")
    assert Path(tmp_path / "file").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "in"]
