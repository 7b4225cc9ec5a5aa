"""Training, evaluating and scoring on a small synthetic corpus: what they write, refuse and mean."""

import gzip
import json
import math
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from plumbline.formats import Loaded, load
from plumbline.lineage import file_digest, read_manifest
from plumbline.loop.check_run import run_check
from plumbline.loop.measuring.evaluation_run import EvaluationRun, ScoringRun, _scored, run_evaluation, run_scoring
from plumbline.loop.synthetic.corpus import write_synthetic_corpus
from plumbline.loop.training.run import TrainingRun, run_training
from plumbline.models.linear.saving import load_model
from plumbline.models.scoring import ScoredReplies, score_tables
from plumbline.records import NoDataError, PermittedUseError, PlumblineError, UsageError

WORDS = {"features": "words", "seed": 7}
FIGURES = ["accuracy", "ece", "auroc", "auprc", "recall_at_fpr_01", "recall_at_fpr_05", "f1"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "corpus"
    write_synthetic_corpus(folder, seed=1, scale=0.3)
    return folder


@pytest.fixture(scope="module")
def models(corpus):
    """One model a task."""
    folders = {}
    for task, name in (("preference", "harmless"), ("cost", "preferences"), ("moderation", "labels")):
        folders[task] = corpus.parent / "models" / task
        run = TrainingRun(task, (str(corpus / f"{name}-synthetic"),), folders[task], settings=WORDS, command=("train",))
        run_training(run)
    return folders


def rows_of(path):
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines() if _is_json(line)]


def _is_json(line):
    try:
        json.loads(line)
    except json.JSONDecodeError:
        return False
    return True


def write_rows(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(json.dumps(row).encode() + b"\n" for row in rows))
    return path


# --- training ---


def test_a_model_names_what_it_was_trained_on(corpus, models):
    manifest = read_manifest(models["preference"])
    (entry,) = manifest.inputs  # the split train only
    train = corpus / "harmless-synthetic" / "train.jsonl.gz"
    assert entry.path == "harmless-synthetic/train.jsonl.gz"
    assert (entry.sha256, entry.size_bytes) == (file_digest(train), train.stat().st_size)
    assert manifest.rows_read == entry.rows == len(rows_of(train)) + 1
    assert manifest.quarantined == {"PL-JSON-001": 1}
    assert (manifest.seed, manifest.uses_overridden, manifest.licence) == (7, False, "MIT")
    assert manifest.configuration["task"] == "preference"
    for output in manifest.outputs:
        assert file_digest(models["preference"] / output.path) == output.sha256
    assert {output.path for output in manifest.outputs} == {
        *("model.json", "model.safetensors", "trained_rows.safetensors", "README.md", "out_of_fold.parquet")
    }
    _, description = load_model(models["preference"])
    assert description.synthetic
    assert description.data == [entry.model_dump()]
    assert "synthetic" in (models["preference"] / "README.md").read_text().lower()


def test_training_again_gives_the_same_model(corpus, models, tmp_path):
    run_training(TrainingRun("preference", (str(corpus / "harmless-synthetic"),), tmp_path / "again", settings=WORDS))
    digests = [file_digest(folder / "model.safetensors") for folder in (models["preference"], tmp_path / "again")]
    assert digests[0] == digests[1]


@pytest.mark.parametrize(("task", "name"), [("preference", "labels"), ("moderation", "harmless"), ("cost", "harmless")])
def test_a_task_without_its_rows_is_refused(task, name, corpus, tmp_path):
    run = TrainingRun(task, (str(corpus / f"{name}-synthetic"),), tmp_path / "model", settings=WORDS)
    with pytest.raises((NoDataError, PermittedUseError)) as refused:
        run_training(run)
    assert "Try: " in str(refused.value)
    assert not list(tmp_path.iterdir())


def test_a_use_that_is_not_permitted_needs_an_override_that_the_manifest_keeps(corpus, tmp_path):
    # A preference model from pairs converted out of data for analysis only: red-team attempts' terms on pairs.
    source = tmp_path / "harmless-analysis"
    for split in ("train", "test"):
        write_rows(source / f"{split}.jsonl", rows_of(corpus / "harmless-synthetic" / f"{split}.jsonl.gz"))
    stated = read_manifest_like(source, uses=["analysis"])
    run = TrainingRun("preference", (str(source),), tmp_path / "model", settings=WORDS)
    with pytest.raises(PermittedUseError, match=r"PL-USE-001(.|\n)*--override-uses"):
        run_training(run)
    assert not (tmp_path / "model").exists()
    run_training(TrainingRun(**{**vars(run), "override_uses": True}))
    manifest = read_manifest(tmp_path / "model")
    assert manifest.uses_overridden
    assert [use.value for use in manifest.uses] == stated
    assert load_model(tmp_path / "model")[1].terms["uses"] == stated


def read_manifest_like(folder: Path, *, uses: list[str]) -> list[str]:
    """Give a folder a manifest that permits these uses."""
    values = {"holds": "data", "command": [], "configuration": {}, "inputs": [], "uses": uses, "licence": "MIT"}
    (folder / "manifest.json").write_text(json.dumps(values))
    return uses


def test_an_override_that_was_not_needed_is_not_called_one(corpus, tmp_path):
    source = (str(corpus / "harmless-synthetic"),)
    run_training(TrainingRun("preference", source, tmp_path / "model", settings=WORDS, override_uses=True))
    assert not read_manifest(tmp_path / "model").uses_overridden


def test_two_axes_are_never_mixed(corpus, tmp_path):
    source = (str(corpus / "preferences-synthetic"),)
    with pytest.raises(UsageError) as refused:
        run_training(TrainingRun("preference", source, tmp_path / "model", settings=WORDS))
    assert "--on" in str(refused.value)
    run_training(TrainingRun("preference", source, tmp_path / "model", settings=WORDS, on="helpfulness"))
    assert load_model(tmp_path / "model")[0].axis == "helpfulness"


# --- polarity, end to end ---


def test_a_model_of_flipped_labels_ranks_the_other_way(corpus, models, tmp_path):
    rows = rows_of(corpus / "harmless-synthetic" / "train.jsonl.gz")
    flipped = [{"chosen": row["rejected"], "rejected": row["chosen"]} for row in rows]
    path = write_rows(tmp_path / "harmless-flipped" / "train.jsonl", flipped)
    run_training(TrainingRun("preference", (str(path),), tmp_path / "model", settings=WORDS))
    source = str(corpus / "harmless-synthetic")
    right = run_evaluation(EvaluationRun(models["preference"], source))["accuracy"]
    wrong = run_evaluation(EvaluationRun(tmp_path / "model", source))["accuracy"]
    assert right["low"] > 0.5 > wrong["high"]
    assert abs(right["value"] + wrong["value"] - 1) < 0.02


def test_a_model_of_flipped_flags_calls_the_safe_unsafe(corpus, models, tmp_path):
    rows = rows_of(corpus / "labels-synthetic" / "train.jsonl.gz")
    flipped = [{"prompt": r["prompt"], "response": r["response"], "is_safe": not r["is_safe"]} for r in rows]
    path = write_rows(tmp_path / "labels" / "train.jsonl", flipped)
    run_training(TrainingRun("moderation", (str(path),), tmp_path / "model", settings=WORDS))
    source = str(corpus / "labels-synthetic")
    right, wrong = (
        run_evaluation(EvaluationRun(each, source))["auroc"] for each in (models["moderation"], tmp_path / "model")
    )
    assert right["low"] > 0.7
    assert wrong["high"] < 0.3  # fmt: skip


def _scores(models, corpus, task, folder):
    """(record, side) → (score, probability), and the records by id."""
    loaded = load(corpus / folder, split="test")
    model, _ = load_model(models[task])
    return loaded, score_tables(model, loaded.tables).rows.to_pylist()


def test_a_cost_is_high_and_above_zero_for_what_is_unsafe(corpus, models):
    loaded, scores = _scores(models, corpus, "cost", "labels-synthetic")
    is_safe = dict(zip(*(loaded.safety_labels[name].to_pylist() for name in ("id", "is_safe")), strict=True))
    costs = {verdict: [row["score"] for row in scores if is_safe[row["id"]] is verdict] for verdict in (True, False)}
    assert sum(costs[False]) / len(costs[False]) > 0 > sum(costs[True]) / len(costs[True])
    assert sum(cost > 0 for cost in costs[False]) / len(costs[False]) > 0.6
    assert sum(cost > 0 for cost in costs[True]) / len(costs[True]) < 0.4
    assert all(
        (row["probability"] > 0.5) == (row["score"] > 0) or abs(row["probability"] - 0.5) < 0.2 for row in scores
    )


def test_a_reward_is_higher_for_the_better_side_and_a_cost_for_the_worse(corpus, models):
    for task, folder, sign in (("preference", "harmless-synthetic", 1), ("cost", "preferences-synthetic", -1)):
        loaded, scores = _scores(models, corpus, task, folder)
        pairs = loaded.comparisons.filter(
            pa.compute.equal(loaded.comparisons["axis"].cast(pa.string()), "harmlessness")
        )
        winner = dict(zip(pairs["id"].to_pylist(), pairs["outcome"].to_pylist(), strict=True))
        by_id = {(row["id"], row["side"]): row for row in scores if row["id"] in winner}
        hits = [
            sign * (by_id[each, 0]["score"] - by_id[each, 1]["score"]) > 0
            for each, outcome in winner.items()
            if outcome == "first"
        ]
        assert len(hits) > 40
        assert sum(hits) / len(hits) > 0.6
        for each in winner:
            first, second = by_id[each, 0], by_id[each, 1]
            assert first["probability"] + second["probability"] == pytest.approx(1)
            ahead = sign * (first["score"] - second["score"])
            assert ahead == 0 or (first["probability"] > 0.5) == (ahead > 0)


# --- evaluating ---


def test_an_evaluation_keeps_the_contract(corpus, models, tmp_path):
    out = tmp_path / "evaluation"
    result = run_evaluation(
        EvaluationRun(models["preference"], str(corpus / "harmless-synthetic"), out, command=("x",))
    )
    assert json.loads((out / "evaluation.json").read_text()) == result
    for key in FIGURES:
        figure = result[key]
        assert set(figure) == {"value", "low", "high", "n", "why_undefined"}
        if figure["value"] is None:
            assert figure["why_undefined"]
            assert figure["low"] is figure["high"] is None
        else:
            assert figure["why_undefined"] is None
            assert figure["low"] <= figure["value"] <= figure["high"]
            assert figure["n"] > 0
    assert {"lower", "upper", "estimate", "of", "rows"} <= set(result["noise_ceiling"])
    assert result["split"] == "test"
    assert result["synthetic"] is True
    manifest = read_manifest(out)
    model, data = manifest.inputs
    assert (model.path, model.sha256) == ("preference/model.json", file_digest(models["preference"] / "model.json"))
    assert data.path == "harmless-synthetic/test.jsonl.gz"
    assert manifest.outputs[0].sha256 == file_digest(out / "evaluation.json")


def test_all_tasks_give_all_figures(corpus, models):
    for task, folder in (("cost", "preferences"), ("moderation", "labels")):
        result = run_evaluation(EvaluationRun(models[task], str(corpus / f"{folder}-synthetic")))
        assert [key for key in result if key in FIGURES] == FIGURES
        assert result["auprc"]["value"] is not None or result["auprc"]["why_undefined"]


def test_another_axis_is_measured_only_when_asked_and_said(corpus, models):
    source = str(corpus / "helpful-synthetic")
    with pytest.raises(PlumblineError):
        run_evaluation(EvaluationRun(models["preference"], source))
    result = run_evaluation(EvaluationRun(models["preference"], source, on="helpfulness"))
    assert "trained on harmlessness and is measured on helpfulness" in result["note"]


def test_no_rows_is_no_figure(corpus, models, tmp_path):
    path = write_rows(tmp_path / "harmless-broken" / "test.jsonl", [{"chosen": 1, "rejected": 2}])
    with pytest.raises(PlumblineError) as refused:
        run_evaluation(EvaluationRun(models["preference"], str(path), tmp_path / "out"))
    assert refused.value.code in ("PL-RUN-001", "PL-SRC-008")
    assert not (tmp_path / "out").exists()


# --- scoring ---


def _read_scores(path):
    if path.suffix == ".parquet":
        return pa.parquet.read_table(path).to_pylist()
    if path.suffix == ".csv":
        return pa.csv.read_csv(path).to_pylist()
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_scores_are_the_same_in_every_form_and_from_a_model_read_again(corpus, models, tmp_path):
    source = str(corpus / "harmless-synthetic")
    tables = []
    for ending in (".parquet", ".jsonl", ".csv"):
        out = tmp_path / f"scores{ending}"
        count = run_scoring(ScoringRun(models["preference"], source, out)).replies
        rows = _read_scores(out)
        tables.append(rows)
        assert count == len(rows)
        assert list(rows[0]) == ["id", "side", "score", "probability", "uncertainty", "kind", "source", "row", "split"]
        manifest = json.loads((tmp_path / f"scores{ending}.manifest.json").read_text())
        (entry,) = manifest["outputs"]
        assert (entry["path"], entry["sha256"], entry["rows"]) == (out.name, file_digest(out), count)
        assert manifest["inputs"][0]["path"] == "preference/model.json"
    loaded = load(source)
    expected = score_tables(load_model(models["preference"])[0], loaded.tables).rows.to_pylist()
    assert len(expected) == 2 * len(loaded.comparisons)
    for rows in tables:
        assert [(row["id"], row["side"]) for row in rows] == [(row["id"], row["side"]) for row in expected]
        for name in ("score", "probability"):
            assert [row[name] for row in rows] == pytest.approx([row[name] for row in expected], rel=1e-12)


def test_a_preference_model_gives_a_lone_reply_a_score_and_no_probability(corpus, models, tmp_path):
    run_scoring(ScoringRun(models["preference"], str(corpus / "labels-synthetic"), tmp_path / "scores.jsonl"))
    rows = _read_scores(tmp_path / "scores.jsonl")
    assert {(row["side"], row["probability"]) for row in rows} == {(None, None)}
    assert all(math.isfinite(row["score"]) for row in rows)


def test_categories_have_columns_of_their_own(corpus, models, tmp_path):
    run_scoring(ScoringRun(models["moderation"], str(corpus / "labels-synthetic"), tmp_path / "scores.jsonl"))
    row = _read_scores(tmp_path / "scores.jsonl")[0]
    assert list(row)[:9] == ["id", "side", "score", "probability", "uncertainty", "kind", "source", "row", "split"]
    assert list(row)[9:11] == ["category", "threshold"]
    assert all(name.startswith(("probability_", "threshold_")) for name in list(row)[11:])


@pytest.mark.parametrize("name", ["scores", "scores.json", "scores.jsonl.gz", "scores.xlsx"])
def test_scores_go_to_no_other_file(name, corpus, models, tmp_path):
    with pytest.raises(UsageError, match="PL-OUT-006"):
        run_scoring(ScoringRun(models["preference"], str(corpus), tmp_path / name))
    assert not list(tmp_path.iterdir())


def test_scores_join_their_rows_by_source_and_row(corpus, models, tmp_path):
    source = corpus / "harmless-synthetic"
    found = run_scoring(ScoringRun(models["preference"], str(source), tmp_path / "scores.parquet"))
    loaded = load(source)
    places = {
        (row["id"], row["source"], row["row"], row["split"])
        for row in loaded.comparisons.select(["id", "source", "row", "split"]).to_pylist()
    }
    rows = _read_scores(tmp_path / "scores.parquet")
    assert {(row["id"], row["source"], row["row"], row["split"]) for row in rows} == places
    assert {row["kind"] for row in rows} == {"comparisons"}
    by_split = {"train": 0, "test": 0}
    for row in rows:
        by_split[row["split"]] += 1
    assert found.records == {"comparisons": {name: count // 2 for name, count in by_split.items()}}
    identical = load_model(models["preference"])[1].training["set_aside"]["PL-TRN-002"]
    assert found.trained == by_split["train"] // 2 - identical
    assert found.replies == len(rows)
    assert found.note is None


def test_a_scoring_says_what_it_left_and_whether_the_axis_is_another(corpus, models, tmp_path):
    helpful = run_scoring(ScoringRun(models["preference"], str(corpus / "helpful-synthetic"), tmp_path / "h.csv"))
    assert helpful.note == "the model was trained on harmlessness, and scores comparisons on helpfulness"
    assert helpful.trained == 0
    cost = run_scoring(ScoringRun(models["cost"], str(corpus / "helpful-synthetic"), tmp_path / "c.csv"))
    assert cost.note == helpful.note
    moderation = run_scoring(ScoringRun(models["moderation"], str(corpus / "helpful-synthetic"), tmp_path / "m.csv"))
    assert moderation.note is None


def test_prompts_are_not_scored_and_said_to_be_left(corpus, models, tmp_path):
    prompts = [{"prompt": "q", "category": "animal_abuse", "category_id": 0}]
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "test.json").write_text(json.dumps(prompts))
    loaded = load(tmp_path / "more")
    both = Loaded({**load(corpus / "labels-synthetic").tables, **loaded.tables}, [], [], 1, [], {}, loaded.terms)
    model, _ = load_model(models["moderation"])
    assert _scored(model, both, None, ScoredReplies(both.comparisons.slice(0, 1), 0)).passed_over == {"prompts": 1}


# --- checking ---


def test_a_check_counts_and_names_places_without_texts(corpus):
    loaded = load(corpus, split="train")
    summary = run_check("corpus", loaded, limit=2)
    assert summary["rows_read"] == loaded.rows_read
    assert summary["rows_quarantined"] == 2
    assert summary["rows_read"] == 2 + len(
        {
            (s, r)
            for t in loaded.tables.values()
            for s, r in zip(t["source"].to_pylist(), t["row"].to_pylist(), strict=True)
        }
    )
    assert summary["synthetic"] is True
    for entry in summary["findings"] + summary["quarantined"]:
        assert set(entry) == {"code", "name", "count", "places"}
        assert len(entry["places"]) == min(2, entry["count"])
        assert all(re.fullmatch(r"[\w./-]+( line \d+)?", place) for place in entry["places"])  # fmt: skip
