"""The demo from end to end: what it trains, which splits it makes, what it leaves out and says of it."""

import gzip
import json
import re
from collections import Counter

import pytest

from plumbline.formats import load
from plumbline.lineage import file_digest, read_manifest
from plumbline.loop.demo.own_data import run_on_own_data
from plumbline.loop.synthetic.corpus import write_synthetic_corpus
from plumbline.records import NoDataError, PlumblineError


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "corpus"
    write_synthetic_corpus(folder, seed=1, scale=0.3)
    return folder


def readable_rows(path):
    """The rows of a file of the corpus without the one that it spoils on purpose."""
    rows = []
    for line in gzip.decompress(path.read_bytes()).splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return rows


def write_rows(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def checked_splits(out, name):
    return json.loads((out / "checks" / name / "check.json").read_text())["places"]["by_split"]


def test_the_main_job_from_end_to_end(corpus, tmp_path):
    out, said = tmp_path / "demo", []
    result = run_on_own_data(corpus, out, seed=0, created="today", say=said.append)
    tasks = sorted(each["task"] for each in result.evaluations)
    assert tasks == ["cost", "moderation", "preference", "preference", "preference"]
    assert all(each["synthetic"] for each in result.evaluations)
    assert all(each["accuracy"]["value"] > 0.5 for each in result.evaluations)
    assert list(result.seconds) == ["reading", "checking", "splitting", "training", "measuring", "report"]
    page = result.report.read_text()
    assert "synthetic" in page.lower()
    assert "<script src" not in page
    assert not re.findall(r"""(?:src|href)=["']https?://""", page)
    for evaluation in result.evaluations:
        assert evaluation["name"].split(" ")[0] in page
    manifest = read_manifest(out)
    assert {entry.path for entry in manifest.inputs} >= {"harmless-synthetic/train.jsonl.gz"}
    assert all(file_digest(out / entry.path) == entry.sha256 for entry in manifest.outputs)
    assert "report.html" in {entry.path for entry in manifest.outputs}


def test_the_demo_splits_a_set_without_splits_by_prompt_and_leaves_small_ones_out(corpus, tmp_path):
    rows = readable_rows(corpus / "harmless-synthetic" / "train.jsonl.gz")
    data = tmp_path / "data"
    write_rows(data / "harmless-one" / "all.jsonl", rows)
    write_rows(data / "helpful-few" / "train.jsonl", rows[:20])
    write_rows(data / "nothing" / "train.jsonl", [{"colour": "red"}])
    stated = {
        "holds": "data",
        "command": [],
        "configuration": {},
        "inputs": [],
        "uses": ["preference"],
        "licence": "MIT",
    }
    (data / "manifest.json").write_text(json.dumps(stated))  # as a pulled folder has one
    said = []
    result = run_on_own_data(data, tmp_path / "out", seed=0, created="today", say=said.append)
    assert set(result.left_out) == {"helpful-few", "nothing"}
    assert set(result.dealt) == {"harmless-one"}
    assert result.left_out["nothing"].startswith("PL-SRC-008")
    (evaluation,) = result.evaluations
    assert evaluation["synthetic"] is False
    split = load(tmp_path / "out" / "splits" / "harmless-one")
    groups = {name: set() for name in ("train", "test")}
    for name, group in zip(*(split.comparisons[column].to_pylist() for column in ("split", "group_id")), strict=True):
        groups[name].add(group)
    assert groups["train"]
    assert groups["test"]
    assert not groups["train"] & groups["test"]
    assert len(split.comparisons) == len(rows)
    counts = Counter(split.comparisons["split"].to_pylist())
    (line,) = [line for line in said if line.startswith("split:")]
    assert line == (
        f"split: harmless-one dealt by prompt to test {counts['test']}, train {counts['train']}; it had all {len(rows)}"
    )
    assert result.dealt["harmless-one"] == f"test {counts['test']}, train {counts['train']}"
    dealt = {f"{name}, dealt by the demo": {"comparisons": counts[name]} for name in ("test", "train")}
    assert checked_splits(tmp_path / "out", "harmless-one") == dealt
    assert checked_splits(tmp_path / "out", "helpful-few") == {"train": {"comparisons": 20}}
    assert "train, dealt by the demo" in result.report.read_text()


def test_rows_of_other_splits_than_train_and_test_are_counted_and_shown(corpus, tmp_path):
    folder = tmp_path / "data" / "harmless-three"
    for split in ("train", "test"):
        write_rows(folder / f"{split}.jsonl", readable_rows(corpus / "harmless-synthetic" / f"{split}.jsonl.gz"))
    write_rows(folder / "sample.jsonl", readable_rows(corpus / "harmless-synthetic" / "test.jsonl.gz")[:7])
    said = []
    result = run_on_own_data(tmp_path / "data", tmp_path / "out", seed=0, created="today", say=said.append)
    assert result.left_out == {
        "harmless-three, split sample": "7 judged records neither trained on nor measured: models take train and test"
    }
    assert any(line.startswith("split: harmless-three has sample 7, test ") for line in said)
    splits = checked_splits(tmp_path / "out", "harmless-three")
    assert splits["sample, not used for models"] == {"comparisons": 7}
    assert set(splits) == {"sample, not used for models", "test", "train"}
    assert "sample, not used for models" in result.report.read_text()
    by_split = read_manifest(tmp_path / "out").configuration["records_by_split"]
    assert by_split["harmless-three"]["sample, not used for models"] == 7
    assert not (tmp_path / "out" / "splits").exists()


def test_a_source_that_teaches_nothing_is_left_out_and_the_others_go_on(corpus, tmp_path):
    same = "\n\nHuman: question {}\n\nAssistant: the same"
    rows = [{"chosen": same.format(row), "rejected": same.format(row)} for row in range(300)]
    write_rows(tmp_path / "data" / "helpful-same" / "all.jsonl", rows)
    rows = readable_rows(corpus / "harmless-synthetic" / "train.jsonl.gz")
    write_rows(tmp_path / "data" / "harmless-one" / "all.jsonl", rows)
    result = run_on_own_data(tmp_path / "data", tmp_path / "out", seed=0, created="today")
    assert [each["model"] for each in result.evaluations] == ["harmless-one-harmlessness"]
    assert result.left_out["helpful-same-helpfulness"].startswith("PL-TRN-019")


def test_one_file_is_data_too(corpus, tmp_path):
    path = tmp_path / "harmless-one" / "all.jsonl"
    write_rows(path, readable_rows(corpus / "harmless-synthetic" / "train.jsonl.gz"))
    result = run_on_own_data(path, tmp_path / "out", seed=0, created="today")
    assert [each["model"] for each in result.evaluations] == ["all-harmlessness"]
    assert sorted(checked_splits(tmp_path / "out", "all")) == ["test, dealt by the demo", "train, dealt by the demo"]
    with pytest.raises(PlumblineError, match="PL-SRC-001"):
        run_on_own_data(tmp_path / "nowhere", tmp_path / "out2", seed=0, created="today")
    write_rows(tmp_path / "mine" / "all.jsonl", readable_rows(corpus / "harmless-synthetic" / "train.jsonl.gz")[:5])
    with pytest.raises(PlumblineError, match=r"PL-HH-001(.|\n)*put the file into a folder of such a name"):  # no --axis
        run_on_own_data(tmp_path / "mine" / "all.jsonl", tmp_path / "out2", seed=0, created="today")


def test_the_demo_without_anything_to_learn_from_says_so(tmp_path):
    data = tmp_path / "data"
    write_rows(data / "odd" / "train.jsonl", [{"colour": "red"}])
    with pytest.raises(PlumblineError, match="PL-SRC-005"):
        run_on_own_data(data, tmp_path / "out", seed=0, created="today")
    pair = {"chosen": "\n\nHuman: a\n\nAssistant: b", "rejected": "\n\nHuman: a\n\nAssistant: c"}
    write_rows(data / "harmless-few" / "train.jsonl", [pair])
    with pytest.raises(NoDataError, match="PL-RUN-002"):
        run_on_own_data(data, tmp_path / "out", seed=0, created="today")
