"""Who attends to whom, against the definition by ancestors."""

import warnings

import numpy as np
import pytest
import torch

from plumbline.models.transformer.attention.masks import FULL, SLIDING, allowed_pairs, dense_mask, flex_mask, masks_for
from plumbline.models.tree_batch import build_tree, pack_trees
from tests.models.transformer.toy import CONFIGURATIONS, PADDING, make_pairs

LEAST = torch.finfo(torch.float32).min


def packed(count=6, seed=4):
    trees = [build_tree(example.sequences) for example in make_pairs(count, seed=seed)]
    return pack_trees(trees, padding_id=PADDING)


def by_ancestors(batch, window=None):
    """The definition: a token looks at the tokens of its own path, none farther back than the window."""
    rows, length = batch.tokens.shape
    allowed = np.zeros((rows, length, length), bool)
    for row in range(rows):
        for query in range(length):
            for key in range(query + 1):
                on_path = batch.exits[row, key] > query
                near = window is None or batch.depths[row, query] - batch.depths[row, key] < window
                allowed[row, query, key] = on_path and near
    return torch.from_numpy(allowed)


def exits_and_depths(batch):
    return torch.from_numpy(batch.exits), torch.from_numpy(batch.depths)


@pytest.mark.parametrize("window", [None, 8])
def test_the_dense_mask_is_the_definition(window):
    batch = packed()
    exits, depths = exits_and_depths(batch)
    found = dense_mask(exits, torch.float32, depths=depths, window=window)
    rows, length = batch.tokens.shape
    assert found.shape == (rows, 1, length, length)
    assert set(found.unique().tolist()) == {0.0, LEAST}
    assert torch.equal(found[:, 0] == 0, by_ancestors(batch, window))


def test_a_path_is_a_sequence_from_its_first_token():
    examples = make_pairs(3, seed=5)
    batch = pack_trees([build_tree(example.sequences) for example in examples], padding_id=PADDING)
    allowed = allowed_pairs(torch.from_numpy(batch.exits)).numpy()
    sequences = [sequence for example in examples for sequence in example.sequences]
    assert len(sequences) == 6
    for sequence, row, column in zip(sequences, batch.end_rows, batch.end_columns, strict=True):
        seen = np.flatnonzero(allowed[row, column])
        assert batch.tokens[row, seen].tolist() == sequence.tolist()
        assert batch.depths[row, seen].tolist() == list(range(len(sequence)))


def test_models_with_windows_get_masks_by_kind_of_layer():
    batch = packed()
    exits, depths = exits_and_depths(batch)
    both = masks_for(CONFIGURATIONS["gemma2-window"](), exits, depths, torch.float32)
    assert set(both) == {FULL, SLIDING}
    assert torch.equal(both[FULL][:, 0] == 0, by_ancestors(batch))
    assert torch.equal(both[SLIDING][:, 0] == 0, by_ancestors(batch, 8))
    every = masks_for(CONFIGURATIONS["mistral-window"](), exits, depths, torch.float32)
    assert torch.equal(every[:, 0] == 0, by_ancestors(batch, 8))
    none = masks_for(CONFIGURATIONS["llama"](), exits, depths, torch.float32)
    assert torch.equal(none[:, 0] == 0, by_ancestors(batch))


def test_a_block_mask_says_the_same():
    batch = packed(3)
    exits, _ = exits_and_depths(batch)
    mask = flex_mask(exits)
    rows, length = exits.shape
    row, query, key = torch.meshgrid(torch.arange(rows), torch.arange(length), torch.arange(length), indexing="ij")
    said = mask.mask_mod(row, torch.zeros_like(row), query, key)
    assert torch.equal(said, allowed_pairs(exits))


def test_flex_attention_gives_what_a_dense_mask_gives():
    from torch.nn.attention.flex_attention import flex_attention

    batch = packed(3)
    exits, _ = exits_and_depths(batch)
    rows, length = exits.shape
    query, key, value = torch.randn(3, rows, 2, length, 16)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # uncompiled, as it is called here, it warns of being slow
        found = flex_attention(query, key, value, block_mask=flex_mask(exits))
    mask = dense_mask(exits, torch.float32)
    expected = torch.nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
