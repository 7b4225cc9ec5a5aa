"""Architectures that replies can be written with here, and those that are refused; weights drawn at random."""

import pytest
import torch

from plumbline.align.policy import Policy
from plumbline.align.ppo.drivable import require_drivable
from plumbline.align.ppo.ppo_lag import PpoLag, PpoSettings
from plumbline.align.ppo.reply_scorers import TokenScorer
from plumbline.align.rollouts import RolloutSettings
from plumbline.align.roomy_cache import _RoomyLayer
from plumbline.records import ModelError
from tests.align.conftest import tiny_model


def mamba():
    from transformers import MambaConfig, MambaForCausalLM

    return MambaForCausalLM(MambaConfig(vocab_size=12, hidden_size=16, num_hidden_layers=1, state_size=4))


def projected():
    """Hidden states of another width than its settings say."""
    from transformers import OPTConfig, OPTForCausalLM

    sizes = {"hidden_size": 16, "ffn_dim": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    return OPTForCausalLM(OPTConfig(vocab_size=12, max_position_embeddings=32, word_embed_proj_dim=8, **sizes))


@pytest.mark.parametrize("made", [mamba, projected])
def test_what_replies_cannot_be_written_with_is_refused(made):
    with pytest.raises(ModelError, match=r"PL-PTR-004(.|\n)*align grpo"):
        require_drivable(Policy(made().eval()))


def test_a_run_does_not_begin_with_one():
    how = {"end_ids": frozenset({11}), "padding_id": 0, "rollouts": RolloutSettings(3)}
    with pytest.raises(ModelError, match="PL-PTR-004"):
        PpoLag(Policy(projected().eval()), TokenScorer(None), PpoSettings(), None, **how)


@pytest.mark.parametrize("vocabulary", [2, 12])
def test_what_they_can_be_written_with_stays_as_it_was(vocabulary):
    policy = Policy(tiny_model(vocabulary=vocabulary)).train()
    before = [weight.clone() for weight in policy.parameters()]
    require_drivable(policy)
    assert policy.training
    assert all(torch.equal(one, other) for one, other in zip(before, policy.parameters(), strict=True))


def test_a_cache_that_keeps_the_wrong_row_is_found_though_nothing_raises(monkeypatch):
    keep = _RoomyLayer.batch_select_indices
    monkeypatch.setattr(_RoomyLayer, "batch_select_indices", lambda self, rows: keep(self, rows - 1))
    with pytest.raises(ModelError, match="PL-PTR-004"):
        require_drivable(Policy(tiny_model()))
