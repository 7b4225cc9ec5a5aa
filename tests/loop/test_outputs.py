"""What may be written where, and what a reader of figures is warned of."""

import gzip
import json
import shutil

import pytest

from plumbline.formats import convert_loaded, load, merge_loaded
from plumbline.lineage import StatedTerms
from plumbline.loop.demo.own_data import run_on_own_data
from plumbline.loop.demo.whole_loop import run_whole_loop
from plumbline.loop.measuring.evaluation_run import EvaluationRun, ScoringRun, _name, run_evaluation, run_scoring
from plumbline.loop.synthetic.corpus import write_synthetic_corpus
from plumbline.loop.training.run import TrainingRun, run_training
from plumbline.records import ModelError, NoDataError, PermittedUseError, UsageError

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
    assert "TRAINED on 344 of these 344 rows (100.0 %)" in result["note"]
    assert run_evaluation(EvaluationRun(model, str(corpus / "harmless-synthetic")))["note"] is None
    other = run_evaluation(EvaluationRun(model, str(corpus / "helpful-synthetic"), on="helpfulness"))
    assert "trained on harmlessness and is measured on helpfulness" in other["note"]


def test_rows_trained_on_are_known_again_in_any_file_and_format(model, corpus, tmp_path):
    harmless = corpus / "harmless-synthetic" / "train.jsonl.gz"
    lines = gzip.decompress(harmless.read_bytes()).splitlines(keepends=True)
    (tmp_path / "unpacked.jsonl").write_bytes(b"".join(lines))
    (tmp_path / "head.jsonl").write_bytes(b"".join(lines[:50]))
    convert_loaded(load(harmless), tmp_path / "trl", "trl")
    for name, options in (("unpacked.jsonl", "harmlessness"), ("head.jsonl", "harmlessness"), ("trl", None)):
        seen = run_evaluation(
            EvaluationRun(
                model, str(tmp_path / name), load_options={"axis": options, "split": None if options else "train"}
            )
        )
        counts = seen["trained_on"]
        assert counts["trained_rows"] == counts["rows"] == seen["rows"]["evaluated"] > 40
        assert counts["trained_prompts"] == counts["prompts"]
        assert f"TRAINED on {counts['rows']:,} of these {counts['rows']:,} rows (100.0 %)" in seen["note"]
    overall = EvaluationRun(model, str(tmp_path / "unpacked.jsonl"), on="overall", load_options={"axis": "overall"})
    seen = run_evaluation(overall)  # the same pairs, whatever they are said to be judged on
    assert seen["trained_on"]["trained_rows"] == seen["rows"]["evaluated"]
    test = run_evaluation(EvaluationRun(model, str(corpus / "harmless-synthetic")))
    assert test["trained_on"]["trained_rows"] == test["trained_on"]["trained_prompts"] == 0


def test_other_replies_to_a_prompt_trained_on_are_told(model, corpus, tmp_path):
    lines = gzip.decompress((corpus / "harmless-synthetic" / "train.jsonl.gz").read_bytes()).splitlines()
    rows = [json.loads(line) for line in lines[:20] if line.endswith(b"}")]
    other = [{**row, "chosen": f"{row['chosen']} And so on."} for row in rows]
    (tmp_path / "other.jsonl").write_text("".join(json.dumps(row) + "\n" for row in other))
    seen = run_evaluation(EvaluationRun(model, str(tmp_path / "other.jsonl"), load_options={"axis": "harmlessness"}))
    assert seen["trained_on"]["trained_rows"] == 0
    assert seen["trained_on"]["trained_prompts"] == seen["trained_on"]["prompts"] > 10
    assert "prompts, with other replies" in seen["note"]


@pytest.mark.parametrize("damage", ["gone", "changed"])
def test_a_list_of_trained_rows_that_is_not_the_models_is_refused(damage, model, corpus, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(model, folder)
    path = folder / "trained_rows.safetensors"
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-8] + bytes(8))
    with pytest.raises(ModelError, match="PL-MOD-002"):
        run_evaluation(EvaluationRun(folder, str(corpus / "harmless-synthetic")))


def test_a_model_takes_the_place_of_none_of_another_task_or_axis(corpus, tmp_path):
    helpful, both = str(corpus / "helpful-synthetic"), str(corpus / "preferences-synthetic")
    run_training(TrainingRun("preference", (helpful,), tmp_path / "m", settings=WORDS))
    for run in (
        TrainingRun("cost", (both,), tmp_path / "m", settings=WORDS),
        TrainingRun("preference", (both,), tmp_path / "m", on="harmlessness", settings=WORDS),
        TrainingRun("preference", (str(corpus / "harmless-synthetic"),), tmp_path / "m", settings=WORDS),
    ):
        with pytest.raises(UsageError, match=r"PL-OUT-013(.|\n)*preference \(helpfulness\) model"):
            run_training(run)
    run_training(TrainingRun("preference", (both,), tmp_path / "m", on="helpfulness", settings=WORDS))


def test_an_evaluation_takes_the_place_of_none_of_another_model(model, corpus, tmp_path):
    helpful = str(corpus / "helpful-synthetic")
    run_training(TrainingRun("preference", (helpful,), tmp_path / "helpful", settings=WORDS))
    run_evaluation(EvaluationRun(model, str(corpus / "harmless-synthetic"), tmp_path / "out"))
    with pytest.raises(UsageError, match=r"PL-OUT-014(.|\n)*one of harmless, preference \(harmlessness\)"):
        run_evaluation(EvaluationRun(tmp_path / "helpful", helpful, tmp_path / "out"))
    run_evaluation(EvaluationRun(model, helpful, tmp_path / "out", on="helpfulness"))


@pytest.mark.parametrize(
    ("model_name", "place", "expected"),
    [
        ("harmless-base", "harmless-base", "harmless-base test"),
        ("harmless-base-words", "harmless-base", "harmless-base test (words)"),
        ("harmless", "h", "harmless on h test"),
        ("harmless", "tr", "harmless on tr test"),
    ],
)
def test_an_evaluations_name_cuts_no_word(model_name, place, expected):
    assert _name(model_name, place, ["test"]) == expected


def test_a_use_that_the_users_own_statement_leaves_out_is_said_to_be_so(corpus, tmp_path):
    lines = gzip.decompress((corpus / "harmless-synthetic" / "train.jsonl.gz").read_bytes())
    (tmp_path / "mine.jsonl").write_bytes(lines)
    stated = StatedTerms.of(None, ["analysis"])
    how = {"axis": "harmlessness", "stated_terms": stated}
    run = TrainingRun("preference", (str(tmp_path / "mine.jsonl"),), tmp_path / "m", settings=WORDS, load_options=how)
    with pytest.raises(
        PermittedUseError, match=r"PL-USE-001(.|\n)*your own --uses names analysis(.|\n)*add preference"
    ):
        run_training(run)


def test_an_axis_that_the_flag_states_is_in_the_advice(model, corpus, tmp_path):
    lines = gzip.decompress((corpus / "harmless-synthetic" / "train.jsonl.gz").read_bytes())
    (tmp_path / "mine.jsonl").write_bytes(lines)
    with pytest.raises(UsageError, match=r"PL-TRN-011(.|\n)*--axis harmlessness"):
        run_evaluation(EvaluationRun(model, str(tmp_path / "mine.jsonl"), load_options={"axis": "overall"}))


def test_the_demo_takes_no_folder_of_others_and_none_inside_its_data(corpus, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "train.py").write_text("mine")
    with pytest.raises(UsageError, match="PL-OUT-002"):
        run_whole_loop(tmp_path / "mine", seed=0, created="now")
    with pytest.raises(UsageError, match="PL-OUT-008"):
        run_on_own_data(corpus, corpus / "out", seed=0, created="now")
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
