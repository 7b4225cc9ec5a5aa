"""A release is read by what people have: `datasets` unmodified, by every documented call; mlcroissant; sha256sum; Plumbline."""

import json
import re
import subprocess
import sys
import textwrap

import pytest

import plumbline
from plumbline.release import build_release, verify_release
from tests.release.folders import curated, loaded_lines, write_folder

_CALLS = """
    import json, sys, warnings
    import datasets, plumbline
    datasets.disable_progress_bars()
    RELEASE, calls = sys.argv[1], json.loads(sys.argv[2])
    def told(found):
        if hasattr(found, "items"):
            return {split: [len(rows), sorted(rows.column_names)] for split, rows in found.items()}
        return [len(found), sorted(found.column_names)] if hasattr(found, "column_names") else {
            kind: len(table) for kind, table in found.tables.items()}
    print(json.dumps({call: told(eval(call)) for call in calls}))
"""


@pytest.fixture(scope="module")
def ties(tmp_path_factory):
    """A release of ties alone, which no line can say."""
    root = tmp_path_factory.mktemp("ties")
    loaded = loaded_lines(root / "in", labels=None)
    index = loaded.comparisons.schema.get_field_index("outcome")
    table = loaded.comparisons.set_column(index, "outcome", [["tie"] * len(loaded.comparisons)])
    folder = write_folder(loaded, root / "tables", tables={"comparisons": table})
    build_release(folder, root / "release")
    return root / "release"


ODD_PAIRS = {
    "harmless-odd": {"train": range(3), "test": range(3, 5), "new_schema_3": range(5, 9), "two_axis-32": range(9, 10)},
    "helpful-odd": {"new_schema_3": range(20, 23), "two_axis-32": range(23, 25)},
}
ODD_LABELS = {"beavers": {"held.out": range(30, 32)}, "otters": {"validation": range(40, 43), "test": range(43, 44)}}


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """A release with splits that `datasets` does not know by their names."""
    root = tmp_path_factory.mktemp("odd")
    loaded = loaded_lines(root / "in", pairs=ODD_PAIRS, labels=ODD_LABELS)
    build_release(write_folder(loaded, root / "tables"), root / "release")
    return root / "release"


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    """A release of pairs in two subsets, labels in one, with notes of a curation."""
    root = tmp_path_factory.mktemp("release")
    build_release(curated(root / "in", root / "curated"), root / "hh-small")
    return root / "hh-small"


def evaluated(release, calls, home):
    """Each call in a process without network, with a cache of its own; what it gave."""
    script = textwrap.dedent(_CALLS)
    environment = {"HF_HOME": str(home), "HF_HUB_OFFLINE": "1", "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script, str(release), json.dumps(calls)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def calls_of(release):
    """What the card of a release names."""
    card = (release / "README.md").read_text()
    body = re.search(r"^```python\n(.*?)^```$", card, re.MULTILINE | re.DOTALL)[1]
    return [line for line in body.splitlines() if "(" in line]


def test_no_documented_call_loses_or_renames_a_split(odd, tmp_path):
    found = {call.replace("RELEASE", ""): value for call, value in evaluated(odd, calls_of(odd), tmp_path).items()}
    rows = {
        call: {split: count for split, (count, _) in value.items()}
        for call, value in found.items()
        if call.startswith("datasets") and "split=" not in call
    }
    harmless = {"train": 3, "test": 2, "new_schema_3": 4, "two_axis_32": 1}
    otters = {"validation": 3, "test": 1}
    of = {"harmless-odd": harmless, "helpful-odd": {"new_schema_3": 3, "two_axis_32": 2}}
    of |= {"beavers": {"held_out": 2}, "otters": otters}
    tables = {
        "records/comparisons": {"train": 3, "test": 2, "new_schema_3": 7, "two_axis_32": 3},
        "records/safety_labels": {"held_out": 2, **otters},
    }
    assert rows == {
        "datasets.load_dataset()": harmless,  # those on helpfulness are not mixed in: no column would tell them apart
        **{f'datasets.load_dataset(, "{name}")': splits for name, splits in of.items()},
        **{f'datasets.load_dataset(, data_dir="{name}")': splits for name, splits in (of | tables).items()},
    }
    assert found['datasets.load_dataset(, split="two_axis_32")'][0] == 1
    # Plumbline reads what was judged from the folder's name, wherever the files below it lie.
    for loaded in (plumbline.load(odd, data_dir="helpful-odd"), plumbline.load(odd / "helpful-odd")):
        assert set(loaded.comparisons["axis"].to_pylist()) == {"helpfulness"}
        assert set(loaded.comparisons["subset"].to_pylist()) == {"helpful-odd"}
        assert len(loaded.comparisons) == 5
    assert len(plumbline.load(odd, split="two_axis_32").comparisons) == 3
    card = (odd / "README.md").read_text()
    assert "The default configuration holds the pairs on harmlessness alone" in card
    assert verify_release(odd).is_sound


def test_every_documented_call_gives_the_rows_of_the_release(release, ties, tmp_path):
    calls = calls_of(release)
    of_ties = [f"datasets.load_dataset('{ties}')", f"plumbline.load('{ties}')"]
    found = evaluated(release, [*calls, *of_ties], tmp_path)
    pairs, labels = ["chosen", "rejected"], ["category", "is_safe", "prompt", "response"]
    of = {call.replace("RELEASE", ""): value for call, value in found.items()}
    assert of["datasets.load_dataset()"] == {"train": [5, pairs], "test": [3, pairs]}
    assert of['datasets.load_dataset(, split="test")'] == [3, pairs]
    for call in ('datasets.load_dataset(, "{}")', 'datasets.load_dataset(, data_dir="{}")'):
        assert of[call.format("harmless-base")] == {"train": [5, pairs], "test": [3, pairs]}
        assert of[call.format("helpful-base")] == {"train": [4, pairs], "test": [2, pairs]}
        assert of[call.format("beavertails")] == {"train": [6, labels], "test": [3, labels]}
    tables = of['datasets.load_dataset(, data_dir="records/comparisons")']
    assert {split: rows for split, (rows, _) in tables.items()} == {"train": 9, "test": 5}
    assert {"id", "worker", "votes", "parents", "context"} <= set(tables["train"][1])
    assert of['datasets.load_dataset(, data_dir="records/safety_labels")']["train"][0] == 6
    # As a source, each record once: not its line and its row.
    assert of["plumbline.load()"] == {"comparisons": 14, "safety_labels": 9}
    assert of['plumbline.load(, data_dir="harmless-base")'] == {"comparisons": 8}
    assert len(calls) == 14
    assert not list(ties.glob("*/*.jsonl.gz"))
    assert {split: rows for split, (rows, _) in found[of_ties[0]].items()} == {"train": 9, "test": 5}
    assert found[of_ties[1]] == {"comparisons": 14}


def test_checksums_are_those_of_sha256sum(release):
    done = subprocess.run(["sha256sum", "-c", "--strict", "SHA256SUMS"], cwd=release, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == len([path for path in release.rglob("*") if path.is_file()]) - 2


@pytest.mark.filterwarnings("ignore")  # of its libraries, which use what pandas and pyparsing are about to leave
def test_croissant_is_valid_and_its_records_are_read(release, monkeypatch):
    import mlcroissant

    dataset = mlcroissant.Dataset(jsonld=str(release / "croissant.json"))
    assert not dataset.metadata.ctx.issues.errors
    assert not dataset.metadata.ctx.issues.warnings
    assert "gate" in dataset.metadata.personal_sensitive_information[0].lower()
    assert len(dataset.metadata.distribution) == 10
    assert len(dataset.metadata.record_sets) == 10
    rows = [*dataset.records("harmless-base-train")]
    assert rows[0]["harmless-base-train/chosen"].decode() == "\n\nHuman: Question 0?\n\nAssistant: Yes."
    assert len(rows) == 5
    ids = {row["records-comparisons-test/id"].decode() for row in dataset.records("records-comparisons-test")}
    assert ids == set(plumbline.load(release, split="test").comparisons["id"].to_pylist())
    labels = [row["beavertails-test/is_safe"] for row in dataset.records("beavertails-test")]
    assert sorted(map(bool, labels)) == [False, True, True]
