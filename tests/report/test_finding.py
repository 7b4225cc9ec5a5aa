import json
from pathlib import Path
from unittest.mock import Mock

import pytest

from plumbline.records import SourceError, UsageError
from plumbline.report import read_inputs
from tests.report import samples


def refused(folder, code):
    with pytest.raises((SourceError, UsageError)) as caught:
        read_inputs([folder])
    assert caught.value.code == code
    return str(caught.value)


def test_finds_each_kind_once_and_in_order(tmp_path):
    folder = samples.everything(tmp_path)
    inputs = read_inputs([folder, folder / "eval-cost", folder])
    assert [found.content.name for found in inputs.evaluations] == [
        "cost, PKU test",
        "harmless-base test",
        "BeaverTails test",
    ]
    assert [found.content.name for found in inputs.checks] == ["hh-rlhf/harmless-base", "hh-rlhf/helpful-base"]
    assert len(inputs.models) == len(inputs.manifests) == 1
    assert inputs.models[0].content.terms.licence == "MIT"


def test_folders_keep_the_order_they_are_named_in(tmp_path):
    second = samples.write(tmp_path / "a", evaluation=samples.pairs_evaluation("second"))
    first = samples.write(tmp_path / "b", evaluation=samples.pairs_evaluation("first"))
    assert [found.content.name for found in read_inputs([first, second]).evaluations] == ["first", "second"]


def test_hidden_folders_are_left_out(tmp_path):
    samples.write(tmp_path / "in", check=samples.check())
    samples.write(tmp_path / "in" / ".half.partial", check=samples.check())
    assert len(read_inputs([tmp_path / "in"]).checks) == 1


def test_a_model_says_more_than_is_read_or_less(tmp_path):
    samples.write(tmp_path / "more", model=samples.model() | {"layers": [1, 2]})
    samples.write(tmp_path / "less", model={"plumbline": "model", "name": "bare"})
    names = [found.content.name for found in read_inputs([tmp_path]).models]
    assert names == ["bare", "harmless-linear"]


def test_no_folder_is_a_usage_error():
    with pytest.raises(UsageError, match="PL-RPT-006"):
        read_inputs([])


def test_a_folder_with_nothing_to_report_is_a_usage_error(tmp_path):
    (tmp_path / "other.json").write_text("{}")
    assert "check.json" in refused(tmp_path, "PL-RPT-002")


def test_a_folder_that_is_not_there_is_a_usage_error(tmp_path):
    refused(tmp_path / "absent", "PL-RPT-005")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        ({"surprise": 1}, "surprise"),
        ({"reliability": [{"mean_predicted": 0.1}]}, "reliability"),
        ({"accuracy": {"value": 0.5, "low": 0.6, "high": 0.4, "n": 3, "why_undefined": None}}, "low <= high"),
        ({"accuracy": {"value": None, "low": None, "high": None, "n": 3, "why_undefined": None}}, "why_undefined"),
        ({"accuracy": {"value": 0.5, "low": 0.4, "high": 0.6, "n": -1, "why_undefined": None}}, ">= 0"),
        ({"synthetic": "no"}, "synthetic"),
        ({"score_histogram": {"edges": [0, 1], "series": {"safe": [1, 2]}}}, "expected 1 counts, found 2"),
        ({"task": "other"}, "task"),
    ],
)
def test_what_breaks_the_contract_is_refused_and_named(tmp_path, spoil, said):
    folder = samples.write(tmp_path / "spoilt", evaluation=samples.pairs_evaluation() | spoil)
    message = refused(folder, "PL-RPT-003")
    assert "spoilt/evaluation.json" in message
    assert said in message


@pytest.mark.parametrize("missing", ["synthetic", "axis", "rows", "f1"])
def test_a_missing_key_is_refused(tmp_path, missing):
    evaluation = samples.pairs_evaluation()
    del evaluation[missing]
    assert missing in refused(samples.write(tmp_path, evaluation=evaluation), "PL-RPT-003")


@pytest.mark.parametrize(
    "raw",
    [
        b'["plumbline"]',
        b'{"plumbline": "check',
        b'"plumbline"',
        b'{"plumbline": "check"\xff',
        b"[" * 5000 + b'"plumbline"',
        b'{"plumbline": "check", "version": NaN}',
    ],
)
def test_what_is_no_json_object_is_refused(tmp_path, raw):
    (tmp_path / "check.json").write_bytes(raw)
    with pytest.raises(SourceError, match=r"PL-RPT-00[34]"):
        read_inputs([tmp_path])


def test_a_lone_surrogate_is_refused(tmp_path):
    (tmp_path / "check.json").write_text(json.dumps(samples.check("\ud800")))
    refused(tmp_path, "PL-RPT-003")


def test_a_repeated_key_is_refused(tmp_path):
    text = json.dumps(samples.check())
    (tmp_path / "check.json").write_text(text.replace('"rows_read"', '"rows_read": 1, "rows_read"', 1))
    assert "rows_read" in refused(tmp_path, "PL-RPT-003")


@pytest.mark.parametrize("change", [{"version": 2}, {"plumbline": "evaluation"}])
def test_another_version_or_kind_is_refused(tmp_path, change):
    refused(samples.write(tmp_path, check=samples.check() | change), "PL-RPT-004")


def test_an_unreadable_file_is_named(tmp_path, monkeypatch):
    folder = samples.write(tmp_path, check=samples.check())

    monkeypatch.setattr("pathlib.Path.read_bytes", Mock(side_effect=PermissionError(13, "Permission denied")))
    assert "Permission denied" in refused(folder, "PL-RPT-007")


def test_a_broken_manifest_is_refused(tmp_path):
    refused(samples.write(tmp_path, check=samples.check(), manifest={"command": 3}), "PL-MAN-001")


@pytest.mark.parametrize("raw", [b"", b"[]", b'[{"prompt": "a"}]', b"\xff", b'{"accuracy": 0.5}'])
def test_a_file_of_such_a_name_that_something_else_wrote_is_passed_over(tmp_path, raw):
    samples.write(tmp_path / "ours", evaluation=samples.pairs_evaluation())
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "evaluation.json").write_bytes(raw)
    inputs = read_inputs([tmp_path])
    assert len(inputs.evaluations) == 1
    assert inputs.passed_over == (f"{tmp_path.name}/theirs/evaluation.json",)
    assert "1 of such a name, written by something else" in refused(tmp_path / "theirs", "PL-RPT-002")


def test_places_say_nothing_of_where_a_far_folder_lies(tmp_path, monkeypatch):
    folder = samples.write(tmp_path / "runs", check=samples.check(), manifest=samples.manifest())
    inputs = read_inputs([folder])
    assert [inputs.checks[0].place, inputs.manifests[0].place] == ["runs/check.json", "runs/manifest.json"]
    monkeypatch.chdir(tmp_path)
    assert read_inputs([Path("runs")]).checks[0].place == "runs/check.json"
    (tmp_path / "in").mkdir()
    monkeypatch.chdir(tmp_path / "in")
    assert read_inputs([Path("../runs")]).checks[0].place == "runs/check.json"
