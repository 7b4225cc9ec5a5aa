"""Tiny trunks and made-up examples that a tiny trunk can learn."""

import numpy as np
import torch
from transformers import (
    AutoModel,
    BertConfig,
    BloomConfig,
    Gemma2Config,
    GPT2Config,
    GPTNeoConfig,
    Lfm2Config,
    Llama4TextConfig,
    LlamaConfig,
    MambaConfig,
    MistralConfig,
)

from plumbline.models.transformer.examples.example import Example, Known, Preference
from plumbline.models.transformer.scorer import Scorer

VOCABULARY, PADDING = 64, 0
GOOD, BAD = 5, 6  # tokens that decide which side is better

_SMALL = {"vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
CONFIGURATIONS = {
    "llama": lambda: LlamaConfig(intermediate_size=64, **_SMALL),
    "mistral-window": lambda: MistralConfig(
        intermediate_size=64, num_key_value_heads=2, head_dim=8, sliding_window=8, **_SMALL
    ),
    "gemma2-window": lambda: Gemma2Config(
        intermediate_size=64, num_key_value_heads=2, head_dim=8, sliding_window=8, **_SMALL
    ),
    # Windows counted in places of the row, recurrent layers, and experts that give (tokens, d).
    "gpt-neo-window": lambda: GPTNeoConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        num_layers=2,
        num_heads=4,
        attention_types=[[["global", "local"], 1]],
        window_size=64,
        max_position_embeddings=512,
    ),
    "lfm2": lambda: Lfm2Config(
        intermediate_size=64,
        num_key_value_heads=2,
        block_auto_adjust_ff_dim=False,
        layer_types=["conv", "full_attention"],
        **_SMALL,
    ),
    "llama4": lambda: Llama4TextConfig(
        intermediate_size=64,
        intermediate_size_mlp=64,
        num_key_value_heads=2,
        head_dim=8,
        num_local_experts=2,
        pad_token_id=0,
        **_SMALL,
    ),
    "gpt2": lambda: GPT2Config(vocab_size=VOCABULARY, n_embd=32, n_layer=2, n_head=4, n_positions=128),
    "bloom": lambda: BloomConfig(vocab_size=VOCABULARY, hidden_size=32, n_layer=2, n_head=4),
    "mamba": lambda: MambaConfig(vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=2, state_size=4),
    "bert": lambda: BertConfig(intermediate_size=64, max_position_embeddings=128, **_SMALL),
}


def make_scorer(kind="llama", heads=("reward:harmlessness",), *, pooling="last", seed=0, dropout=0.0, spread=0.0):
    """A scorer with random weights; `spread` makes the heads' weights large enough to compare scores."""
    torch.manual_seed(seed)
    config = CONFIGURATIONS[kind]()
    if dropout:
        config.attention_dropout = dropout
    scorer = Scorer(AutoModel.from_config(config), heads, pooling=pooling, seed=seed)
    if spread:
        torch.nn.init.normal_(scorer.heads.weight, std=spread)
    return scorer


def make_pairs(count, *, seed=0, flipped=False, head=0, signs=False, same_weight=True):
    """Comparisons: the side with GOOD in its reply is better than that with BAD; "cost" pairs carry signs too."""
    rng = np.random.default_rng(seed)
    examples = []
    for number in range(count):
        context = rng.integers(10, VOCABULARY, rng.integers(2, 30))
        sides = []
        for mark in (GOOD, BAD):
            reply = rng.integers(10, VOCABULARY, rng.integers(2, 8))
            reply[rng.integers(0, len(reply))] = mark
            sides.append(np.concatenate([context, reply, [1]]).astype(np.int64))
        better, worse = (1, 0) if flipped else (0, 1)
        weight = 1.0 if same_weight else float(rng.uniform(0.5, 2))
        examples.append(
            Example(
                tuple(sides),
                preferences=(Preference(better, worse, head, weight=weight),),
                signs=(Known(better, head, 1.0, weight), Known(worse, head, -1.0, weight)) if signs else (),
                ids=(f"row-{seed}-{number}",),
            )
        )
    return examples


def make_labels(count, *, seed=0, head=0, share=0.5):
    """Labels: 1 where BAD stands in the sequence, else 0."""
    rng = np.random.default_rng(seed)
    examples = []
    for number in range(count):
        is_bad = rng.random() < share
        tokens = rng.integers(10, VOCABULARY, rng.integers(4, 30))
        tokens[rng.integers(0, len(tokens))] = BAD if is_bad else GOOD
        sequence = np.append(tokens, 1).astype(np.int64)
        examples.append(Example((sequence,), labels=(Known(0, head, float(is_bad)),), ids=(f"label-{seed}-{number}",)))
    return examples


def weights_of(scorer):
    return {name: value.detach().clone() for name, value in scorer.named_parameters()}


def largest_difference(one, other):
    assert one.keys() == other.keys()
    return max(float((one[name] - other[name]).abs().max()) for name in one)
