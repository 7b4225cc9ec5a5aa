"""The check that trees give a model's plain scores: passed where they do, and seen where they do not."""

import math

import numpy as np
import pytest
import torch

from plumbline.models.transformer.attention.masks import dense_mask
from plumbline.models.transformer.examples.example import Example
from plumbline.models.transformer.self_check import check_trees, telling_examples, telling_groups
from tests.models.transformer.toy import PADDING, make_pairs, make_scorer

EXAMPLES = make_pairs(4, seed=2)  # sequences of up to 36 tokens, far beyond the toy windows of 8


@pytest.mark.parametrize("kind", ["llama", "gpt2", "mistral-window", "gemma2-window"])
def test_models_whose_attention_follows_the_mask_pass(kind):
    found = check_trees(make_scorer(kind, spread=1.0), EXAMPLES, padding_id=PADDING)
    assert found.passed
    assert found.largest_difference < 1e-5
    assert (found.sequences, found.refused) == (8, "")


@pytest.mark.parametrize("kind", ["bloom", "mamba"])
def test_positions_of_its_own_and_recurrent_layers_do_not(kind):
    found = check_trees(make_scorer(kind, spread=1.0), EXAMPLES, padding_id=PADDING)
    assert not found.passed
    assert found.refused or found.largest_difference > 1e-3


def test_a_window_that_the_mask_forgets_is_seen(monkeypatch):
    def forgetful(_config, exits, _depths, dtype):
        return dense_mask(exits, dtype)

    monkeypatch.setattr("plumbline.models.transformer.scorer.masks_for", forgetful)
    found = check_trees(make_scorer("mistral-window", spread=1.0), EXAMPLES, padding_id=PADDING)
    assert not found.passed
    assert found.largest_difference > 1e-3


def test_an_encoder_that_is_read_at_its_mean_refuses_trees():
    found = check_trees(make_scorer("bert", pooling="mean"), EXAMPLES, padding_id=PADDING)
    assert not found.passed
    assert found.refused == "ValueError"
    assert math.isnan(found.largest_difference)


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_is_left_as_it_was(training):
    scorer = make_scorer().train(training)
    check_trees(scorer, EXAMPLES, padding_id=PADDING)
    assert scorer.training == training


def test_memory_at_an_end_is_no_answer():
    scorer = make_scorer()

    def full(*_):
        raise torch.OutOfMemoryError("out of memory")

    scorer.trunk.register_forward_hook(full)
    with pytest.raises(torch.OutOfMemoryError):
        check_trees(scorer, EXAMPLES, padding_id=PADDING)


def test_a_recurrent_model_does_not_pass_because_its_heads_are_small():
    scorer = make_scorer("lfm2")
    with torch.no_grad():
        scorer.heads.weight.mul_(0.01)
    found = check_trees(scorer, EXAMPLES, padding_id=PADDING)
    assert not found.passed
    assert check_trees(make_scorer("llama"), EXAMPLES, padding_id=PADDING).passed


def test_the_longest_sequence_and_the_largest_tree_tell_most():
    assert telling_groups([5, 9, 7, 6], [5, 12, 8, 40]) == [1, 3]
    assert telling_groups([5, 9, 7], [5, 12, 8]) == [1, 2], "two are asked of, so that they share a row"
    assert telling_groups([5], [5]) == [0]


def test_of_examples_the_same_ones_are_chosen():
    long, many = make_pairs(30, seed=4), np.arange(10, 20)
    bundle = Example(tuple(np.append(many, number).astype(np.int64) for number in range(10, 63)))
    chosen = telling_examples([*long, bundle])
    assert chosen[1] is bundle
    assert max(map(len, chosen[0].sequences)) == max(len(each) for one in long for each in one.sequences)


def test_a_window_in_places_is_seen_where_the_replies_themselves_outgrow_it():
    """Branches longer than the window of a last layer are right by themselves; shorter ones of other rows would not be."""
    scorer = make_scorer("gpt-neo-window", spread=0.2)
    random = np.random.default_rng(0)
    prompt = random.integers(10, 60, 20)
    pair = Example(tuple(np.concatenate([prompt, random.integers(10, 60, length)]) for length in (150, 151)))
    assert not check_trees(scorer, [pair], padding_id=PADDING).passed
