"""Scores of trees and of sequences, and the last layer computed only where it is read."""

import pytest
import torch

from plumbline.models.transformer.attention.last_layer import ReadPositions
from plumbline.models.transformer.scorer import Scorer, plain_inputs, tree_inputs
from plumbline.models.transformer.self_check import trim_where_right
from plumbline.models.tree_batch import build_tree, pack_trees
from tests.models.transformer.toy import PADDING, make_pairs, make_scorer

EXAMPLES = make_pairs(5, seed=3)
SEQUENCES = [sequence for example in EXAMPLES for sequence in example.sequences]


def both_inputs():
    trees = pack_trees([build_tree(example.sequences) for example in EXAMPLES], padding_id=PADDING)
    return {"trees": tree_inputs(trees), "plain": plain_inputs(SEQUENCES, padding_id=PADDING)}


def scores_and_gradients(scorer, inputs, *, whole):
    scorer.zero_grad()
    scores = scorer(inputs, last_layer_whole=whole)
    (scores * torch.arange(1.0, 1 + scores.numel()).reshape(scores.shape)).sum().backward()
    return scores.detach(), {
        name: each.grad.clone() for name, each in scorer.named_parameters() if each.grad is not None
    }


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize(
    ("kind", "layout"),
    [
        *(
            (kind, layout)
            for kind in ("llama", "gpt2", "mistral-window", "gemma2-window")
            for layout in ("trees", "plain")
        ),
        ("bloom", "plain"),
    ],
)
def test_a_trimmed_last_layer_gives_the_same_scores_and_gradients(kind, layout, checkpointing):
    scorer = make_scorer(kind, ("one", "two"), spread=1.0).train()
    for module in scorer.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    if kind == "gpt2":
        scorer.trunk.config.attn_pdrop = 0.0
        for block in scorer.trunk.h:
            block.attn.attn_dropout.p = 0.0
    assert scorer.padding_free_parts == (
        2 if kind in ("gpt2", "bloom") else 3
    )  # these make queries, keys and values in one
    inputs = both_inputs()[layout]
    whole, whole_gradients = scores_and_gradients(scorer, inputs, whole=True)
    if checkpointing:
        scorer.trunk.activation_checkpointing_enable()
    trimmed, trimmed_gradients = scores_and_gradients(scorer, inputs, whole=False)
    torch.testing.assert_close(trimmed, whole, atol=1e-5, rtol=1e-5)
    assert trimmed_gradients.keys() == whole_gradients.keys()
    for name, gradient in whole_gradients.items():
        largest = float(gradient.abs().max())
        assert float((trimmed_gradients[name] - gradient).abs().max()) <= 1e-5 * max(largest, 1), name


def test_the_last_layer_is_really_trimmed():
    scorer, seen = make_scorer().eval(), []
    scorer.trunk.layers[-1].mlp.gate_proj.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].shape[:-1]))
    scorer.trunk.layers[0].mlp.gate_proj.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].shape[:-1]))
    inputs = both_inputs()["trees"]
    scorer(inputs)
    assert seen == [inputs.tokens.shape, (1, len(SEQUENCES))]


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_trees_give_the_gradients_of_plain_sequences(kind):
    scorer = make_scorer(kind, spread=1.0).eval()
    found = [scores_and_gradients(scorer, inputs, whole=False) for inputs in both_inputs().values()]
    torch.testing.assert_close(found[0][0], found[1][0], atol=1e-5, rtol=1e-5)
    for name, gradient in found[0][1].items():
        assert float((found[1][1][name] - gradient).abs().max()) <= 2e-5 * max(float(gradient.abs().max()), 1), name


@pytest.mark.parametrize("pooling", ["mean", "first"])
def test_padding_changes_no_score_of_an_encoder(pooling):
    scorer = make_scorer("bert", pooling=pooling, spread=1.0).eval()
    with torch.no_grad():
        together = scorer(plain_inputs(SEQUENCES, padding_id=PADDING))
        alone = torch.cat([scorer(plain_inputs([each], padding_id=PADDING)) for each in SEQUENCES])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


def test_heads_read_in_32_bits_also_where_the_trunk_does_not():
    scorer = make_scorer(spread=1.0).eval()
    features = torch.randn(6, 32)
    exact = scorer.read(features)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(scorer.read(features), exact)


def test_in_16_bits_trees_and_sequences_agree_as_16_bits_can():
    scorer = make_scorer(spread=0.1).eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        trees, plain = (scorer(inputs) for inputs in both_inputs().values())
    assert float((trees - plain).abs().max()) < 0.05


def test_heads_start_from_their_seed():
    one, same, other = make_scorer(seed=1), make_scorer(seed=1), make_scorer(seed=2)
    assert torch.equal(one.heads.weight, same.heads.weight)
    assert not torch.equal(one.heads.weight, other.heads.weight)
    assert one.heads.bias.abs().sum() == 0


def test_a_layer_that_cannot_be_trimmed_is_computed_whole(monkeypatch):
    """As where a part of the last layer mixes positions: here it is told so by wrong numbers, then by an error."""
    sequences = plain_inputs(SEQUENCES, padding_id=PADDING)
    put_back = ReadPositions._put_back
    for broken in (lambda output: output + 1, lambda output: output[:, :0]):

        def broken_put_back(self, module, inputs, output, way=broken):
            found = put_back(self, module, inputs, output)
            return None if found is None else way(found)

        monkeypatch.setattr(ReadPositions, "_put_back", broken_put_back)
        scorer = make_scorer(spread=1.0).eval()
        expected = scorer(sequences, last_layer_whole=True)
        trim_where_right(scorer, padding_id=PADDING)
        assert scorer.padding_free_parts == 0
        assert torch.equal(scorer(sequences), expected)
        monkeypatch.undo()
    kept = make_scorer().train()
    trim_where_right(kept, padding_id=PADDING)
    assert kept.padding_free_parts == 3
    assert kept.training


def test_scorers_that_share_a_trunk_do_not_disturb_each_other():
    first = make_scorer(spread=1.0).eval()
    second = Scorer(first.trunk, ["other"], pooling="last", seed=1).eval()
    torch.nn.init.normal_(second.heads.weight)
    inputs = both_inputs()
    expected = [scorer(inputs["plain"], last_layer_whole=True) for scorer in (first, second)]
    for layout in ("trees", "plain", "trees"):
        for scorer, whole in zip((first, second), expected, strict=True):
            torch.testing.assert_close(scorer(inputs[layout]), whole, atol=1e-5, rtol=1e-5)
    short = plain_inputs(SEQUENCES[:1], padding_id=PADDING)
    second(short)
    torch.testing.assert_close(first(inputs["plain"]), expected[0], atol=1e-5, rtol=1e-5)


def test_experts_that_flatten_their_batch_are_trimmed_rightly():
    """Llama 4's give (tokens, d): taken for (b, l, d), the first token's output would be every sequence's."""
    scorer = make_scorer("llama4", spread=1.0).eval()
    trim_where_right(scorer, padding_id=PADDING)
    assert scorer.padding_free_parts == 3
    for inputs in both_inputs().values():
        torch.testing.assert_close(scorer(inputs), scorer(inputs, last_layer_whole=True), atol=1e-5, rtol=1e-5)


def test_a_layer_whose_sequences_get_one_output_is_computed_whole(monkeypatch):
    """What a check with equal sequences cannot see, and one with no embedding of the padding even less."""

    def spread(self, module, _inputs, output):
        if self._places is None:
            return None
        values = output[0] if isinstance(output, tuple) else output
        first = values.reshape(-1, values.shape[-1])[:1]
        full = values.new_zeros(*self._shapes[id(module)][:2], values.shape[-1])
        full = full.index_put(self._places, first.expand(len(self._places[0]), -1))
        return (full, *output[1:]) if isinstance(output, tuple) else full

    monkeypatch.setattr(ReadPositions, "_put_back", spread)
    scorer = make_scorer(spread=1.0).eval()
    trim_where_right(scorer, padding_id=PADDING)
    assert scorer.padding_free_parts == 0


def test_a_part_that_gives_something_else_is_an_error_not_a_score():
    scorer = make_scorer(spread=1.0).eval()
    mlp = scorer.trunk.layers[-1].mlp
    forward = mlp.forward
    mlp.forward = lambda hidden: forward(hidden).repeat(1, 2, 1)
    with pytest.raises(ValueError, match="positions of LlamaMLP"):
        scorer(both_inputs()["plain"])
    trim_where_right(scorer, padding_id=PADDING)
    assert scorer.padding_free_parts == 0
