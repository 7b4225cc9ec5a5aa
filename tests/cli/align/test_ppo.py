"""``plumbline align ppo-lag`` as a person calls it, on made-up rows and a model made from nothing."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from plumbline.align.ppo.ppo_lag import PpoLag
from plumbline.formats import PARQUET, write_tables
from plumbline.lineage import Terms, Use, file_digest, with_terms
from plumbline.loop.training.folder import training_folder
from plumbline.models.linear.model import LinearModel
from plumbline.models.scored_model import Scores
from plumbline.records import Kind
from plumbline.sources.causal_model import load_causal_model
from tests.models.made_up import labels_table, pairs_table
from tests.models.transformer.ranks import run_ranks
from tests.redteam.small_models import saved

SHORT = (
    "--steps",
    4,
    "--replies",
    8,
    "--max-tokens",
    6,
    "--minibatch",
    4,
    "--checkpoint-every",
    2,
    "--learning-rate",
    1e-3,
)


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """Labelled replies, kind ones safe."""
    folder = tmp_path_factory.mktemp("rows") / "labels"
    folder.mkdir()
    write_tables({Kind.SAFETY_LABELS: labels_table(60)}, folder, PARQUET)
    return folder


@pytest.fixture(scope="module")
def judges(tmp_path_factory):
    folder = tmp_path_factory.mktemp("judges")
    saved("preference", pairs_table(80), folder / "kind")
    saved("preference", pairs_table(80, seed=5), folder / "other")
    saved("moderation", labels_table(80), folder / "rude")
    return folder


@pytest.fixture(scope="module")
def policy(rows, tmp_path_factory):
    from plumbline.loop.aligning.supervised_opening import SupervisedRun
    from plumbline.loop.aligning.supervised_run import run_supervised

    out = tmp_path_factory.mktemp("policy") / "first"
    sizes = {"layers": 1, "width": 32, "heads": 2, "vocabulary": 300, "positions": 96}
    run_supervised(SupervisedRun(str(rows), "new", out, "all", settings={"epochs": 1}, new_model=sizes))
    return out


@pytest.fixture
def words(rows, policy, judges):
    return (
        "align",
        "ppo-lag",
        rows,
        "--policy",
        policy,
        "--reward",
        judges / "kind",
        "--cost",
        judges / "rude",
        *SHORT,
    )


def weights(folder):
    return load_file(folder / "model.safetensors")


@pytest.mark.parametrize("lora", [(), ("--lora", 2)])
def test_a_policy_is_aligned_and_told_of(plumb, words, judges, rows, policy, tmp_path, lora):
    out = tmp_path / "aligned"
    watching = ("--held-out", judges / "other", "--held-out-prompts", 8, "--look-every", 2)
    texts = ("--pretraining", rows, "--pretraining-replies", "safe", "--pretraining-batch", 2)
    ended, printed, told = plumb(*words, *watching, *texts, *lora, "-o", out, "--json")
    assert ended == 0, told
    summary = json.loads(printed)
    assert summary["steps"] == 4
    assert summary["lagrangian"]["replies"] == 32
    assert sorted(summary["held_out_preference"]["by_step"]) == ["2", "4"]
    assert summary["held_out_preference"]["last"]["n"] == 8
    assert summary["rows"] == 52, "prompts of the held-out model are not trained on"
    assert (out / "adapter").is_dir() is bool(lora)
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4]
    assert all(line["pretraining_loss"] > 0 for line in lines)
    assert "SYNTHETIC" in told
    assert "mean cost of the last 32 replies" in told
    manifest = json.loads((out / "manifest.json").read_text())
    named = [*(judges / name for name in ("kind", "other", "rude")), policy]
    assert {file_digest(folder / "manifest.json") for folder in named} <= set(manifest["parents"])
    assert len(manifest["parents"]) == len(set(manifest["parents"]))


def test_a_run_that_is_killed_goes_on_as_if_it_had_not_been(plumb, words, policy, tmp_path, monkeypatch):
    whole, out = tmp_path / "whole", tmp_path / "killed"
    assert plumb(*words, "-o", whole)[0] == 0
    step, taken = PpoLag.step, []

    def killed(self, *given):
        taken.append(self.policy)
        if len(taken) == 4:
            raise KeyboardInterrupt
        return step(self, *given)

    monkeypatch.setattr(PpoLag, "step", killed)
    _, _, told = plumb(*words, "-o", out)
    monkeypatch.setattr(PpoLag, "step", step)
    assert not out.exists()
    assert f"with --resume goes on after step 2, of which {training_folder(out)} holds a checkpoint" in told
    assert taken[0].markers is not None, "in the form of hh-rlhf a turn marker ends a reply"
    never = taken[0].next_tokens(torch.zeros(1, 300), 1.0)[0].isinf().nonzero()[:, 0].tolist()
    assert load_causal_model(str(policy), place="made up").never_ids == set(never) != set()
    ended, _, told = plumb(*words, "-o", out)
    assert (ended, "PL-RUN-004" in told) == (2, True), "nobody said what to do with it"
    ended, _, told = plumb(*words, "-o", out, "--resume", "--lambda-rate", 0.5)
    assert (ended, "PL-FIT-006" in told) == (1, True), told
    assert plumb(*words, "-o", out, "--resume")[0] == 0
    first, second, start = weights(whole), weights(out), weights(policy)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert any(not torch.equal(first[name], start[name]) for name in first)
    one, other = (json.loads((each / "policy.json").read_text()) for each in (whole, out))
    assert one["lagrangian"] == other["lagrangian"]
    assert one["last"] == other["last"]


def test_a_model_that_gives_no_number_stops_the_run_and_loses_nothing(plumb, words, tmp_path, monkeypatch):
    read, seen = LinearModel.read_conversations, []

    def broken(self, conversations, **how):
        found = read(self, conversations, **how)
        seen.append(1)
        return Scores(np.full_like(found.heads, np.nan)) if len(seen) > 5 else found

    monkeypatch.setattr(LinearModel, "read_conversations", broken)
    out = tmp_path / "out"
    ended, _, told = plumb(*words, "-o", out)
    assert (ended, "PL-PPO-002" in told) == (1, True), told
    assert not out.exists()
    assert (training_folder(out) / "checkpoints" / "step-00000002").is_dir()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        (("--reward", "nowhere"), "PL-MOD-001"),
        (("--uses", "analysis"), "PL-USE-001"),
        (("--clip", "0"), "PL-PPO-001"),
        (("--lambda-first", "0"), "PL-LAG-001"),
        (("--temperature", "0"), "PL-ROL-001"),
        (("--max-tokens", "90"), "PL-PPO-007"),
        (("--max-tokens", "96"), "PL-PPO-010"),
        (("--plain", "--lambda-first", "2"), "PL-ARG-005"),
        (("--look-every", "2"), "PL-ARG-005"),
        (("--pretraining-replies", "safe"), "PL-ARG-005"),
        (("--pretraining-weight", "1"), "PL-ARG-005"),
        (("--policy", "~nobody/x"), "PL-REP-028"),
        (("--resume", "--restart"), "PL-ARG-004"),
        (("--lambda-most", "inf"), "PL-LAG-001"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_trained(plumb, words, tmp_path, changes, code):
    ended, _, told = plumb(*words, *changes, "-o", tmp_path / "out")
    assert (ended in (1, 2), code in told) == (True, True), told
    assert not (tmp_path / "out").exists()
    assert not training_folder(tmp_path / "out").exists()


def test_what_is_wrong_with_other_texts_is_told_by_their_own_options(plumb, words, rows, tmp_path):
    ended, _, told = plumb(*words, "--pretraining", rows, "-o", tmp_path / "out")
    assert (ended, "PL-SUP-004  --pretraining-replies: " in told) == (2, True), told


def test_other_texts_terms_and_files_are_the_policys_too(plumb, words, tmp_path):
    texts = tmp_path / "texts"
    texts.mkdir()
    table = with_terms(labels_table(20, seed=9), Terms(frozenset({Use.SUPERVISED, Use.ANALYSIS}), "CC-BY-NC-4.0"))
    write_tables({Kind.SAFETY_LABELS: table}, texts, PARQUET)
    out = tmp_path / "out"
    assert plumb(*words, "--pretraining", texts, "--pretraining-replies", "all", "-o", out)[0] == 0
    manifest = json.loads((out / "manifest.json").read_text())
    assert (manifest["licence"], set(manifest["uses"])) == ("CC-BY-NC-4.0", {"supervised", "analysis"})
    assert any(entry["path"].startswith("texts/") for entry in manifest["inputs"])


def test_other_texts_must_permit_to_be_learnt_and_who_goes_on_is_recorded(plumb, words, tmp_path):
    texts = tmp_path / "texts"
    texts.mkdir()
    table = with_terms(labels_table(20, seed=9), Terms(frozenset({Use.POLICY, Use.ANALYSIS}), "MIT"))
    write_tables({Kind.SAFETY_LABELS: table}, texts, PARQUET)
    words = (*words, "--steps", 1, "--pretraining", texts, "--pretraining-replies", "all", "-o", tmp_path / "out")
    ended, _, told = plumb(*words)
    assert (ended, "PL-USE-001" in told) == (2, True), told
    assert plumb(*words, "--override-uses")[0] == 0
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["uses_overridden"] is True


def test_what_nothing_is_known_of_is_told(plumb, words, policy, tmp_path):
    """A policy that came without a manifest: the uses below say nothing of it."""
    import shutil

    bare = tmp_path / "bare"
    shutil.copytree(policy, bare, ignore=shutil.ignore_patterns("manifest.json", "policy.json"))
    out = tmp_path / "out"
    ended, _, told = plumb(*words, "--policy", bare, "--steps", 1, "-o", out)
    assert (ended, "nothing tells what may be done with" in told) == (0, True), told
    assert "Nothing tells what may be done with" in (out / "README.md").read_text()
    ended, _, told = plumb(*words, "--policy", out, "--steps", 1, "-o", tmp_path / "next")
    assert (ended, "nothing tells what may be done with" in told) == (0, True), "one generation makes nothing known"
    assert json.loads((tmp_path / "next" / "manifest.json").read_text())["licence"].endswith("AND unknown")
    manifest = json.loads((out / "manifest.json").read_text())
    assert "bare/model.safetensors" in {entry["path"] for entry in manifest["inputs"]}


def test_the_model_that_teaches_is_no_held_out_model(plumb, words, judges, tmp_path):
    ended, _, told = plumb(*words, "--held-out", judges / "kind", "-o", tmp_path / "out")
    assert (ended, "PL-PPO-009" in told) == (2, True)


def test_judges_of_another_kind_are_refused(plumb, words, judges, tmp_path):
    ended, _, told = plumb(*words, "--cost", judges / "kind", "-o", tmp_path / "out")
    assert (ended, "PL-PTR-002" in told) == (2, True)


_PROGRAM = "from plumbline.cli.main import run\nrun()\n"


def test_two_processes_share_a_steps_replies_and_one_multiplier(plumb, words, tmp_path):
    """The same replies as of one process, whose costs move λ alike; the first process alone writes."""
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    words = (*words, "--steps", 2, "--minibatch", 8)
    assert plumb(*words, "-o", alone)[0] == 0
    program = tmp_path / "program.py"
    program.write_text(_PROGRAM)
    done = run_ranks(program, *words, "-o", shared, env={"ACCELERATE_USE_CPU": "true"})
    assert done.codes == [0, 0], done.stderr
    one, other = (
        [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()] for folder in (alone, shared)
    )
    assert len(other) == 2
    for name in ("reward", "cost", "multiplier", "length", "divergence"):
        assert other[0][name] == pytest.approx(one[0][name], abs=1e-5)
    first, second, start = weights(alone), weights(shared), weights(words[words.index("--policy") + 1])
    moved = max(float((first[name] - start[name]).abs().max()) for name in first)
    apart = max(float((first[name] - second[name]).abs().max()) for name in first)
    assert apart < 0.2 * moved, "gradients are averaged over the tokens of both"
