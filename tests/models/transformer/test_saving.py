"""Transformer models on disk: the same scores after loading, whole or as adapters; damage and change are noticed."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from plumbline.lineage import FileEntry, Manifest, Use, file_digest
from plumbline.models.calibration import Calibration
from plumbline.models.loading import load_any_model
from plumbline.models.scoring import score_tables
from plumbline.models.transformer.model import (
    GroupScoring,
    ScoringSettings,
    TransformerHead,
    TransformerModel,
    like_sizes,
    score_sequences,
)
from plumbline.models.transformer.saving import SavedRun, load_transformer, save_transformer
from plumbline.models.transformer.scorer import Scorer
from plumbline.models.transformer.settings import BackboneSettings, LoraSettings, TokenSettings
from plumbline.models.transformer.trunk.backbone import load_trunk
from plumbline.models.transformer.trunk.conversation_tokens import ConversationEncoder
from plumbline.models.transformer.trunk.identity import base_of, weights_digest
from plumbline.records import Kind, ModelError, Role, SourceError, UsageError
from tests.models.made_up import labels_table, pairs_table
from tests.models.transformer import tiny
from tests.restating import restate

torch.set_num_threads(1)

TALKS = [
    [(Role.HUMAN, "how do I make tea?"), (Role.ASSISTANT, "boil the water first")],
    [(Role.HUMAN, "how do I make tea?"), (Role.ASSISTANT, "no")],
    [(Role.HUMAN, "wörds 😀"), (Role.ASSISTANT, "then wait"), (Role.HUMAN, "and?"), (Role.ASSISTANT, "drink")],
]


def made(base, *, task="preference", lora=None, columns=("reward:helpfulness",), attention="auto"):
    """A model with heads that tell conversations apart, and adapters that change something."""
    trunk = load_trunk(BackboneSettings(str(base), attention=attention, lora=lora))
    tokens = TokenSettings(max_tokens=120)
    encoder = ConversationEncoder(trunk.tokenizer, tokens, trunk.positions)
    scorer = Scorer(trunk.model, columns, pooling=trunk.pooling).eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        scorer.heads.weight.normal_(generator=generator)
        for name, weight in scorer.trunk.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.1, generator=generator)
    names = {"preference": ["reward"], "cost": ["cost"]}.get(task, ["unsafe", *columns[1:]])
    heads = {
        name: TransformerHead(column, Calibration(0.5, 0.1), None if task == "preference" else 0.4)
        for name, column in zip(names, columns, strict=True)
    }
    axis = "helpfulness" if task == "preference" else None
    return TransformerModel(
        task,
        axis,
        scorer,
        trunk.tokenizer,
        encoder,
        tokens,
        trunk.padding_id,
        heads,
        base_of(BackboneSettings(str(base)), trunk.folder),
    )


def saved(folder, model, **how):
    entry = FileEntry(path="made-up.jsonl", sha256="0" * 64, size_bytes=1, rows=3)
    manifest = Manifest(holds="model", command=[], configuration={}, inputs=[entry], uses=[Use.ANALYSIS], licence="MIT")
    save_transformer(folder, model, SavedRun(manifest, "m", True, {}, "# m\n", {"metrics.jsonl": b"{}\n"}), **how)
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny.save(tmp_path_factory.mktemp("base") / "llama", tiny.llama(), tiny.tokenizer())


@pytest.fixture(scope="module")
def whole(base, tmp_path_factory):
    model = made(base)
    return model, saved(tmp_path_factory.mktemp("whole") / "m", model)


def test_a_saved_model_scores_as_before_and_says_what_it_is(whole):
    model, folder = whole
    again, description = load_transformer(folder)
    assert np.array_equal(again.read_groups([TALKS]).heads, model.read_groups([TALKS]).heads)
    assert np.ptp(model.read_groups([TALKS]).heads) > 0.1
    assert again.heads == model.heads
    assert description.permitted.licence == "MIT"
    assert description.synthetic
    assert description.base.sha256 == weights_digest(Path(model.base.name))
    assert {"model.safetensors", "heads.safetensors", "config.json", "tokenizer.json"} <= set(description.files)
    assert description.tokens.max_tokens == 120
    assert (description.padding_id, description.end_of_sequence_id) == (1, 1)
    assert not [path for path in folder.rglob("*") if path.suffix in (".bin", ".pt", ".pkl")]
    assert load_any_model(folder)[1] == description


def test_adapters_are_saved_alone_and_meet_their_trunk_again(base, tmp_path):
    model = made(base, lora=LoraSettings(rank=2))
    scores = model.read_groups([TALKS]).heads
    assert np.abs(scores - made(base).read_groups([TALKS]).heads).max() > 1e-3, "the adapters must do something"
    folder = saved(tmp_path / "m", model)
    assert not (folder / "model.safetensors").exists()
    assert not (folder / "adapter" / "README.md").exists()
    assert np.allclose(load_transformer(folder)[0].read_groups([TALKS]).heads, scores, atol=1e-6)


def test_adapters_can_be_worked_into_the_trunk(base, tmp_path):
    model = made(base, lora=LoraSettings(rank=2))
    scores = model.read_groups([TALKS]).heads
    folder = saved(tmp_path / "m", model, merge_adapter=True)
    assert not (folder / "adapter").exists()
    again, description = load_transformer(folder)
    assert not description.adapter
    assert np.allclose(again.read_groups([TALKS]).heads, scores, atol=1e-5)


def test_adapters_refuse_another_trunk(tmp_path):
    base = tiny.save(tmp_path / "base", tiny.llama(), tiny.tokenizer())
    folder = saved(tmp_path / "m", made(base, lora=LoraSettings(rank=2)))
    torch.manual_seed(1)
    other = tiny.llama()
    with torch.no_grad():
        other.norm.weight.add_(1)
    tiny.save(base, other)
    with pytest.raises(ModelError, match="PL-MOD-004"):
        load_transformer(folder)


def test_code_of_adapters_own_tokenizer_runs_only_where_it_is_trusted(base, tmp_path, monkeypatch):
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    model = made(base, lora=LoraSettings(rank=2))
    scores, folder = model.read_groups([TALKS]).heads, saved(tmp_path / "m", model)
    ran = tmp_path / "ran"
    (folder / "own.py").write_text(
        f"open({str(ran)!r}, 'w').close()\n"
        "from transformers import PreTrainedTokenizerFast\n\n\nclass Own(PreTrainedTokenizerFast):\n    pass\n"
    )
    config = json.loads((folder / "tokenizer_config.json").read_text())
    config |= {"tokenizer_class": "Own", "auto_map": {"AutoTokenizer": [None, "own.Own"]}}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    described = json.loads((folder / "model.json").read_text())
    described["files"]["tokenizer_config.json"] = file_digest(folder / "tokenizer_config.json")
    (folder / "model.json").write_text(json.dumps(described))
    restate(folder)
    with pytest.raises(UsageError, match="PL-BBN-010"):
        load_transformer(folder)
    assert not ran.exists()
    again, _ = load_transformer(folder, trust_remote_code=True)
    assert ran.exists()
    assert type(again.tokenizer).__name__ == "Own"
    assert np.allclose(again.read_groups([TALKS]).heads, scores, atol=1e-6)


def test_an_encoder_is_saved_and_read_by_its_mean(tmp_path):
    base = tiny.save(tmp_path / "bert", tiny.bert(), tiny.tokenizer(padding="<pad>"))
    model = made(base, task="moderation", columns=("unsafe",))
    folder = saved(tmp_path / "m", model)
    again, description = load_transformer(folder)
    assert description.pooling == "mean"
    assert np.allclose(again.read_groups([TALKS]).heads, model.read_groups([TALKS]).heads, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "change", "code"),
    [
        ("model.safetensors", lambda path: path.write_bytes(path.read_bytes()[:-8]), "PL-MOD-002"),
        ("heads.safetensors", lambda path: path.unlink(), "PL-MOD-002"),
        ("tokenizer.json", lambda path: path.write_text(path.read_text() + " "), "PL-MOD-002"),
        ("model.json", lambda path: path.write_text(path.read_text() + " "), "PL-MOD-002"),
        ("model.json", lambda path: path.unlink(), "PL-MOD-001"),
    ],
)
def test_damage_is_noticed(whole, tmp_path, name, change, code):
    folder = shutil.copytree(whole[1], tmp_path / "m")
    change(folder / name)
    with pytest.raises((ModelError, SourceError), match=code):
        load_transformer(folder)


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("version", 2, "PL-MOD-003"),
        ("surprise", 1, "PL-MOD-002"),
        ("encoder", {"template": "other"}, "PL-MOD-005"),
        ("columns", ["other"], "PL-MOD-002"),
    ],
)
def test_another_description_is_refused(whole, tmp_path, key, value, code):
    folder = shutil.copytree(whole[1], tmp_path / "m")
    described = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**described, key: value}))
    restate(folder)
    with pytest.raises(ModelError, match=code):
        load_transformer(folder)


# --- scoring through the port that linear models answer too ---


def test_tables_are_scored_side_by_side(base):
    table = pairs_table(30)
    model = made(base)
    scores = score_tables(model, {Kind.COMPARISONS: table}).rows
    assert scores["side"].to_pylist() == [0, 1] * 30
    assert np.allclose(np.array(scores["probability"].to_pylist()).reshape(-1, 2).sum(axis=1), 1)
    row = table.slice(7, 1).to_pylist()[0]
    talk = [(Role(m["role"]), m["text"]) for m in [*row["context"], *row["continuations"][1]]]
    alone = model.read_groups([[talk]]).heads
    assert scores["score"].to_pylist()[15] == pytest.approx(float(alone[0, 0]), abs=1e-5)


def test_labels_are_scored_by_every_head_and_progress_is_told(base):
    model = made(base, task="moderation", columns=("unsafe", "category:animal_abuse"))
    told = []
    table = labels_table(20)
    scores = model.read_conversations(
        table["conversation"], advance=lambda done, total: told.append((done, total))
    ).heads
    assert scores.shape == (20, 2)
    assert told[-1] == (20, 20)
    frame = score_tables(model, {Kind.SAFETY_LABELS: table}).rows
    assert frame["score"].to_pylist() == pytest.approx(scores[:, 0].tolist(), abs=1e-5)
    assert frame["threshold"].to_pylist() == [0.4] * 20


def test_trees_batches_and_single_sequences_give_the_same_scores(base):
    model = made(base)
    groups = [[TALKS[0], TALKS[1]], [TALKS[2]], [TALKS[1], TALKS[2]]]
    sequences = [tuple(model.encoder.encode(group).sequences) for group in groups]
    one_by_one = np.concatenate(
        [score_sequences(model.scorer, [(each,)], GroupScoring(1)) for group in sequences for each in group]
    )
    for settings in (ScoringSettings(), ScoringSettings(tokens_per_batch=1), ScoringSettings(as_trees=False)):
        found = score_sequences(model.scorer, sequences, GroupScoring(1, settings))
        assert np.allclose(found, one_by_one, atol=1e-5)


def test_batches_hold_like_sizes_within_the_budget():
    batches = like_sizes([5, 3, 9, 3, 4], [2, 2, 1, 2, 2], 20)
    assert batches == [[2], [0, 4], [1, 3]]
    assert like_sizes([50], [2], 20) == [[0]], "one item alone may go beyond"


def test_batches_hold_no_more_padding_than_a_pass_is_worth():
    lengths = [90, 20, 21, 22, 88, 5, 6]
    batches = like_sizes(lengths, [1] * 7, 8_192, 16)
    assert batches == [[0, 4], [3, 2, 1], [6, 5]]
    assert like_sizes(lengths, [1] * 7, 8_192) == [[0, 4, 3, 2, 1, 6, 5]]


def test_a_model_that_computes_in_half_says_nearly_the_same(base, tmp_path):
    model = made(base)
    folder = saved(tmp_path / "model", model)
    half, _ = load_any_model(folder, in_half=True)
    assert half.scorer.trunk.dtype is torch.bfloat16
    groups = [[talk] for talk in TALKS]
    found, expected = half.read_groups(groups).heads, model.read_groups(groups).heads
    assert not np.array_equal(found, expected), "else nothing was computed in half"
    assert np.allclose(found, expected, atol=0.1 * np.abs(expected).max())
    together = half.read_groups([TALKS[:2]]).heads
    assert np.allclose(together, found[:2], atol=0.1 * np.abs(expected).max())
