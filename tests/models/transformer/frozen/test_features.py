"""Frozen features: what a head reads, computed once, kept on disk, made anew where it is damaged."""

import shutil

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel, LlamaConfig, LlamaModel

from plumbline.models.transformer.frozen import features as module
from plumbline.models.transformer.frozen.feature_store import FeatureStore, drop_oldest, sequence_digest
from plumbline.models.transformer.frozen.features import FeatureSettings, frozen_features, trunk_digest
from plumbline.models.transformer.scorer import Scorer, plain_inputs
from plumbline.records import ModelError, UsageError

torch.set_num_threads(1)
WIDTH = 32
SIZES = {"vocab_size": 200, "hidden_size": WIDTH, "intermediate_size": 48, "num_hidden_layers": 2}
SIZES |= {"num_attention_heads": 4, "max_position_embeddings": 128}


def llama(seed=0):
    torch.manual_seed(seed)
    return Scorer(LlamaModel(LlamaConfig(**SIZES)), ["reward"], pooling="last")


def bert(seed=0, pooling="mean"):
    torch.manual_seed(seed)
    return Scorer(BertModel(BertConfig(**SIZES), add_pooling_layer=False), ["reward"], pooling=pooling)


def made_up(count, seed=0, shared=24):
    """Half of them pairs that share their first tokens."""
    random = np.random.default_rng(seed)
    sequences = [random.integers(2, 200, size=random.integers(3, 40)) for _ in range(count // 2)]
    for _ in range(count // 4):
        beginning = random.integers(2, 200, size=shared)
        sequences += [np.concatenate([beginning, random.integers(2, 200, size=5 + side)]) for side in range(2)]
    return [np.asarray(sequence, np.int64) for sequence in sequences]


def alone(scorer, sequence):
    """What the pooling reads of every layer, by the library's own hidden states."""
    scorer.eval()
    with torch.no_grad():
        inputs = plain_inputs([sequence], padding_id=0)
        scorer._set_read(None, True)
        found = scorer.trunk(
            input_ids=inputs.tokens, attention_mask=inputs.is_token.long(), output_hidden_states=True
        ).hidden_states
        return torch.stack([scorer.pool(hidden, inputs)[0] for hidden in found]).numpy()


class Passes:
    """Counts how often a trunk is asked, and how many tokens it is given."""

    def __init__(self, scorer):
        self.count = self.tokens = 0
        scorer.trunk.register_forward_pre_hook(self.take, with_kwargs=True)

    def take(self, _module, _arguments, named):
        self.count += 1
        self.tokens += named["input_ids"].numel()


def features(scorer, sequences, cache=None, progress=None, reading=None, **settings):
    settings = {"dtype": "float32", "tokens_per_batch": 512, "block_sequences": 7} | settings
    return frozen_features(
        scorer,
        sequences,
        padding_id=0,
        settings=FeatureSettings(**settings),
        cache=cache,
        progress=progress,
        reading=reading,
    )


@pytest.mark.parametrize("make", [llama, bert, lambda: bert(pooling="first")])
def test_every_layer_is_what_the_library_says(make):
    scorer, sequences = make(), made_up(16)
    found = features(scorer, sequences, layers=(2, 0, 1)).matrix().reshape(len(sequences), 3, WIDTH)
    for row, sequence in zip(found, sequences, strict=True):
        hidden = alone(scorer, sequence)
        np.testing.assert_allclose(row, hidden[[2, 0, 1]], atol=2e-6)
    assert np.abs(found[:, 0] - found[:, 2]).max() > 0.01


def test_without_layers_it_is_what_the_heads_read():
    scorer, sequences = llama(), made_up(12)
    found = features(scorer, sequences)
    with torch.no_grad():
        expected = scorer.features(plain_inputs(sequences, padding_id=0)).numpy()
    np.testing.assert_allclose(found.matrix(), expected, atol=2e-6)
    np.testing.assert_array_equal(found.take([3, 1, 3]), found.matrix()[[3, 1, 3]])


def test_trees_compute_fewer_tokens_for_the_same_features():
    sequences = made_up(240, shared=60)
    counted = {}
    for as_trees in (True, False):
        scorer = llama()
        sequences_alone = features(scorer, sequences, as_trees=False)
        passes = Passes(scorer)
        found = features(scorer, sequences, as_trees=as_trees, block_sequences=240)
        counted[as_trees] = passes.tokens
        np.testing.assert_allclose(found.matrix(), sequences_alone.matrix(), atol=2e-6)
        assert found.notes == ()
    assert counted[True] < 0.8 * counted[False]  # the self-check's own passes included


def test_a_trunk_whose_trees_do_not_hold_is_computed_plainly_and_said_so():
    scorer, sequences = llama(), made_up(12)
    # A layer that sums over the places of the row: right for plain rows, wrong where branches stand side by side.
    scorer.trunk.layers[0].register_forward_hook(lambda _m, _i, output: output + 0.01 * output.cumsum(1))
    found = features(scorer, sequences)
    assert "trees give other features" in found.notes[0]
    expected = np.stack([alone(scorer, sequence)[-1] for sequence in sequences])
    np.testing.assert_allclose(found.matrix(), expected, atol=2e-5)


def test_equal_sequences_go_through_once():
    scorer = bert()
    passes, told = Passes(scorer), []
    sequences = [np.array([5, 6, 7])] * 50 + [np.array([5, 6])]
    found = features(scorer, sequences, progress=lambda done, total: told.append((done, total)))
    assert (passes.tokens, found.distinct, found.computed, len(found)) == (2 + 3 + 1, 2, 2, 51)
    assert told[-1] == (2, 2)
    np.testing.assert_array_equal(found.matrix()[0], found.matrix()[49])


def test_a_second_run_asks_the_trunk_nothing(tmp_path):
    first = features(llama(), made_up(20), cache=tmp_path)
    scorer = llama()
    passes = Passes(scorer)
    second = features(scorer, made_up(20), cache=tmp_path)
    assert (passes.count, second.computed, first.computed) == (0, 0, 20)
    np.testing.assert_array_equal(second.matrix(), first.matrix())
    assert all(isinstance(part, np.memmap) for part in second.parts)
    assert next(tmp_path.iterdir()).stat().st_mode & 0o077 == 0


def test_a_changed_sequence_costs_only_itself(tmp_path):
    sequences = made_up(20)
    features(llama(), sequences, cache=tmp_path)
    sequences[4] = np.append(sequences[4], 9)
    found = features(llama(), sequences, cache=tmp_path)
    assert found.computed == 1
    np.testing.assert_allclose(found.take([4])[0], alone(llama(), sequences[4])[-1], atol=2e-6)


@pytest.mark.parametrize(
    "other",
    [
        {"scorer": lambda: llama(seed=1)},
        {"layers": (1,)},
        {"dtype": "float16"},
        {"reading": {"template": "chat"}},
    ],
)
def test_another_trunk_or_reading_misses(tmp_path, other):
    sequences, more = made_up(8), dict(other)
    features(llama(), sequences, cache=tmp_path)
    assert features(more.pop("scorer", llama)(), sequences, cache=tmp_path, **more).computed == 8


def test_one_changed_weight_is_another_trunk():
    scorer = llama()
    before = trunk_digest(scorer.trunk)
    assert trunk_digest(llama().trunk) == before
    with torch.no_grad():
        scorer.trunk.layers[1].mlp.up_proj.weight[0, 0] += 1e-3
    assert trunk_digest(scorer.trunk) != before


@pytest.mark.parametrize("harm", ["flip", "cut", "empty"])
def test_a_damaged_file_is_made_anew_and_said_so(tmp_path, harm):
    first = features(llama(), made_up(20), cache=tmp_path).matrix()  # read before the file is cut under the map
    path = sorted(tmp_path.glob("*/*.safetensors"))[0]
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes({"flip": bytes(content), "cut": bytes(content[:-40]), "empty": b""}[harm])
    second = features(llama(), made_up(20), cache=tmp_path)
    assert 0 < second.computed <= 7
    assert "1 damaged" in second.notes[0]
    np.testing.assert_allclose(second.matrix(), first, atol=2e-6)
    assert features(llama(), made_up(20), cache=tmp_path).computed == 0


def test_a_killed_run_goes_on_at_its_block(tmp_path, monkeypatch):
    real, calls = module._block_features, []

    def dying(*arguments):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(module, "_block_features", dying)
    with pytest.raises(KeyboardInterrupt):
        features(llama(), made_up(20), cache=tmp_path)
    monkeypatch.undo()
    assert features(llama(), made_up(20), cache=tmp_path).computed == 20 - 2 * 7


def test_where_nothing_can_be_written_features_are_there_all_the_same(tmp_path):
    (tmp_path / "cache").write_text("a file")
    found = features(llama(), made_up(8), cache=tmp_path / "cache")
    assert "not kept on disk" in found.notes[-1]
    assert len(found.matrix()) == 8


def test_half_precision_is_close_and_what_does_not_fit_is_refused():
    scorer, sequences = bert(), made_up(8)
    np.testing.assert_allclose(
        features(scorer, sequences, dtype="float16").matrix(),
        features(scorer, sequences).matrix(),
        rtol=1e-3,
        atol=1e-4,
    )
    with torch.no_grad():
        scorer.trunk.encoder.layer[1].output.LayerNorm.bias += 1e5
    with pytest.raises(UsageError, match="PL-FRZ-003"):
        features(scorer, sequences, dtype="float16")
    with torch.no_grad():
        scorer.trunk.encoder.layer[1].output.LayerNorm.bias *= float("nan")
    with pytest.raises(ModelError, match="PL-FRZ-002"):
        features(scorer, sequences)


def test_an_unknown_layer_is_refused():
    with pytest.raises(UsageError, match="PL-FRZ-001") as refused:
        features(bert(), made_up(4), layers=(1, 3))
    assert "from 0 to 2" in str(refused.value)


def test_the_mode_is_left_as_it_was():
    scorer = bert().train()
    features(scorer, made_up(4))
    assert scorer.training


def test_nothing_to_compute():
    found = features(bert(), [])
    assert (len(found), found.matrix().shape) == (0, (0, WIDTH))


def test_the_oldest_features_go_first_and_nothing_else(tmp_path):
    import os

    rows = np.ones((4, 8), np.float32)
    for number, name in enumerate(("a" * 64, "b" * 64)):
        FeatureStore(tmp_path / name, 8).add([sequence_digest(np.array([row])) for row in range(4)], rows)
        os.utime(tmp_path / name, (1000 + number, 1000 + number))
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("x" * 1000)
    size = sum(file.stat().st_size for file in (tmp_path / ("a" * 64)).iterdir())
    (tmp_path / ("c" * 64)).mkdir()  # another run took a file away after its name was read
    (tmp_path / ("c" * 64) / "gone.safetensors").symlink_to(tmp_path / "nowhere")
    drop_oldest(tmp_path, size)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b" * 64, "c" * 64, "notes"]
    shutil.rmtree(tmp_path / ("b" * 64))
