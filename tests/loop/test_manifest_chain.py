"""One chain from click to model: what is derived from a folder with a manifest names it, and how it was read."""

import pytest

from plumbline.formats import convert_loaded, load
from plumbline.formats.writing import ConversionRun
from plumbline.lineage import file_digest, read_manifest
from plumbline.loop.check_run import run_check, write_check
from plumbline.loop.measuring.evaluation_run import (
    EvaluationRun,
    ScoringRun,
    run_evaluation,
    run_scoring,
    write_evaluation,
)
from plumbline.loop.synthetic.corpus import write_synthetic_corpus
from plumbline.loop.training.run import TrainingRun, run_training
from plumbline.models.linear.saving import load_model


def digest(folder):
    return file_digest(folder / "manifest.json")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Rows in a folder with a manifest."""
    folder = tmp_path_factory.mktemp("chain")
    write_synthetic_corpus(folder / "corpus", scale=0.1)
    shares = {"shares": {"train": 0.8, "test": 0.2}}
    run = ConversionRun(("split",), shares, seed=11)
    convert_loaded(load(folder / "corpus", data_dir="harmless-synthetic"), folder / "data", "parquet", run=run)
    return folder / "data"


@pytest.fixture(scope="module")
def model(data):
    out = data.parent / "model"
    run = TrainingRun("preference", (str(data),), out, settings={"features": "words"}, load_options={"axis": None})
    run_training(run)
    return out


def test_a_split_says_its_seed_and_shares(data):
    manifest = read_manifest(data)
    assert manifest.seed == 11
    assert manifest.configuration["shares"] == {"train": 0.8, "test": 0.2}
    assert manifest.parents == []


def test_every_derived_thing_names_its_parents(data, model, tmp_path):
    convert_loaded(load(data), tmp_path / "copy", "trl")
    convert_loaded(load(data, split="test"), tmp_path / "one.jsonl", "trl")
    run_evaluation(EvaluationRun(model, str(data), tmp_path / "evaluation"))
    run_scoring(ScoringRun(model, str(data), tmp_path / "scores.csv"))
    loaded = load(data)
    write_check(tmp_path / "check", run_check("x", loaded, limit=1), loaded, ["data", "check"], {"limit": 1})
    (tmp_path / "scores").mkdir()
    (tmp_path / "scores.csv.manifest.json").rename(tmp_path / "scores" / "manifest.json")
    assert read_manifest(model).parents == [digest(data)]
    assert read_manifest(tmp_path / "copy").parents == [digest(data)]
    assert read_manifest(tmp_path / "check").parents == [digest(data)]
    assert read_manifest(tmp_path / "evaluation").parents == [digest(model), digest(data)]
    assert read_manifest(tmp_path / "scores").parents == [digest(model), digest(data)]
    assert load(tmp_path / "one.jsonl").parents == (file_digest(tmp_path / "one.jsonl.manifest.json"),)


def test_how_rows_were_read_is_said(data, model, tmp_path):
    assert read_manifest(model).configuration["features"] == "words"
    assert read_manifest(model).configuration["split"] == "train"
    corpus = data.parent / "corpus"
    how = {"data_dir": "harmless-synthetic", "axis": "harmlessness"}
    run_evaluation(EvaluationRun(model, str(corpus), tmp_path / "evaluation", load_options=how))
    run_scoring(ScoringRun(model, str(corpus), tmp_path / "scores.csv", load_options={**how, "split": "test"}))
    (tmp_path / "scores").mkdir()
    (tmp_path / "scores.csv.manifest.json").rename(tmp_path / "scores" / "manifest.json")
    for name in ("evaluation", "scores"):
        said = read_manifest(tmp_path / name).configuration
        assert said["split"] == "test"
        assert {key: said[key] for key in how} == how


def test_an_evaluation_without_a_model_leaves_a_manifest_too(data, tmp_path):
    loaded = load(data)
    manifest = loaded.manifest("evaluation", ["demo"], {"source": "x"}, seed=3)
    write_evaluation(tmp_path / "out", {"plumbline": "evaluation"}, manifest)
    again = read_manifest(tmp_path / "out")
    assert (again.seed, again.parents, again.rows_read) == (3, [digest(data)], loaded.rows_read)
    assert [entry.path for entry in again.outputs] == ["evaluation.json"]


def test_the_model_says_which_features_by_default(data, tmp_path):
    run_training(TrainingRun("moderation", (str(data.parent / "corpus" / "labels-synthetic"),), tmp_path / "model"))
    assert read_manifest(tmp_path / "model").configuration["features"] == "words"
    assert load_model(tmp_path / "model")
