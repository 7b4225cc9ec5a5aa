"""Exports load with Hugging Face `datasets` as it is, in a fresh home and without a network."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

import plumbline
from plumbline.collect.export import Form, forms_of
from plumbline.collect.export.column_kinds import columns_of
from plumbline.collect.export.read_me import ReadMe
from plumbline.collect.study_settings import StudyKind
from plumbline.lineage import FileEntry
from tests.collect.export import collected
from tests.collect.export.test_every_kind import MAKERS

_READ = """
import json, sys, datasets
for line in sys.stdin:
    folder, home, calls = json.loads(line)
    answers = []
    for call in calls:
        found = datasets.load_dataset(folder, cache_dir=home, **call)
        answers.append({split: [rows.num_rows, rows.column_names, rows[0]] for split, rows in found.items()})
    print(json.dumps(answers), flush=True)
"""


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """A process that loads what it is told to, with nothing of this machine's: no cache, no network."""
    pytest.importorskip("datasets")
    home = tmp_path_factory.mktemp("home")
    environment = {**os.environ, "HF_HOME": str(home), "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    with (home / "stderr").open("w") as errors:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": errors}
        process = subprocess.Popen([sys.executable, "-c", _READ], text=True, env=environment, **pipes)
        process.errors = Path(errors.name)
        with process:
            yield process
            process.stdin.close()


@pytest.fixture
def with_datasets(reader, tmp_path_factory):
    """What each call of `load_dataset` gives: by split its rows, columns and first row."""

    def read(folder, *calls):
        # A cache of its own, so that nothing is taken from what was loaded before.
        reader.stdin.write(json.dumps([str(folder), str(tmp_path_factory.mktemp("cache")), calls]) + "\n")
        reader.stdin.flush()
        answered = reader.stdout.readline()
        assert answered, reader.errors.read_text()[-2000:]
        return json.loads(answered)

    return read


def test_pairs_load_with_datasets(api, tmp_path, with_datasets):
    study, _ = collected.pairs(api)
    collected.export(api, study, tmp_path / "out", "hh-rlhf", test_share=0.4)
    helpful, harmless = with_datasets(tmp_path / "out", {"data_dir": "helpful-base"}, {"data_dir": "harmless-base"})
    written = {entry["path"]: entry["rows"] for entry in collected.manifest(tmp_path / "out")["outputs"]}
    for folder, found in (("helpful-base", helpful), ("harmless-base", harmless)):
        assert {split: count for split, (count, _, _) in found.items()} == {
            split: written[f"{folder}/{split}.jsonl.gz"] for split in ("train", "test")
        }
        assert found["train"][1] == ["chosen", "rejected"]


@pytest.mark.parametrize("kind", list(StudyKind))
def test_every_form_loads_with_datasets(api, tmp_path, kind, with_datasets):
    study = MAKERS[kind](api)
    for form in forms_of(kind, "beavertails-14"):
        out = tmp_path / form
        exported = collected.export(api, study, out, form)
        by_folder = {}
        for file in exported.files:
            by_folder.setdefault(str(PurePosixPath(file.path).parent), []).append(file.rows)
        named = [folder for folder in by_folder if folder != "."]
        calls = [{}, {"name": "default"}, *({"name": each} for each in named), *({"data_dir": each} for each in named)]
        first, default, *others = with_datasets(out, *calls)
        assert first == default
        assert first["train"][0] == sum(next(iter(by_folder.values())))
        for folder, found in zip([*named, *named], others, strict=True):
            assert found["train"][0] == sum(by_folder[folder]), (form, folder)
        if form not in (Form.JUDGEMENTS, Form.EVENTS):
            loaded = plumbline.load(out)
            assert (loaded.findings, loaded.faults) == ([], [])


def test_columns_are_told_and_not_guessed_from_the_first_rows(tmp_path, with_datasets):
    """A column that is empty for ten megabytes is not taken for one that is always empty."""
    columns = [column["name"] for column in columns_of("judgements/judgements.jsonl.gz", Form.JUDGEMENTS)]
    file = FileEntry(path="judgements/judgements.jsonl.gz", sha256="", size_bytes=0, rows=15_001)
    page = ReadMe("s", "pairs", Form.JUDGEMENTS, collected.LATER, [file], ("licence unknown; for no use",), {}, {})
    (tmp_path / "out/judgements").mkdir(parents=True)
    (tmp_path / "out/README.md").write_text(page.text())
    empty = dict.fromkeys(columns, None) | {"id": 1, "payload": {"a": "x" * 800}}
    last = empty | {"seconds": 1.5, "corrects": 1, "payload": {"a": 2, "b": ["c"]}}
    with gzip.open(tmp_path / "out/judgements/judgements.jsonl.gz", "wt", 1) as written:
        written.write((json.dumps(empty) + "\n") * 15_000 + json.dumps(last) + "\n")
    for found in with_datasets(tmp_path / "out", {}, {"name": "judgements"}):
        assert found["train"][0] == 15_001


@pytest.mark.parametrize("form", [Form.JUDGEMENTS, Form.EVENTS, Form.RED_TEAM])
def test_the_columns_told_are_those_of_the_lines(api, tmp_path, form):
    study, *_ = collected.red_team(api)
    exported = collected.export(api, study, tmp_path / "out", form)
    for file in exported.files:
        told = [column["name"] for column in columns_of(file.path, form)]
        assert told == list(collected.lines(tmp_path / "out" / file.path)[0])
