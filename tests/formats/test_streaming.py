"""`stream`: batches that state their terms, and nothing left out without a word."""

import json

import pytest

import plumbline
from plumbline.formats import convert_loaded
from plumbline.lineage import Manifest, StatedTerms, Terms, Use, terms_of
from plumbline.records import SourceError, UsageError

PAIR = {"prompt": "q", "chosen": "a", "rejected": "b"}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "set" / "overall-x").mkdir(parents=True)
    for split in ("train", "test"):
        (tmp_path / "set" / "overall-x" / f"{split}.jsonl").write_text(json.dumps({**PAIR, "prompt": split}) + "\n")
    return tmp_path / "set"


def terms(batches):
    return {terms_of(batch) for batch in batches}


def test_every_batch_states_the_terms_that_load_states(folder, tmp_path):
    assert terms(plumbline.stream(folder)) == {plumbline.load(folder).terms}
    stated = StatedTerms.of("MIT", ["analysis"])
    convert_loaded(plumbline.load(folder, stated_terms=stated), tmp_path / "own", "parquet")
    assert terms(plumbline.stream(tmp_path / "own")) == {Terms(frozenset({Use.ANALYSIS}), "MIT")}
    Manifest(holds="data", command=[], configuration={}, inputs=[], uses=["policy"], licence="MIT").write(folder)
    assert terms(plumbline.stream(folder)) == {Terms(frozenset({Use.POLICY}), "MIT")}


def test_an_unknown_kind_is_refused_at_once(folder):
    with pytest.raises(UsageError, match=r"PL-ARG-001(.|\n)*comparisons"):
        plumbline.stream(folder, kind="comparison")
    with pytest.raises(SourceError, match="PL-SRC-001"):
        plumbline.stream(folder / "nowhere")


def test_files_left_out_are_told_or_warned_of(folder):
    (folder / "overall-x" / "more.csv").write_text("a,b")
    (folder / "overall-x" / "extra.jsonl").write_text("\n" + json.dumps(PAIR) + "\n")
    heard = []
    assert len(list(plumbline.stream(folder, on_finding=heard.append))) == 3
    assert [finding.code for finding in heard] == ["PL-SRC-012", "PL-IO-011"]
    assert heard == plumbline.load(folder).findings
    with pytest.warns(UserWarning, match=r"PL-SRC-012  set/overall-x/more\.csv"):
        plumbline.stream(folder)
