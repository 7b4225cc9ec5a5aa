"""Exports load with plain transformers and give our scores for the same text; imports the other way round."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    GPT2Config,
    GPT2Model,
    LlamaConfig,
    LlamaForSequenceClassification,
)

from plumbline.lineage import file_digest
from plumbline.models.transformer.interchange.exporting import export_sequence_classifier
from plumbline.models.transformer.interchange.importing import ImportSettings, import_sequence_classifier
from plumbline.models.transformer.saving import load_transformer
from plumbline.models.transformer.settings import LoraSettings, TokenSettings
from plumbline.models.transformer.trunk.backbone import quiet
from plumbline.models.transformer.trunk.conversation_tokens import ConversationEncoder
from plumbline.records import Axis, ModelError, Role, UsageError
from tests.models.transformer import tiny
from tests.models.transformer.test_saving import TALKS, made, saved

torch.set_num_threads(1)

QWEN_LIKE = tiny.CHAT_TEMPLATE  # ends each turn with <|im_end|> and a line break


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny.save(tmp_path_factory.mktemp("base") / "llama", tiny.llama(), tiny.tokenizer())


def elsewhere(folder, talks):
    """Scores as anyone computes them: chat template, one padded batch."""
    with quiet():
        classifier = AutoModelForSequenceClassification.from_pretrained(folder).eval()
        tokenizer = AutoTokenizer.from_pretrained(folder)
    names = {"human": "user", "assistant": "assistant"}
    messages = [[{"role": names[role], "content": text} for role, text in talk] for talk in talks]
    texts = tokenizer.apply_chat_template(messages, tokenize=False)
    batch = tokenizer(texts, add_special_tokens=False, padding=True, return_tensors="pt", return_token_type_ids=False)
    with torch.no_grad():
        return classifier, classifier(**batch).logits.numpy()


def gpt2(folder):
    torch.manual_seed(0)
    model = GPT2Model(GPT2Config(vocab_size=310, n_embd=32, n_layer=2, n_head=2, n_positions=128))
    return tiny.save(folder, model, tiny.tokenizer(end="<s>"))  # one token is beginning and end, as GPT-2's is


@pytest.mark.parametrize("kind", ["llama", "gpt2", "adapters", "chat"])
def test_an_exported_reward_is_the_same_everywhere(kind, base, tmp_path):
    if kind == "gpt2":
        base = gpt2(tmp_path / "gpt2")
    if kind == "chat":
        base = tiny.save(tmp_path / "q", tiny.llama(), tiny.tokenizer(end="<|im_end|>", chat_template=QWEN_LIKE))
    model = made(base, lora=LoraSettings(rank=2) if kind == "adapters" else None)
    ours = model.read_groups([TALKS]).heads
    folder = saved(tmp_path / "m", model)
    exported = export_sequence_classifier(folder, tmp_path / "out")
    classifier, theirs = elsewhere(tmp_path / "out", TALKS)
    assert classifier.config.num_labels == 1
    assert exported.has_template
    assert not any("lower by" in note for note in exported.notes)
    assert np.allclose(theirs, ours, atol=1e-5)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["parents"]
    assert manifest["licence"] == "MIT"


def test_a_model_trained_on_the_tokenizers_own_chat_template(tmp_path):
    tokenizer = tiny.tokenizer(end="<|im_end|>", chat_template=QWEN_LIKE)
    base = tiny.save(tmp_path / "q", tiny.llama(), tokenizer)
    model, tokens = made(base), TokenSettings(max_tokens=120, template="chat")
    model = replace(model, tokens=tokens, encoder=ConversationEncoder(model.tokenizer, tokens, 128))
    folder = saved(tmp_path / "m", model)
    assert export_sequence_classifier(folder, tmp_path / "out").has_template
    assert np.allclose(elsewhere(tmp_path / "out", TALKS)[1], model.read_groups([TALKS]).heads, atol=1e-5)


def test_a_moderation_model_has_its_labels(base, tmp_path):
    model = made(base, task="moderation", columns=("unsafe", "category:theft", "category:violence"))
    model = replace(model, heads=dict(zip(["unsafe", "theft", "violence"], model.heads.values(), strict=True)))
    folder = saved(tmp_path / "m", model)
    export_sequence_classifier(folder, tmp_path / "out")
    classifier, theirs = elsewhere(tmp_path / "out", TALKS)
    assert classifier.config.id2label == {0: "unsafe", 1: "theft", 2: "violence"}
    assert classifier.config.problem_type == "multi_label_classification"
    assert np.allclose(theirs, model.read_groups([TALKS]).heads, atol=1e-5)
    export_sequence_classifier(folder, tmp_path / "one", "theft")
    assert np.allclose(elsewhere(tmp_path / "one", TALKS)[1][:, 0], model.read_groups([TALKS]).heads[:, 1], atol=1e-5)
    with pytest.raises(UsageError, match="PL-XCH-001"):
        export_sequence_classifier(folder, tmp_path / "none", "nothing")


def biased(model, value):
    with torch.no_grad():
        model.scorer.heads.bias.fill_(value)
    return model


def test_a_rewards_bias_is_dropped_and_said(base, tmp_path):
    model = biased(made(base), 0.75)
    exported = export_sequence_classifier(saved(tmp_path / "m", model), tmp_path / "out")
    assert any("lower by 0.75" in note for note in exported.notes)
    assert "lower by 0.75" in (tmp_path / "out" / "README.md").read_text()
    assert np.allclose(elsewhere(tmp_path / "out", TALKS)[1] + 0.75, model.read_groups([TALKS]).heads, atol=1e-5)


def test_a_costs_bias_is_refused_where_it_cannot_be_said_and_kept_where_it_can(base, tmp_path):
    folder = saved(tmp_path / "m", biased(made(base, task="cost", columns=("cost",)), 0.75))
    with pytest.raises(ModelError, match="PL-XCH-004"):
        export_sequence_classifier(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    model = biased(made(gpt2(tmp_path / "gpt2"), task="cost", columns=("cost",)), 0.75)
    export_sequence_classifier(saved(tmp_path / "g", model), tmp_path / "gout")
    assert np.allclose(elsewhere(tmp_path / "gout", TALKS)[1], model.read_groups([TALKS]).heads, atol=1e-5)


def test_an_encoder_is_refused(tmp_path):
    base = tiny.save(tmp_path / "bert", tiny.bert(), tiny.tokenizer(padding="<pad>"))
    folder = saved(tmp_path / "m", made(base, task="moderation", columns=("unsafe",)))
    with pytest.raises(ModelError, match="PL-XCH-002"):
        export_sequence_classifier(folder, tmp_path / "out")


# --- the other way ---


def trained_elsewhere(folder, *, labels=("LABEL_0",), padding="<pad>", chat_template=None, max_length=None, **config):
    torch.manual_seed(3)
    tokenizer = tiny.tokenizer(padding=padding, chat_template=chat_template)
    tokenizer.model_max_length = max_length or tokenizer.model_max_length
    model = LlamaForSequenceClassification(
        LlamaConfig(
            vocab_size=310,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=128,
            pad_token_id=tokenizer.pad_token_id,
            id2label=dict(enumerate(labels)),
            label2id={label: number for number, label in enumerate(labels)},
            **config,
        )
    )
    with torch.no_grad():
        model.score.weight.normal_()
    return tiny.save(folder, model, tokenizer)


def test_an_imported_reward_model_scores_as_it_did(tmp_path):
    path = trained_elsewhere(tmp_path / "rm", chat_template=QWEN_LIKE)
    settings = ImportSettings(axis=Axis.HELPFULNESS)
    import_sequence_classifier(str(path), tmp_path / "m", settings)
    model, description = load_transformer(tmp_path / "m")
    assert description.tokens.template == "chat"
    assert np.allclose(model.read_groups([TALKS]).heads, elsewhere(path, TALKS)[1], atol=1e-5)
    assert description.permitted.licence == "unknown"


def test_an_export_comes_back_as_it_went(base, tmp_path):
    model = made(base)
    export_sequence_classifier(saved(tmp_path / "m", model), tmp_path / "out")
    import_sequence_classifier(str(tmp_path / "out"), tmp_path / "again", ImportSettings(axis=Axis.HELPFULNESS))
    again, description = load_transformer(tmp_path / "again")
    assert np.allclose(again.read_groups([TALKS]).heads, model.read_groups([TALKS]).heads, atol=1e-5)
    assert description.permitted.licence == "MIT"


LIMIT = 40
LONG = [
    [turn for number in range(3) for turn in ((Role.HUMAN, f"question {number}?"), (Role.ASSISTANT, f"{end} {number}"))]
    for end in ("boil the water", "wait then drink it", "no")
]
"""Longer than LIMIT, by several turns."""


def exported(folder, *, template, end="</s>"):
    """A model that reads at most LIMIT tokens, exported; of 128 positions."""
    tokenizer = tiny.tokenizer(end=end, chat_template=QWEN_LIKE if template == "chat" else None)
    model = made(tiny.save(folder / "base", tiny.llama(), tokenizer))
    tokens = TokenSettings(max_tokens=LIMIT, template=template)
    model = replace(model, tokens=tokens, encoder=ConversationEncoder(model.tokenizer, tokens, 128))
    export_sequence_classifier(saved(folder / "m", model), folder / "out")
    return model, folder / "out"


def imported(path, out, **settings):
    return import_sequence_classifier(str(path), out, ImportSettings(axis=Axis.HELPFULNESS, **settings))


@pytest.mark.parametrize(("template", "end"), [("hh", "</s>"), ("chat", "<|im_end|>"), ("chat", "</s>")])
def test_long_conversations_are_cut_the_same_after_export_and_import(template, end, tmp_path):
    model, out = exported(tmp_path, template=template, end=end)
    encoded = model.encoder.encode(LONG)
    assert encoded.truncated.all()
    assert (encoded.dropped_turns > 0).all()
    notes = imported(out, tmp_path / "again").notes
    assert notes == (
        f"Conversations are written by the template {template} and cut at {LIMIT} tokens: "
        "the manifest of the export says so.",
    )
    again, description = load_transformer(tmp_path / "again")
    assert description.tokens.model_dump() == {
        "max_tokens": LIMIT,
        "template": template,
        "add_end_of_sequence": True,
    }
    ours = model.read_groups([LONG, TALKS]).heads
    assert np.ptp(ours[:3]) > 1e-2
    assert np.allclose(again.read_groups([LONG, TALKS]).heads, ours, atol=1e-5)
    assert notes[0] in (tmp_path / "again" / "README.md").read_text()


def test_a_limit_that_nobody_asked_for_travels_as_well(tmp_path):
    model = made(tiny.save(tmp_path / "base", tiny.llama(), tiny.tokenizer()))
    model = replace(model, tokens=TokenSettings(), encoder=ConversationEncoder(model.tokenizer, TokenSettings(), 128))
    export_sequence_classifier(saved(tmp_path / "m", model), tmp_path / "out")
    found = imported(tmp_path / "out", tmp_path / "again")
    assert found.notes[0].endswith("cut at 128 tokens: the manifest of the export says so.")
    assert "more than 128 tokens lose whole turns" in (tmp_path / "out" / "README.md").read_text()


def test_what_is_asked_for_goes_before_what_an_export_says(tmp_path):
    _, out = exported(tmp_path, template="hh")
    found = imported(out, tmp_path / "one", max_tokens=30)
    assert found.model.tokens == TokenSettings(30, "hh", add_end_of_sequence=True)
    assert "30 tokens: as asked for." in found.notes[0]
    assert found.notes[1] == "The model read them by hh, 40 tokens: its scores may be others here."
    found = imported(out, tmp_path / "other", template="chat")
    assert found.model.tokens == TokenSettings(LIMIT, "chat", add_end_of_sequence=False)
    assert "by hh" in found.notes[1]


@pytest.mark.parametrize("how", ["file", "no encoder", "a strange encoder"])
def test_an_export_that_is_not_whole_is_read_as_a_foreign_classifier(how, tmp_path):
    _, out = exported(tmp_path, template="hh")
    if how == "file":
        (out / "config.json").write_text((out / "config.json").read_text() + "\n")
    else:
        manifest = json.loads((out / "manifest.json").read_text())
        manifest["configuration"].pop("encoder")
        if how == "a strange encoder":
            manifest["configuration"]["encoder"] = {"template": "alpaca", "max_tokens": "all"}
        (out / "manifest.json").write_text(json.dumps(manifest))
    found = imported(out, tmp_path / "again")
    assert found.model.tokens == TokenSettings(LIMIT, "chat", add_end_of_sequence=False)
    assert found.notes[0].endswith("cut at 40 tokens: the tokenizer's model_max_length says so.")
    card = (tmp_path / "again" / "README.md").read_text()
    assert any("(1, the first of them config.json)" in note for note in found.notes) == (how == "file")
    assert ("changed since" in card) == (how == "file")


def test_the_card_of_an_export_may_be_edited_or_left_behind(tmp_path):
    _, out = exported(tmp_path, template="hh")
    (out / "README.md").unlink()
    assert "manifest of the export" in imported(out, tmp_path / "again").notes[0]


def test_an_export_whose_conversations_would_become_other_tokens_is_refused(tmp_path):
    _, out = exported(tmp_path, template="hh")
    manifest = json.loads((out / "manifest.json").read_text())
    manifest["configuration"]["encoder"]["markers"]["human"] = "Q: "
    (out / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match="PL-MOD-005") as error:
        imported(out, tmp_path / "again")
    assert "markers" in error.value.expected
    assert not (tmp_path / "again").exists()


@pytest.mark.parametrize(
    ("stated", "limit", "why"),
    [
        (48, 48, "the tokenizer's model_max_length says so"),
        (2, 128, "the model's positions allow so many"),
        (int(1e30), 128, "the model's positions allow so many"),
        (512, 128, "the model's positions allow so many"),
    ],
)
def test_a_foreign_tokenizers_limit_is_taken_where_it_is_one(stated, limit, why, tmp_path):
    path = trained_elsewhere(tmp_path / "rm", max_length=stated)
    found = imported(path, tmp_path / "m")
    assert found.model.encoder.max_tokens == limit
    assert found.notes == (f"Conversations are written by the template hh and cut at {limit} tokens: {why}.",)


def test_the_card_of_an_import_tells_where_it_is_from(tmp_path):
    _, out = exported(tmp_path, template="hh")
    imported(out, tmp_path / "again")
    card = (tmp_path / "again" / "README.md").read_text()
    assert "of the preference model on helpfulness `m` of Plumbline" in card
    assert file_digest(out / "manifest.json")[:12] in card
    assert file_digest(tmp_path / "m" / "manifest.json")[:12] in card
    assert "Its data are synthetic." in card
    assert "Uses that are permitted: analysis. Licence of the data: MIT." in card
    assert "elsewhere" not in card
    assert "Nothing is known" not in card
    assert json.loads((tmp_path / "again" / "model.json").read_text())["synthetic"]
    foreign = trained_elsewhere(tmp_path / "rm")
    imported(foreign, tmp_path / "foreign")
    card = (tmp_path / "foreign" / "README.md").read_text()
    assert "trained elsewhere" in card
    assert "Nothing is known here of its data" in card
    again, manifest = tmp_path / "of-model", json.loads((tmp_path / "m" / "manifest.json").read_text())
    (foreign / "manifest.json").write_text(json.dumps(manifest))
    imported(foreign, again)
    assert "a model folder of Plumbline" in (again / "README.md").read_text()


@pytest.mark.parametrize("kind", ["encoder", "causal"])
def test_a_model_without_a_classifier_is_trained_on_and_not_imported(kind, tmp_path):
    trunk = tiny.bert() if kind == "encoder" else tiny.llama()
    trunk.config.num_labels = 1  # transformers would make a head of one label up
    path = tiny.save(tmp_path / "plain", trunk, tiny.tokenizer(padding="<pad>"))
    with pytest.raises(ModelError, match="PL-XCH-003") as error:
        imported(path, tmp_path / "m")
    assert error.value.advice == (
        f"train heads on it: plumbline train preference SOURCE --model {path} --frozen -o MODEL"
    )
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    ("kind", "settings", "advice"),
    [
        ("reward", ImportSettings(task="cost"), "--task preference --on helpfulness"),
        ("reward", ImportSettings(axis=Axis.HARMLESSNESS), "--task preference --on helpfulness"),
        ("cost", ImportSettings(axis=Axis.HARMLESSNESS), "--task cost"),
        ("category", ImportSettings(axis=Axis.HARMLESSNESS), "--task moderation"),
    ],
)
def test_an_export_is_not_imported_as_something_else(kind, settings, advice, base, tmp_path):
    model = made(base) if kind == "reward" else made(base, task="cost", columns=("cost",))
    if kind == "category":
        model = made(base, task="moderation", columns=("unsafe", "category:theft"))
        model = replace(model, heads=dict(zip(["unsafe", "theft"], model.heads.values(), strict=True)))
    folder = saved(tmp_path / "m", model)
    export_sequence_classifier(folder, tmp_path / "out", "theft" if kind == "category" else None)
    with pytest.raises(UsageError, match="PL-XCH-009") as error:
        import_sequence_classifier(str(tmp_path / "out"), tmp_path / "again", settings)
    assert error.value.advice == advice
    assert not (tmp_path / "again").exists()
    if kind == "category":
        return
    (tmp_path / "out" / "manifest.json").unlink()  # where it was lost on the way the label still says it
    if settings.axis == Axis.HARMLESSNESS and kind == "reward":
        import_sequence_classifier(str(tmp_path / "out"), tmp_path / "again", settings)
        return
    with pytest.raises(UsageError, match="PL-XCH-009"):
        import_sequence_classifier(str(tmp_path / "out"), tmp_path / "again", settings)


def test_an_override_travels_with_export_and_import(base, tmp_path):
    folder = saved(tmp_path / "m", made(base))
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "uses_overridden": True}))
    export_sequence_classifier(folder, tmp_path / "out")
    import_sequence_classifier(str(tmp_path / "out"), tmp_path / "again", ImportSettings(axis=Axis.HELPFULNESS))
    for name in ("out", "again"):
        assert json.loads((tmp_path / name / "manifest.json").read_text())["uses_overridden"]


def test_imported_labels_are_heads(tmp_path):
    path = trained_elsewhere(tmp_path / "rm", labels=("theft", "unsafe"), problem_type="multi_label_classification")
    model = import_sequence_classifier(str(path), tmp_path / "m", ImportSettings(task="moderation")).model
    assert list(model.heads) == ["unsafe", "theft"]
    assert model.scorer.head_names == ("category:theft", "unsafe")


@pytest.mark.parametrize(
    ("settings", "made_of", "error", "code"),
    [
        (ImportSettings(), {}, UsageError, "PL-XCH-006"),
        (ImportSettings(task="moderation"), {"labels": ("good", "bad")}, ModelError, "PL-XCH-007"),
        (
            ImportSettings(task="moderation"),
            {"labels": ("safe", "unsafe"), "problem_type": "single_label_classification"},
            ModelError,
            "PL-XCH-007",
        ),
        (ImportSettings(axis=Axis.OVERALL, add_end_of_sequence=True), {"padding": "</s>"}, ModelError, "PL-XCH-005"),
    ],
)
def test_what_cannot_be_imported_says_why(settings, made_of, error, code, tmp_path):
    path = trained_elsewhere(tmp_path / "rm", **made_of)
    with pytest.raises(error, match=code):
        import_sequence_classifier(str(path), tmp_path / "m", settings)
    assert not (tmp_path / "m").exists()
