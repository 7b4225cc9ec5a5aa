"""Tokens are drawn by their probabilities however many there are, and what is kept of earlier tokens stays what it was."""

import numpy as np
import pytest
import torch
from transformers.cache_utils import DynamicLayer

from plumbline.align import rollouts, roomy_cache
from plumbline.align.policy import Policy
from plumbline.align.rollouts import RolloutSettings, _draw, write_replies


@pytest.mark.parametrize("vocabulary", [1, 5, 128, 129, 5000])
def test_a_number_draws_the_token_at_which_probabilities_add_up_to_it(vocabulary):
    torch.manual_seed(0)
    logits = 3 * torch.randn(64, vocabulary)
    logits[:, vocabulary // 2 + 1 :: 3] = -torch.inf
    logs = logits.log_softmax(dim=-1)
    uniform = torch.rand(64, dtype=torch.float64)
    uniform[:2] = torch.tensor([0.0, 1 - 2.0**-53])
    found = _draw(logs, uniform)
    assert logs.gather(1, found[:, None]).isfinite().all(), "a token that cannot be is never drawn"
    probabilities = logs.double().exp()
    after = probabilities.cumsum(dim=1).gather(1, found[:, None])[:, 0]
    before = after - probabilities.gather(1, found[:, None])[:, 0]
    total = probabilities.sum(dim=1)
    assert (before <= uniform * total + 1e-6).all()
    assert (uniform * total <= after + 1e-6).all()
    if vocabulary == 5000:
        assert len(np.unique(found // 128)) > 10, "from many blocks"


def test_room_for_tokens_changes_nothing(model, monkeypatch):
    def told():
        policy = Policy(model)
        settings = RolloutSettings(12)
        written = write_replies(policy, [[1, 2, 3], [5], [6, 7], [4]], (1, 2, 3, 4), frozenset({5, 11}), 0, settings)
        return policy, written

    monkeypatch.setattr(roomy_cache, "ROOM", 2)
    policy, roomy = told()
    assert len(set(roomy.mask.sum(dim=1).tolist())) > 1, "rows leave at different times"
    assert torch.allclose(policy(roomy).log_probabilities, roomy.log_probabilities, atol=1e-5)
    cache = policy.begin(torch.tensor([[1, 2]]), torch.ones(1, 2, dtype=torch.bool)).cache
    assert all(type(layer) is not DynamicLayer for layer in cache.layers), "or nothing was shown"
    monkeypatch.setattr("plumbline.align.policy.give_room", lambda cache: cache)
    _, plain = told()
    assert torch.equal(plain.tokens, roomy.tokens)
    assert torch.allclose(plain.log_probabilities, roomy.log_probabilities, atol=1e-6)


def test_a_device_without_numbers_of_64_bits_draws_the_same_tokens(model, monkeypatch):
    policy, settings = Policy(model), RolloutSettings(6)
    given = ([[1, 2], [3]], (5, 6), frozenset({11}), 0, settings)
    expected = write_replies(policy, *given)
    monkeypatch.setattr(rollouts, "_WITHOUT_DOUBLES", frozenset({"meta"}))
    assert rollouts._doubles_on(torch.device("meta")) == torch.device("cpu")
    monkeypatch.setattr(rollouts, "_WITHOUT_DOUBLES", frozenset({"cpu"}))
    assert torch.equal(write_replies(policy, *given).tokens, expected.tokens)
