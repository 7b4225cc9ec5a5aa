"""What a training does to the trunk it starts from, and what it must remember of it."""

import gzip
import json
import shutil

import pytest
import torch

from plumbline.lineage import StatedTerms, Use, file_digest
from plumbline.loop.synthetic.corpus import write_synthetic_corpus
from plumbline.loop.training.joint_run import run_joint_training
from plumbline.loop.training.run import TrainingRun, run_training
from plumbline.models.model_folder import read_description
from plumbline.models.rows.trained_rows import read_trained_rows
from plumbline.models.transformer.saving import TransformerDescription, load_transformer
from plumbline.records import ModelError, PermittedUseError, SourceError, UsageError
from tests.models.transformer import tiny

torch.set_num_threads(1)

SETTINGS = {
    "max_tokens": 64,
    "held_out": 0.3,
    "learning_rate": 1e-3,
    "rows_per_step": 32,
    "threads": 1,
    "max_false_positive_rate": 0.05,
}
FROZEN = {"max_tokens": 64, "held_out": 0.3, "threads": 1, "frozen": True, "max_false_positive_rate": 0.05}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PLUMBLINE_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trunks") / "corpus"
    write_synthetic_corpus(folder, scale=0.1)
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny.save(tmp_path_factory.mktemp("base") / "llama", tiny.llama(layers=1), tiny.tokenizer())


@pytest.fixture(scope="module")
def first(corpus, base, tmp_path_factory):
    """A model of Plumbline, on harmless-synthetic."""
    out = tmp_path_factory.mktemp("first") / "m"
    run(corpus / "harmless-synthetic", out, base)
    return out


def run(source, out, kind, task="preference", settings=SETTINGS, **rest):
    return run_training(TrainingRun(task, (str(source),), out, kind=str(kind), settings=settings, **rest))


def manifest_of(folder):
    return json.loads((folder / "manifest.json").read_text())


def prompts_of(folder):
    return set(read_trained_rows(folder, read_description(folder, TransformerDescription)).prompts.tolist())


# --- the trunk's folder ---


def content(folder):
    return {path.name: file_digest(path) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("place", ["", "m", ".."])
@pytest.mark.parametrize("together", [False, True])
def test_no_output_takes_the_place_of_its_trunk(corpus, base, tmp_path, place, together):
    trunk = shutil.copytree(base, tmp_path / "models" / "trunk")
    before = content(trunk)
    out = trunk.parent if place == ".." else trunk / place
    asked = TrainingRun(
        "preference", (str(corpus / "nothing"),), out, kind=str(trunk), settings={**SETTINGS, "lora": 2}
    )
    with pytest.raises(UsageError, match="PL-OUT-008"):
        (run_joint_training if together else run_training)(asked)
    assert content(trunk) == before


def test_a_model_is_not_trained_onto_itself(corpus, first):
    before = content(first)
    with pytest.raises(UsageError, match="PL-OUT-008"):
        run(corpus / "harmless-synthetic", first, first, settings={**SETTINGS, "lora": 2})
    with pytest.raises(UsageError, match="PL-OUT-008"):
        run(
            corpus / "harmless-synthetic", first.parent / "x", shutil.copytree(first, first.parent / "x.training" / "m")
        )
    shutil.rmtree(first.parent / "x.training")
    assert content(first) == before
    load_transformer(first)


# --- what the trunk learned ---


def test_what_the_trunk_learned_is_carried_on(corpus, first, tmp_path):
    run(corpus / "preferences-synthetic", tmp_path / "m", first, on="helpfulness", settings=FROZEN)
    manifest = manifest_of(tmp_path / "m")
    assert file_digest(first / "manifest.json") in manifest["parents"]
    assert manifest["licence"] == "CC-BY-NC-4.0"
    assert set(manifest["uses"]) == set(manifest_of(first)["uses"]) == {"preference", "policy", "analysis"}
    assert not manifest["uses_overridden"]
    assert prompts_of(tmp_path / "m") > prompts_of(first)
    assert "FLATTER" not in (tmp_path / "m" / "README.md").read_text()
    again = tmp_path / "again"
    run(corpus / "labels-synthetic", again, tmp_path / "m", "moderation", FROZEN, override_uses=True)
    assert prompts_of(again) > prompts_of(tmp_path / "m")  # those of both before
    assert manifest_of(again)["uses_overridden"]
    run(corpus / "labels-synthetic", tmp_path / "last", again, "moderation", FROZEN)
    assert manifest_of(tmp_path / "last")["uses_overridden"]  # without a word


def test_a_use_that_the_trunks_data_do_not_permit_is_refused(corpus, first, tmp_path):
    with pytest.raises(PermittedUseError, match=r"PL-USE-001(.|\n)*moderation"):
        run(corpus / "labels-synthetic", tmp_path / "m", first, "moderation", FROZEN)
    assert not (tmp_path / "m").exists()


def mixed(corpus, folder, known):
    """Rows that the first model knows, this many, and others."""
    lines = []
    for split, most in (("train", known), ("test", None)):
        with gzip.open(corpus / "harmless-synthetic" / f"{split}.jsonl.gz", "rt") as file:
            lines += file.readlines()[:most]
    folder.mkdir()
    (folder / "train.jsonl").write_text("".join(lines))
    return folder / "train.jsonl"


def test_prompts_that_the_trunk_learned_are_not_held_out_where_there_are_others(corpus, first, tmp_path):
    result = run(mixed(corpus, tmp_path / "harmless-mixed", 60), tmp_path / "m", first, settings=FROZEN)
    assert result.summary["held_out_prompts_of_trunk"] == 0
    assert result.summary["held_out_prompts"] > 20
    assert "figures_flatter" not in result.summary


def test_where_there_are_too_few_others_the_figures_are_said_to_flatter(corpus, first, tmp_path):
    result = run(corpus / "harmless-synthetic", tmp_path / "m", first, settings=FROZEN)
    assert result.summary["held_out_prompts_of_trunk"] == result.summary["held_out_prompts"] > 20
    assert "FLATTER" in result.summary["figures_flatter"]
    assert "FLATTER" in (tmp_path / "m" / "README.md").read_text().split("## Data")[0]


# --- checkpoints and adapters know their trunk ---


class Stopped(BaseException):
    """Stands for a process that is killed."""


def stopped(corpus, out, kind, settings):
    def step(told):
        if told.startswith("step 3 "):
            raise Stopped

    with pytest.raises(Stopped):
        run_training(
            TrainingRun("preference", (str(corpus / "harmless-synthetic"),), out, kind=str(kind), settings=settings),
            step,
        )


def shifted(base, folder):
    """Another trunk of the same shapes."""
    model = tiny.llama(layers=1)
    with torch.no_grad():
        model.norm.weight.add_(0.5)
    return tiny.save(folder, model, tiny.tokenizer())


@pytest.mark.parametrize("how", [{}, {"lora": 2}])
def test_a_run_does_not_go_on_on_another_trunk_of_the_same_shapes(corpus, base, tmp_path, how):
    settings = {**SETTINGS, **how, "checkpoint_every": 1}
    stopped(corpus, tmp_path / "m", base, settings)
    other = shifted(base, tmp_path / "other")
    with pytest.raises(ModelError, match=r"PL-FIT-007(.|\n)*trunk weights"):
        run(corpus / "harmless-synthetic", tmp_path / "m", other, settings={**settings, "resume": True})


def test_beginning_anew_with_a_wrong_trunk_costs_no_checkpoint(corpus, base, tmp_path):
    settings = {**SETTINGS, "checkpoint_every": 1}
    stopped(corpus, tmp_path / "m", base, settings)
    work = tmp_path / "m.training"
    kept = sorted(path.name for path in (work / "checkpoints").iterdir())
    assert kept
    for wrong in (tmp_path / "nothing" / "here", corpus):
        with pytest.raises((SourceError, ModelError), match=r"PL-BBN-00[16]"):
            run(corpus / "harmless-synthetic", tmp_path / "m", wrong, settings={**settings, "restart": True})
        assert sorted(path.name for path in (work / "checkpoints").iterdir()) == kept
    result = run(corpus / "harmless-synthetic", tmp_path / "m", base, settings={**settings, "restart": True})
    assert result.summary["outcome"]["resumed_step"] == 0
    assert not work.exists()


def test_adapters_find_their_trunk_from_anywhere_and_never_on_the_hub(corpus, base, tmp_path, monkeypatch):
    shutil.copytree(base, tmp_path / "here" / "owner" / "name")
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    out = tmp_path / "m"
    run(corpus / "harmless-synthetic", out, "owner/name", settings={**SETTINGS, "lora": 2})
    monkeypatch.chdir(tmp_path / "there")
    load_transformer(out)
    asked = []
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *names, **_: asked.append(names))
    shutil.rmtree(tmp_path / "here" / "owner")
    with pytest.raises(SourceError, match=r"PL-MOD-007(.|\n)*owner/name(.|\n)*--merge-adapter"):
        load_transformer(out)
    assert not asked


# --- several tasks ---


def test_an_override_for_one_of_several_tasks_is_admitted_by_all(corpus, base, tmp_path):
    stated = StatedTerms(uses=frozenset({Use.PREFERENCE}))
    asked = TrainingRun(
        "preference",
        (str(corpus / "preferences-synthetic"),),
        tmp_path / "all",
        kind=str(base),
        override_uses=True,
        settings=FROZEN,
        load_options={"stated_terms": stated},
        together=("preference", "moderation"),
    )
    names = run_joint_training(asked)
    assert len(names) == 3
    assert [manifest_of(tmp_path / "all" / name)["uses_overridden"] for name in names] == [True] * 3
    assert "overridden" in (tmp_path / "all" / "reward-helpfulness" / "README.md").read_text()
