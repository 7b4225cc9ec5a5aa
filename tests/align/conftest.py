"""A tiny causal model from scratch: made-up weights, no download."""

import pytest
import torch


def tiny_model(seed=0, vocabulary=12):
    """Two layers of 16; weights large enough that its distributions are not flat."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=64,
        initializer_range=0.5,
        tie_word_embeddings=False,
    )
    return LlamaForCausalLM(config).eval()


@pytest.fixture
def model():
    return tiny_model()
