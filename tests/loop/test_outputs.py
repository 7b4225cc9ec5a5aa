"""What may be written where, and what a reader of figures is warned of."""

import json

import pytest

from plumbline.formats import convert_loaded, load, merge_loaded
from plumbline.loop.demo import run_demo
from plumbline.loop.evaluation_run import EvaluationRun, ScoringRun, run_evaluation, run_scoring
from plumbline.loop.synthetic_corpus import write_synthetic_corpus
from plumbline.loop.training_run import TrainingRun, run_training
from plumbline.records import NoDataError, UsageError

WORDS = {"features": "words"}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    write_synthetic_corpus(folder, scale=0.2)
    return folder


@pytest.fixture(scope="module")
def model(corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "harmless"
    run_training(TrainingRun("preference", (str(corpus / "harmless-synthetic"),), folder, settings=WORDS))
    return folder


def test_an_evaluation_never_takes_the_place_of_its_model(model, corpus):
    before = sorted(path.name for path in model.iterdir())
    with pytest.raises(UsageError, match=r"PL-OUT-002(.|\n)*a model folder"):
        run_evaluation(EvaluationRun(model, str(corpus / "harmless-synthetic"), out=model))
    assert sorted(path.name for path in model.iterdir()) == before


def test_a_model_takes_the_place_of_a_model_but_of_no_data(corpus, tmp_path):
    run = TrainingRun("preference", (str(corpus / "harmless-synthetic"),), tmp_path / "m", settings=WORDS)
    run_training(run)
    run_training(run)
    convert_loaded(load(corpus / "helpful-synthetic"), tmp_path / "data", "trl")
    with pytest.raises(UsageError, match="PL-OUT-002"):
        run_training(TrainingRun(**{**vars(run), "out": tmp_path / "data"}))


def test_rows_that_the_model_was_trained_on_are_named(model, corpus):
    result = run_evaluation(EvaluationRun(model, str(corpus / "harmless-synthetic"), load_options={"split": "train"}))
    assert "TRAINED on these very rows" in result["note"]
    assert run_evaluation(EvaluationRun(model, str(corpus / "harmless-synthetic")))["note"] is None
    other = run_evaluation(EvaluationRun(model, str(corpus / "helpful-synthetic"), on="helpfulness"))
    assert "trained on harmlessness and is measured on helpfulness" in other["note"]


def test_the_demo_takes_no_folder_of_others_and_none_inside_its_data(corpus, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "train.py").write_text("mine")
    with pytest.raises(UsageError, match="PL-OUT-002"):
        run_demo(None, tmp_path / "mine", seed=0, created="now")
    with pytest.raises(UsageError, match="PL-OUT-010"):
        run_demo(corpus, corpus / "out", seed=0, created="now")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["train.py"]


def test_nothing_to_score_is_said(model, tmp_path):
    prompts = tmp_path / "prompts.json"
    prompts.write_text(json.dumps([{"prompt": "q", "category": "animal_abuse", "category_id": 0}]))
    with pytest.raises(NoDataError, match="PL-RUN-003"):
        run_scoring(ScoringRun(model, str(prompts), tmp_path / "scores.csv"))


def test_splits_are_not_merged_into_one_file_of_lines(corpus, tmp_path):
    loaded = load(corpus / "helpful-synthetic")
    with pytest.raises(UsageError, match=r"PL-OUT-009(.|\n)*test, train"):
        convert_loaded(loaded, tmp_path / "all.jsonl", "trl")
    convert_loaded(load(corpus / "helpful-synthetic", split="test"), tmp_path / "test.jsonl", "trl")
    with pytest.raises(UsageError, match="PL-OUT-002"):
        convert_loaded(loaded, corpus / "helpful-synthetic" / "train.jsonl.gz", "hh-rlhf")


def test_one_file_under_two_names_is_refused(corpus, tmp_path):
    copy = tmp_path / "harmless-copy" / "train.jsonl.gz"
    copy.parent.mkdir()
    copy.write_bytes((corpus / "harmless-synthetic" / "train.jsonl.gz").read_bytes())
    with pytest.raises(UsageError, match=r"PL-SRC-010(.|\n)*harmless-copy"):
        merge_loaded([load(corpus / "harmless-synthetic"), load(copy.parent)])


def test_an_axis_that_contradicts_the_folder_is_refused(corpus):
    with pytest.raises(UsageError, match=r"PL-HH-002(.|\n)*leave --axis out"):
        load(corpus / "harmless-synthetic", axis="helpfulness")
    assert len(load(corpus / "harmless-synthetic", axis="harmlessness").comparisons)
