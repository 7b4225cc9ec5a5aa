"""What `data convert`, `show` and `check` and `train` tell of rows lost, doubled, counted and licensed."""

import gzip
import json
import shlex

import pytest

from plumbline.lineage import read_manifest
from plumbline.loop.synthetic.corpus import write_synthetic_corpus

PAIRS = [{"prompt": f"question {n}", "chosen": "yes", "rejected": "no"} for n in range(3)]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli") / "corpus"
    write_synthetic_corpus(folder, scale=0.1)
    return folder


@pytest.fixture
def pairs(tmp_path):
    path = tmp_path / "mine" / "pairs.jsonl"
    path.parent.mkdir()
    path.write_text("".join(json.dumps(row) + "\n" for row in PAIRS))
    return path


# --- exit codes of convert ---


def test_kinds_that_the_format_does_not_carry_are_counted_and_end_with_1(plumb, corpus, tmp_path):
    source = corpus / "preferences-synthetic"
    assert plumb("data", "convert", source, tmp_path / "whole", "--to", "pku-saferlhf")[0] == 0
    code, _, err = plumb("data", "convert", source, tmp_path / "pairs", "--to", "trl")
    assert code == 1
    labels = read_manifest(tmp_path / "pairs").configuration["not_carried"]["safety_labels"]
    assert f"not carried: {labels:,} safety labels (trl holds none)" in err
    assert labels > 0


def test_columns_that_the_format_does_not_have_are_counted_and_end_with_1(plumb, tmp_path):
    row = {"idx": 0, "motivation_app": "", "cmp_key": "a_b", "instruction": "Say it.", "input": ""}
    row |= {"response1": "One", "response2": "Two", "annotator1": 1, "annotator2": 1, "annotator3": 2}
    (tmp_path / "judged.jsonl").write_text(json.dumps(row) + "\n")
    source = tmp_path / "judged.jsonl"
    code, _, err = plumb("data", "convert", source, tmp_path / "pairs", "--to", "trl")
    assert code == 1
    assert "not carried of comparisons: models of 3, worker of 3 (trl has no place for them)" in err
    assert plumb("data", "convert", source, tmp_path / "same", "--to", "pandalm")[0] == 0


def test_a_file_left_out_is_told_and_ends_with_1(plumb, pairs, tmp_path):
    (pairs.parent / "more.csv").write_text("a,b")
    code, _, err = plumb("data", "convert", pairs.parent, tmp_path / "out", "--to", "parquet")
    assert code == 1
    assert "found while reading: 1 × PL-SRC-012" in err


@pytest.mark.parametrize("command", [("show",), ("check",), ("convert", "out", "--to", "parquet")])
def test_an_archive_is_to_be_unzipped_first(plumb, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    name = "my study-parquet.ZIP"
    (tmp_path / name).write_bytes(b"PK")
    code, out, err = plumb("data", command[0], name, *command[1:])
    assert (code, out, err.split("  ")[0]) == (2, "", "PL-SRC-002")
    assert f"Try: unzip it first: unzip '{name}'" in err


# --- the same rows twice ---


def test_training_refuses_the_same_rows_twice(plumb, corpus, tmp_path):
    source = corpus / "preferences-synthetic"
    assert plumb("data", "convert", source, tmp_path / "derived", "--to", "parquet")[0] == 0
    both = ("train", "preference", source, tmp_path / "derived", "--on", "harmlessness", "--features", "words")
    code, _, err = plumb(*both, "-o", tmp_path / "model")
    assert code == 2
    assert err.startswith("PL-SRC-013  ")
    assert not (tmp_path / "model").exists()
    together = tmp_path / "together"
    together.mkdir()
    for name, place in (("a", source), ("b", tmp_path / "derived")):
        (together / name).symlink_to(place)
    code, _, err = plumb("train", "moderation", together, "-o", tmp_path / "model")
    assert (code, err[:10]) == (2, "PL-SRC-013")
    assert plumb("data", "check", together)[0] == 1


def test_convert_refuses_the_same_rows_twice(plumb, corpus, tmp_path):
    # In the table made of them nothing would tell the copy any more.
    source = corpus / "preferences-synthetic"
    together = tmp_path / "harmless-together"
    together.mkdir()
    content = gzip.decompress((source / "train.jsonl.gz").read_bytes())
    (together / "train.jsonl").write_bytes(content)
    (together / "train.jsonl.gz").write_bytes(gzip.compress(content))
    code, _, err = plumb("data", "convert", together, tmp_path / "out", "--to", "parquet")
    assert (code, err[:10]) == (2, "PL-SRC-013")
    assert not (tmp_path / "out").exists()


def test_training_counts_records_that_stand_in_two_files(plumb, tmp_path):
    for name, first in (("harmless-a", 0), ("harmless-b", 95)):
        turns = "\n\nHuman: question {}\n\nAssistant: {}"
        rows = [
            {"chosen": turns.format(n, "no"), "rejected": turns.format(n, "sure")} for n in range(first, first + 100)
        ]
        (tmp_path / name).mkdir()
        (tmp_path / name / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    both = (tmp_path / "harmless-a", tmp_path / "harmless-b", "--features", "words")
    code, _, err = plumb("train", "preference", *both, "-o", tmp_path / "model")
    assert code == 0
    assert "5 × PL-SRC-016 (the same record stands in two files" in err
    assert read_manifest(tmp_path / "model").findings == {"PL-SRC-016": 5}


# --- terms of one's own data ---


def test_a_licence_is_stated_once_and_travels(plumb, pairs, tmp_path):
    stated = ("--licence", "cc-by-4.0", "--uses", "preference,analysis")
    assert plumb("data", "convert", pairs, tmp_path / "own", "--to", "parquet", *stated)[0] == 0
    manifest = read_manifest(tmp_path / "own")
    assert (manifest.licence, [str(use) for use in manifest.uses]) == ("CC-BY-4.0", ["analysis", "preference"])
    assert manifest.configuration["stated_terms"] == {"licence": "CC-BY-4.0", "uses": ["analysis", "preference"]}
    assert "uses: analysis, preference; licence: CC-BY-4.0" in plumb("data", "show", tmp_path / "own")[1]
    # What is carried now stays: a later word narrows it and never widens it.
    loosened = ("--licence", "CC0-1.0", "--uses", "analysis,policy")
    assert plumb("data", "convert", tmp_path / "own", tmp_path / "later", "--to", "trl", *loosened)[0] == 0
    later = read_manifest(tmp_path / "later")
    assert (later.licence, [str(use) for use in later.uses]) == ("CC-BY-4.0", ["analysis"])
    code, _, err = plumb("data", "convert", pairs, tmp_path / "x", "--to", "parquet", "--uses", "sale")
    assert (code, err[:10]) == (2, "PL-ARG-001")


def test_a_model_of_ones_own_pairs_carries_their_licence(plumb, corpus, tmp_path):
    assert plumb("data", "convert", corpus / "helpful-synthetic", tmp_path / "trl", "--to", "trl")[0] in (0, 1)
    (tmp_path / "trl" / "manifest.json").unlink()
    told = ("--licence", "MIT", "--uses", "preference", "--on", "helpfulness", "--features", "words")
    code, _, err = plumb("train", "preference", tmp_path / "trl", "-o", tmp_path / "model", *told)
    assert code == 0, err
    manifest = read_manifest(tmp_path / "model")
    assert (manifest.licence, manifest.configuration["stated_terms"]["licence"]) == ("MIT", "MIT")


# --- lines and rows ---


def test_show_names_the_line_that_line_takes(plumb, pairs):
    out = plumb("data", "show", pairs, "--rows", "3", "--show-text")[1]
    assert "line: 3 of the source (row 2, counted from 0)" in out
    assert "  row: " not in out
    assert "question 2" in plumb("data", "show", pairs, "--line", "3", "--show-text")[1]


# --- manifests ---


def test_a_check_leaves_a_manifest_and_takes_only_the_place_of_a_check(plumb, pairs, tmp_path):
    for _ in range(2):
        assert plumb("data", "check", pairs, "--axis", "overall", "-o", tmp_path / "check", "--limit", "2")[0] == 0
    manifest = read_manifest(tmp_path / "check")
    assert (manifest.holds, manifest.configuration["limit"], manifest.rows_read) == ("check", 2, 3)
    assert [entry.path for entry in manifest.outputs] == ["check.json"]
    assert plumb("data", "convert", pairs, tmp_path / "data", "--to", "parquet")[0] == 0
    code, _, err = plumb("data", "check", pairs, "-o", tmp_path / "data")
    assert (code, err[:10]) == (2, "PL-OUT-002")


# --- terms that loosen nothing, and what nothing says ---

LABELS = [{"prompt": f"question {n}", "response": "an answer", "is_safe": bool(n % 2)} for n in range(60)]


def write_lines(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_no_stated_licence_replaces_one_that_data_carry(plumb, tmp_path):
    labels = write_lines(tmp_path / "labels" / "train.jsonl", LABELS)
    own = ("--licence", "LicenseRef-mine")
    both = "CC-BY-NC-4.0 AND LicenseRef-mine"
    code, _, err = plumb("data", "convert", labels, tmp_path / "tables", "--to", "parquet", *own)
    assert (code, read_manifest(tmp_path / "tables").licence) == (0, both)
    assert f"PL-USE-004  {labels}: --licence LicenseRef-mine stands beside what the data carry: {both}" in err
    code, _, err = plumb("train", "moderation", tmp_path / "tables", "-o", tmp_path / "model", "--licence", "MIT")
    assert (code, read_manifest(tmp_path / "model").licence) == (0, both), err
    assert "1 × PL-USE-004 (--licence or --uses does not hold as it was stated" in err
    for name in ("my own", "unknown"):
        code, _, err = plumb("data", "convert", labels, tmp_path / "x", "--to", "trl", "--licence", name)
        assert (code, err[:10]) == (2, "PL-USE-003")


def test_an_unknown_format_is_refused_before_anything_else(plumb, tmp_path):
    code, _, err = plumb("data", "convert", tmp_path / "nowhere", tmp_path / "x.csv", "--to", "csv")
    assert (code, err[:10]) == (2, "PL-ARG-001")
    assert "to (--to)" in err


def test_pairs_that_say_no_axis_are_told_and_converted_ones_keep_theirs(plumb, corpus, pairs, tmp_path):
    assert "PL-TRL-002" in plumb("data", "convert", pairs, tmp_path / "x", "--to", "parquet")[2]
    assert "PL-TRL-002" in plumb("data", "check", pairs)[1]
    assert "PL-TRL-002" not in plumb("data", "check", pairs, "--axis", "overall")[1]
    source = corpus / "helpful-synthetic" / "test.jsonl.gz"
    for to in ("trl", "hh-rlhf"):
        out = tmp_path / "one" / f"{to}.jsonl"
        assert plumb("data", "convert", source, out, "--to", to)[0] in (0, 1)
        shown, err = plumb("data", "show", out)[1:]
        assert "axis: helpfulness" in shown, err


# --- what a person sees ---


def test_show_ends_with_1_where_rows_cannot_be_read(plumb, tmp_path):
    path = write_lines(tmp_path / "x" / "bad.jsonl", [{**row, "is_safe": 1} for row in LABELS])
    code, _, err = plumb("data", "show", path, "--format", "beavertails")
    assert code == 1
    assert "not read: 60 rows, PL-JSON-005" in err
    assert "write true or false" in plumb("data", "check", path)[1]
    path = write_lines(tmp_path / "y" / "bad.jsonl", [{**LABELS[0], "category": {"violence": False}}])
    told = plumb("data", "check", path)[1]
    assert "1 name of no category, 14 of the 14 missing; docs/data.md lists them" in told
    assert "violence" not in told


def test_places_can_be_opened_and_are_named_once(plumb, tmp_path, monkeypatch):
    row = {"prompt": "q", "response_0": " ", "response_1": " ", "is_response_0_safe": True, "is_response_1_safe": True}
    row |= {"better_response_id": 0, "safer_response_id": 0}
    write_lines(tmp_path / "deep" / "set" / "train.jsonl", [row, {**row, "response_1": "b"}])
    monkeypatch.chdir(tmp_path)
    code, out, err = plumb("data", "check", "deep/set")
    assert code == 1
    assert "empty reply (safety labels)" in out
    assert "deep/set/train.jsonl lines 1, 2 (first reply)" in out
    assert "look a row up: plumbline data show deep/set/train.jsonl --line 1" in err
    assert plumb("data", "show", "deep/set/train.jsonl", "--line", "1")[0] == 0


def told_command(err, before):
    """The words behind `plumbline` of the command that stands behind this."""
    (line,) = (line for line in err.splitlines() if f"{before}plumbline " in line)
    return shlex.split(line.partition(f"{before}plumbline ")[2])


def test_what_comes_next_reads_the_source_as_this_command_did(plumb, tmp_path):
    turns = "\n\nHuman: Who?\n\nAssistant: "
    rows = [{"chosen": f"{turns}I, {n}.", "rejected": f"{turns}We, {n}."} for n in range(20)]
    source = write_lines(tmp_path / "my data" / "pairs.jsonl", [*rows, {"chosen": 3}])
    shown = plumb("data", "show", source, "--axis", "harmlessness")
    code, out, err = plumb(*told_command(shown[2], "see: "))
    assert code == 1, "without --axis nothing says what was judged, and the call is wrong"
    assert "PL-JSON-005" in out
    assert "wrote" not in err
    *words, placeholder = told_command(err, "next: ")
    assert (words[0], placeholder) == ("curate", "CURATED")
    assert plumb(*words, tmp_path / "curated")[0] == 1, "a row of it could not be read"
    assert read_manifest(tmp_path / "curated").configuration["axis"] == "harmlessness"
    err = plumb("data", "check", source, "--axis", "harmlessness", "-o", tmp_path / "checked")[2]
    assert f"wrote {tmp_path / 'checked' / 'check.json'}" in err


# --- folders and splits ---


def test_what_to_do_about_folders_and_splits_that_are_not_there(plumb, pairs, tmp_path):
    told = plumb("data", "check", pairs.parent, "--data-dir", "nowhere")[2]
    assert "Try: leave --data-dir out" in told
    assert "SOURCE/FOLDER" in told
    assert "--data-dir mine, or another" in plumb("data", "check", tmp_path, "--data-dir", "min")[2]
    told = plumb("data", "check", pairs.parent, "--split", "test")[2]
    assert "nothing is held out" in told
    assert "plumbline demo --data" in told
