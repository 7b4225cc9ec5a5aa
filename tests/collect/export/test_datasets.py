"""Exports load with Hugging Face `datasets` as it is, in a fresh home and without a network."""

import json
import os
import subprocess
import sys

import pytest

from tests.collect.export import collected

_READ = """
import json, sys, datasets
for data_dir in json.loads(sys.argv[2]):
    found = datasets.load_dataset(sys.argv[1], data_dir=data_dir)
    print(json.dumps({split: [rows.num_rows, rows.column_names, rows[0]] for split, rows in found.items()}))
"""


def with_datasets(folder, home, *data_dirs):
    pytest.importorskip("datasets")
    # Nothing of this machine's: no cache, no network.
    environment = {**os.environ, "HF_HOME": str(home), "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    command = [sys.executable, "-c", _READ, str(folder), json.dumps(data_dirs)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_pairs_load_with_datasets(api, tmp_path):
    study, _ = collected.pairs(api)
    collected.export(api, study, tmp_path / "out", "hh-rlhf", test_share=0.4)
    helpful, harmless = with_datasets(tmp_path / "out", tmp_path / "home", "helpful-base", "harmless-base")
    written = {entry["path"]: entry["rows"] for entry in collected.manifest(tmp_path / "out")["outputs"]}
    for folder, found in (("helpful-base", helpful), ("harmless-base", harmless)):
        assert {split: count for split, (count, _, _) in found.items()} == {
            split: written[f"{folder}/{split}.jsonl.gz"] for split in ("train", "test")
        }
        assert found["train"][1] == ["chosen", "rejected"]


def test_the_other_forms_load_with_datasets(api, tmp_path):
    wanted = {
        "red-team": (collected.red_team(api)[0], "red-team-attempts", "task_descripton_harmlessness_score"),
        "beavertails": (collected.labels(api), None, "category"),
        "pku-saferlhf": (collected.ranking(api)[0], None, "safer_response_id"),
        "parquet": (collected.pairs(api)[0], "comparisons", "axis"),
    }
    for form, (study, data_dir, column) in wanted.items():
        collected.export(api, study, tmp_path / form, form)
        (found,) = with_datasets(tmp_path / form, tmp_path / "home", data_dir)
        rows = sum(entry["rows"] for entry in collected.manifest(tmp_path / form)["outputs"])
        assert found["train"][0] == rows > 0
        assert column in found["train"][1]
