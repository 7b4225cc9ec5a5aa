"""Reading the notes of a curation: what is found where, and what is refused by a code that names the file."""

import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from plumbline.cli.main import app
from plumbline.curate.accounting import total
from plumbline.report import read_inputs
from tests.report import curation_samples, samples
from tests.report.test_finding import refused

SIDES = ("chosen", "rejected")
DO_NOT_ADD_UP = {"clusters": {"near-duplicates": {"sizes": {"2": 3}, "rows": 7}}}
MATRIX = {"leakage": {"splits": ["test", "train"], "exact": [[None, 1]], "near": None}}

RECIPE = """
name = "short"
version = 1
title = "What the report shows, without what takes long to load"
takes = ["comparisons"]
rule = [{ name = "exact-duplicates" }, { name = "conflicts", action = "remove" },
        { name = "near-duplicates", threshold = 0.8 }, { name = "leakage", threshold = 0.8 }]
"""


@pytest.mark.parametrize(
    ("spoil", "code", "said"),
    [
        ({"version": 2}, "PL-RPT-004", '"version": 1'),
        ({"plumbline": "check"}, "PL-RPT-004", "curation"),
        ({"steps": None}, "PL-RPT-003", "steps"),
        ({"written": {"comparisons": {"train": 1}}}, "PL-RPT-003", "are not the records written"),
        ({"records": {"read": {"comparisons": {"train": 5000}}}}, "PL-RPT-003", "rule 1 of steps found other records"),
        ({"agreement": {"comparisons": {"overall": 0.5}}}, "PL-RPT-003", "agreement"),
        ({"clusters": {"near-duplicates": {"sizes": {"two": 3}, "rows": 6}}}, "PL-RPT-003", "whole numbers above 0"),
        (DO_NOT_ADD_UP, "PL-RPT-003", "what the sizes add up to"),
        (MATRIX, "PL-RPT-003", "expected 2 rows of 2"),
        ({"rows": {"read": -1}}, "PL-RPT-003", ">= 0"),
    ],
)
def test_notes_of_another_shape_are_refused(tmp_path, spoil, code, said):
    curation_samples.write_curated(tmp_path, curation_samples.plain_summary() | spoil)
    message = refused(tmp_path, code)
    assert "summary.json" in message
    assert said in message


def test_more_is_removed_than_there_was(tmp_path):
    summary = curation_samples.plain_summary()
    summary["steps"][1]["removed"]["comparisons"]["train"] = 2001
    curation_samples.write_curated(tmp_path, summary)
    assert "removed more records than it found" in refused(tmp_path, "PL-RPT-003")


def test_notes_that_are_cut_off_are_refused(tmp_path):
    path = curation_samples.write_curated(tmp_path, curation_samples.plain_summary()) / "curation" / "summary.json"
    path.write_text(path.read_text(encoding="utf-8")[:-40], encoding="utf-8")
    refused(tmp_path, "PL-RPT-003")


def test_keys_that_this_report_does_not_know_are_left_to_curate(tmp_path):
    folder = curation_samples.write_curated(tmp_path, curation_samples.plain_summary(more={"than": "this"}))
    assert len(read_inputs([folder]).curations) == 1


@pytest.mark.parametrize("spoil", ["bytes", "column", "type"])
def test_a_list_of_labels_that_cannot_be_read_is_refused(tmp_path, spoil):
    folder = curation_samples.write_curated(tmp_path, curation_samples.whole_summary())
    path = folder / "curation" / "label_errors.parquet"
    if spoil == "bytes":
        path.write_bytes(b"PAR1 and nothing more")
    elif spoil == "column":
        pl.DataFrame({"rank": [1]}).write_parquet(path)
    else:
        curation_samples.write_list(folder / "curation", probability=pl.lit("high"))
    assert "label_errors.parquet" in refused(tmp_path, "PL-RPT-003")


def test_a_summary_counts_among_notes_only_and_another_programs_is_passed_over(tmp_path):
    samples.write(tmp_path / "elsewhere", summary=curation_samples.plain_summary())
    refused(tmp_path / "elsewhere", "PL-RPT-002")
    samples.write(tmp_path / "ours", check=samples.check())
    samples.write(tmp_path / "theirs" / "curation", summary={"rows": 3})
    inputs = read_inputs([tmp_path / "ours", tmp_path])
    assert inputs.curations == ()
    assert [Path(place).name for place in inputs.passed_over] == ["summary.json"]


@pytest.mark.parametrize("named", ["out", "out/curation", "out/../out", "."])
def test_name_and_manifest_are_those_of_the_folder_however_it_is_named(tmp_path, named, monkeypatch):
    folder = curation_samples.write_curated(tmp_path / "out", curation_samples.plain_summary())
    monkeypatch.chdir(folder / "curation" if named == "." else tmp_path)
    inputs = read_inputs([Path(named)])
    [found] = inputs.curations
    assert found.content.name == "out"
    assert found.content.manifest.parents == ["ef" * 32]
    assert [one.place.endswith("manifest.json") for one in inputs.manifests] == [True]
    assert str(tmp_path) not in found.place + inputs.manifests[0].place


def test_a_folder_without_a_manifest_is_reported_all_the_same(tmp_path):
    folder = curation_samples.write_curated(tmp_path, curation_samples.plain_summary())
    (folder / "manifest.json").unlink()
    [found] = read_inputs([folder]).curations
    assert found.content.manifest is None
    assert not found.content.synthetic


def test_what_curate_writes_today_is_read_whole(tmp_path):
    """Eight pairs: one twice, one judged both ways, one prompt in train and test, two nearly the same."""
    words = " ".join(f"word{at}" for at in range(40))
    pairs = [("one", "a", "b"), ("one", "a", "b"), ("two", "a", "b"), ("two", "b", "a"), ("three", "a", "b")]
    pairs += [(words, "a", "b"), (f"{words} more", "a", "b")]
    for split, rows in (("train", pairs), ("test", [("three", "c", "d"), ("nine", "c", "d")])):
        lines = [
            json.dumps(
                {side: f"\n\nHuman: {asked}?\n\nAssistant: {said}" for side, said in zip(SIDES, both, strict=True)}
            )
            for asked, *both in rows
        ]
        path = tmp_path / "source" / f"{split}.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    recipe = tmp_path / "short.toml"
    recipe.write_text(RECIPE, encoding="utf-8")
    arguments = ["curate", str(tmp_path / "source"), "-o", str(tmp_path / "out"), "--recipe", str(recipe)]
    told = CliRunner().invoke(app, [*arguments, "--axis", "harmlessness"])
    assert told.exit_code == 0, told.output
    [found] = read_inputs([tmp_path / "out"]).curations
    notes = found.content.notes
    assert found.content.manifest.holds == "data"
    written = json.loads((tmp_path / "out" / "curation" / "summary.json").read_text(encoding="utf-8"))
    assert set(written) <= set(notes.__struct_fields__)
    removed = {step.rule: total(step.removed) for step in notes.steps}
    assert (removed["exact-duplicates"], removed["conflicts"], removed["leakage"]) == (1, 2, 1)
    assert notes.leakage.exact == [[None, 1], [1, None]]
    assert notes.clusters["near-duplicates"].by_size == [(2, 1)]
    assert notes.census[0].judged_both_ways == 1
    assert notes.agreement["comparisons"]["harmlessness"].n == 2
    assert notes.noise_ceiling["comparisons/harmlessness"].agreement.n == 2
