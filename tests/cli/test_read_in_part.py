"""What a transformer read only a part of, and what was the same to it then: told, counted and not measured."""

import json

import pytest
import torch

from plumbline.loop.training.run import TrainingRun, run_training
from plumbline.models.transformer import scorer as scorers
from tests.models.transformer import tiny

torch.set_num_threads(1)

END = " the same long ending of a reply, far beyond what the model may read of it at once, again and again"
ROWS, SAME = 60, 20


def write(path, *, seed):
    """Pairs; of every third one the sides differ only where the model does not look."""
    rows = []
    for number in range(ROWS):
        question = f"\n\nHuman: question {seed} {number}\n\nAssistant: "
        end = END if number % 3 == 0 else ""
        rows.append({"chosen": f"{question}good{end}", "rejected": f"{question}bad{end}"})
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model that reads 32 tokens, what was told of its training, and other rows of the kind."""
    folder = tmp_path_factory.mktemp("read-in-part")
    base = tiny.save(folder / "base", tiny.llama(), tiny.tokenizer(padding="<pad>"))
    run = TrainingRun(
        "preference",
        (str(write(folder / "train.jsonl", seed=0)),),
        folder / "model",
        str(base),
        settings={"max_tokens": 32, "held_out": 0.5, "learning_rate": 1e-3},
        load_options={"axis": "harmlessness"},
    )
    return run_training(run), folder / "model", write(folder / "other.jsonl", seed=1)


def test_held_out_figures_leave_out_pairs_that_are_the_same_to_the_model(trained):
    result, _, _ = trained
    held = result.cross_validated["rows"]
    assert result.summary["set_aside"] == {"PL-TRN-004": SAME}
    assert 0 < held["set_aside"]["PL-TRN-004"] < SAME
    assert held["evaluated"] + held["set_aside"]["PL-TRN-004"] == ROWS // 2
    assert result.summary["held_out_rows"] == held["evaluated"]


def test_each_conversation_that_was_cut_counts_once_in_training(trained):
    assert trained[0].summary["truncated_conversations"] == 2 * SAME


def test_evaluate_sets_them_aside_too_and_tells_what_was_cut(trained, plumb, tmp_path):
    _, model, other = trained
    ended, shown, _ = plumb("evaluate", model, other, "--axis", "harmlessness", "--json")
    figures = json.loads(shown)
    assert ended == 0
    assert figures["rows"] == {"evaluated": ROWS - SAME, "set_aside": {"PL-TRN-004": SAME}}
    assert figures["truncated_replies"] == 0, "of those that are measured"
    long = write(tmp_path / "long.jsonl", seed=2)
    long.write_text(long.read_text().replace("Human: ", "Human: so very long that it is cut, "))
    ended, _, told = plumb("evaluate", model, long, "--axis", "harmlessness", "-o", tmp_path / "out")
    assert ended == 0
    cut = json.loads((tmp_path / "out" / "evaluation.json").read_text())["truncated_replies"]
    assert cut == 2 * (ROWS - SAME)
    assert f"{cut} replies stand in conversations too long for the model" in told
    assert f"{SAME} rows, PL-TRN-004" in told


def test_where_all_are_the_same_there_is_nothing_to_measure(trained, plumb, tmp_path):
    _, model, other = trained
    rows = [json.loads(line) for line in other.read_text().splitlines()][::3]
    same = tmp_path / "same.jsonl"
    same.write_text("\n".join(map(json.dumps, rows)))
    ended, _, told = plumb("evaluate", model, same, "--axis", "harmlessness")
    assert ended == 1
    assert told.startswith("PL-TRN-020")


def test_score_tells_what_was_cut_and_puts_it_into_the_manifest(trained, plumb, tmp_path):
    _, model, other = trained
    out = tmp_path / "scores.csv"
    ended, _, told = plumb("score", model, other, "--axis", "harmlessness", "-o", out)
    assert ended == 0
    assert f"{2 * SAME} replies stand in conversations too long for the model" in told
    manifest = json.loads((tmp_path / "scores.csv.manifest.json").read_text())
    assert manifest["findings"] == {"PL-SCO-002": 2 * SAME}


def test_memory_at_an_end_names_a_smaller_batch_that_is_taken(trained, plumb, tmp_path, monkeypatch):
    _, model, other = trained
    hidden = scorers.Scorer._hidden

    def small(self, **named):
        if named["input_ids"].numel() > 200:
            raise torch.OutOfMemoryError("out of memory")
        return hidden(self, **named)

    monkeypatch.setattr(scorers.Scorer, "_hidden", small)
    words = (model, other, "--axis", "harmlessness")
    for command in (("evaluate", *words), ("score", *words, "-o", tmp_path / "scores.csv")):
        ended, _, told = plumb(*command)
        assert ended == 1
        assert told.startswith("PL-SCO-001"), told
        assert "--tokens-per-batch" in told
        ended, _, told = plumb(*command, "--tokens-per-batch", "200")
        assert ended == 0, told


def test_frozen_training_takes_its_tokens_per_batch(trained, plumb, tmp_path, monkeypatch):
    _, model, other = trained
    hidden = scorers.Scorer._hidden

    def small(self, **named):
        if named["input_ids"].numel() > 200:
            raise torch.OutOfMemoryError("out of memory")
        return hidden(self, **named)

    monkeypatch.setattr(scorers.Scorer, "_hidden", small)
    monkeypatch.setenv("PLUMBLINE_CACHE", str(tmp_path / "cache"))
    words = ["train", "preference", other, "--model", model.parent / "base", "-o", tmp_path / "m", "--frozen"]
    words += ["--max-tokens", "32", "--held-out", "0.5", "--axis", "harmlessness", "--ensemble", "2"]
    ended, _, told = plumb(*words)
    assert ended == 1
    assert told.startswith("PL-SCO-001"), told
    ended, _, told = plumb(*words, "--tokens-per-batch", "200")
    assert ended == 0, told


def test_a_linear_model_counts_no_tokens(trained, plumb, tmp_path):
    other = trained[2]
    source = tmp_path / "many.jsonl"
    source.write_text(other.read_text() + "\n" + write(tmp_path / "more.jsonl", seed=3).read_text())
    ended, _, told = plumb("train", "preference", source, "-o", tmp_path / "linear", "--axis", "harmlessness")
    assert ended == 0, told
    ended, _, told = plumb(
        "evaluate", tmp_path / "linear", other, "--axis", "harmlessness", "--tokens-per-batch", "100"
    )
    assert ended == 2
    assert told.startswith("PL-ARG-003")
