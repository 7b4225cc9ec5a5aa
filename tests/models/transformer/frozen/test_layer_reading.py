"""What the heads of a frozen encoder read: its middle layers by landmarks, the same once saved."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertModel

from plumbline.lineage import file_digest
from plumbline.models.linear.dense_features import fit_scaling, similarities
from plumbline.models.linear.dense_logistic import fit_dense
from plumbline.models.transformer.card import transformer_kind
from plumbline.models.transformer.examples.training_examples import prepare_rows
from plumbline.models.transformer.frozen.features import FeatureSettings, frozen_features
from plumbline.models.transformer.frozen.layer_reading import LIKENESS_SCALE, NEARNESS, fit_reading, middle_layers
from plumbline.models.transformer.frozen.training import fit_frozen_heads
from plumbline.models.transformer.saving import HEADS_NAME, load_transformer
from plumbline.models.transformer.settings import LossSettings
from plumbline.records import ModelError
from tests.models.made_up import goals, labels_table
from tests.models.transformer import tiny
from tests.models.transformer.test_saving import made, saved
from tests.restating import restate

torch.set_num_threads(1)


def bert(layers):
    torch.manual_seed(0)
    sizes = {"vocab_size": 310, "hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2}
    return BertModel(BertConfig(num_hidden_layers=layers, max_position_embeddings=128, **sizes))


def fitted(folder, layers=5, pooling_of=tiny.save):
    """A moderation model with heads fitted on a frozen encoder, and what fitting came to."""
    base = pooling_of(folder, bert(layers), tiny.tokenizer(padding="<pad>"))
    model = made(base, task="moderation", columns=("unsafe",))
    prepared = prepare_rows(goals("moderation", labels_table(120)), model.encoder, loss=LossSettings(), seed=0)
    examples = [replace(example, labels=example.labels[:1]) for example in prepared.examples]
    return model, examples, fit_frozen_heads(model, examples, prepared.group_ids, seed=0, cache=None)


@pytest.fixture(scope="module")
def curved(tmp_path_factory):
    return fitted(tmp_path_factory.mktemp("curved") / "bert")


def test_products_are_likenesses():
    random = np.random.default_rng(0)
    rows = random.normal(3.0, [1.0] * 12 + [20.0] * 12, (60, 24)).astype(np.float32)
    read = fit_reading(rows, (1, 2), seed=0).of_rows(rows).astype(np.float64)
    scaled = fit_scaling(rows, [12, 12]).apply(rows)
    np.testing.assert_allclose(read @ read.T / LIKENESS_SCALE, similarities(scaled, scaled, NEARNESS), atol=1e-3)


def test_borders_may_be_curved():
    random = np.random.default_rng(0)
    rows = random.normal(size=(300, 2)).astype(np.float32)
    is_positive = (rows[:, 0] > 0) ^ (rows[:, 1] > 0)
    right = []
    for features in (rows, fit_reading(rows[:200], (1,), seed=0).of_rows(rows)):
        fit = fit_dense(features[:200], is_positive[:200], l2=10.0, intercept_column=np.ones(200))
        right.append(((fit.score(features[200:]) > 0) == is_positive[200:]).mean())
    assert right[0] < 0.65
    assert right[1] > 0.85


def test_landmarks_are_rows_drawn_by_the_seed():
    rows = np.random.default_rng(0).normal(size=(90, 4)).astype(np.float32)
    one, same, other = (fit_reading(rows, (1,), seed=seed, most=20) for seed in (3, 3, 4))
    assert torch.equal(one.landmarks, same.landmarks)
    assert not torch.equal(one.landmarks, other.landmarks)
    assert one.landmarks.shape == (20, 4)
    assert one.width == one.turn.shape[1] <= 20


def test_middle_layers_are_those_before_the_last():
    assert middle_layers(bert(5)) == (2, 3, 4)
    assert middle_layers(bert(4)) == (1, 2, 3)
    assert middle_layers(bert(3)) == ()


def test_heads_of_a_frozen_encoder_read_its_middle_layers(curved):
    model, examples, outcome = curved
    assert outcome.layers == (2, 3, 4)
    width = model.scorer.layer_reading.width
    assert model.scorer.heads.weight.shape == (1, width)
    sequences = [example.sequences[0] for example in examples]
    read = frozen_features(model.scorer, sequences, padding_id=model.padding_id)
    assert read.width == width
    settings = FeatureSettings(layers=(2, 3, 4))
    plain = frozen_features(model.scorer, sequences, padding_id=model.padding_id, settings=settings)
    assert plain.width == 3 * 32
    likenesses = model.scorer.layer_reading.of_rows(plain.matrix())
    np.testing.assert_allclose(read.matrix(), likenesses, atol=1e-6)
    by_hand = likenesses @ model.scorer.heads.weight[0].detach().numpy() + model.scorer.heads.bias.item()
    talks = labels_table(120)["conversation"]
    # Features are kept in 16 bits, scores are computed in 32.
    np.testing.assert_allclose(model.read_conversations(talks).heads[:, 0], by_hand, atol=0.02 * by_hand.std() + 0.01)


def test_the_card_says_what_is_read_and_that_features_of_rows_travel(curved):
    model, outcome = curved[0], curved[-1]
    mechanism = transformer_kind(model, summary_of(outcome)).mechanism
    *others, last = (str(layer) for layer in outcome.layers)
    landmarks = len(model.scorer.layer_reading.landmarks)
    told = f"in layers {', '.join(others)} and {last} of"
    assert f"Linear heads read the mean of its tokens {told}" in mechanism
    assert f"as likeness to {landmarks} training rows" in mechanism
    assert "travel with the model: guard it as you guard the data" in mechanism


def test_the_card_of_heads_on_the_last_layer_speaks_of_no_rows(tmp_path):
    model, _, outcome = fitted(tmp_path, layers=2)
    mechanism = transformer_kind(model, summary_of(outcome)).mechanism
    assert "Linear heads read the mean of its tokens of `" in mechanism
    assert "training rows" not in mechanism


def summary_of(outcome):
    """What the card is told of a training with frozen trunk."""
    return {
        "held_out_rows": 9,
        "notes": [],
        "settings": {"frozen": True},
        "outcome": asdict(outcome),
        "truncated_conversations": 0,
    }


def test_few_layers_and_causal_models_are_read_at_the_last(tmp_path):
    model, _, outcome = fitted(tmp_path / "shallow", layers=2)
    assert outcome.layers == ()
    assert model.scorer.layer_reading is None
    assert model.scorer.heads.weight.shape == (1, 32)
    model, _, outcome = fitted(
        tmp_path / "causal", pooling_of=lambda folder, *_: tiny.save(folder, tiny.llama(layers=5), tiny.tokenizer())
    )
    assert outcome.layers == ()


def test_a_saved_model_reads_the_same(curved, tmp_path):
    model, *_ = curved
    saved(tmp_path / "m", model)
    assert json.loads((tmp_path / "m" / "model.json").read_text())["layers"] == [2, 3, 4]
    loaded, _ = load_transformer(tmp_path / "m")
    talks = labels_table(40)["conversation"]
    np.testing.assert_array_equal(loaded.read_conversations(talks).heads, model.read_conversations(talks).heads)


def test_a_reading_that_is_gone_is_noticed(curved, tmp_path):
    folder = saved(tmp_path / "m", curved[0])
    heads = load_file(folder / HEADS_NAME)
    save_file({name: value for name, value in heads.items() if name != "layer_reading.turn"}, folder / HEADS_NAME)
    described = json.loads((folder / "model.json").read_text())
    described["files"][HEADS_NAME] = file_digest(folder / HEADS_NAME)
    (folder / "model.json").write_text(json.dumps(described))
    restate(folder)
    with pytest.raises(ModelError, match="PL-MOD-002"):
        load_transformer(folder)
