"""A policy against the library's own model, row by row without padding; its reference stays where it was."""

import pytest
import torch

from plumbline.align.policy import Policy
from plumbline.align.rollouts import RolloutSettings, write_replies
from plumbline.models.transformer.trunk.backbone import quiet
from plumbline.records import ModelError, UsageError
from tests.align.conftest import tiny_model

PROMPTS = [[1, 2, 3, 4], [5], [6, 7]]
END, PADDING = frozenset({11}), 0


def written(policy, seeds=(1, 2, 3), most=8, temperature=1.0, prompts=PROMPTS):
    return write_replies(policy, prompts, seeds, END, PADDING, RolloutSettings(most, temperature))


def with_adapters(model):
    peft = pytest.importorskip("peft")
    config = peft.LoraConfig(r=2, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    with quiet():  # a name of transformers that peft uses will be another
        return peft.get_peft_model(model, config)


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_what_is_told_of_the_tokens_is_what_the_model_says_of_each_row_alone(model, temperature):
    policy = Policy(model)
    torch.nn.init.normal_(policy.critic_heads.weight)
    told = written(policy, temperature=temperature)
    again = policy(told)
    for row, prompt in enumerate(PROMPTS):
        reply = told.tokens[row, told.prompt_length :][told.mask[row]]
        with torch.no_grad():
            out = model(torch.tensor([[*prompt, *reply.tolist()]]), output_hidden_states=True)
        logs = (out.logits[0, len(prompt) - 1 : -1] / temperature).log_softmax(-1)
        expected = logs.gather(1, reply[:, None])[:, 0]
        values = policy.critic_heads(out.hidden_states[-1][0, len(prompt) - 1 : -1])
        kept = told.mask[row]
        for found in (told, again):
            assert torch.allclose(found.log_probabilities[row][kept], expected, atol=1e-5)
            assert torch.allclose(found.values[row][kept], values, atol=1e-5)
        assert torch.allclose(again.entropy[row][kept], -(logs.exp() * logs).sum(-1), atol=1e-5)
        assert not told.log_probabilities[row][~kept].any()


def test_a_reply_depends_on_its_seed_and_on_nothing_beside_it(model):
    policy = Policy(model)
    together = written(policy)
    for row, (prompt, seed) in enumerate(zip(PROMPTS, (1, 2, 3), strict=True)):
        alone = written(policy, (seed,), prompts=[prompt])
        assert alone.reply_ids(0, END) == together.reply_ids(row, END)
    others = written(policy, (4, 5, 6))
    assert any(others.reply_ids(row, END) != together.reply_ids(row, END) for row in range(3))


def test_replies_end_at_their_end_token_or_are_cut(model):
    policy = Policy(model)
    told = written(policy, tuple(range(64)), prompts=[[1, 2]] * 64, most=6)
    lengths = told.mask.sum(dim=1)
    last = told.tokens[:, told.prompt_length :].gather(1, lengths[:, None] - 1)[:, 0]
    assert torch.equal(told.has_ended, last == 11)
    assert 0 < told.has_ended.sum() < 64
    assert (lengths[~told.has_ended] == 6).all()
    for row in range(64):
        said = told.tokens[row, told.prompt_length :][told.mask[row]].tolist()
        assert 11 not in said[:-1], "nothing is written behind the end"
        assert told.reply_ids(row, END) == (said[:-1] if told.has_ended[row] else said)


def test_any_of_several_end_tokens_ends_a_reply_and_one_of_them_is_read(model):
    several = frozenset({9, 10, 11})
    policy = Policy(model)
    told = write_replies(policy, [[1, 2]] * 64, range(64), several, PADDING, RolloutSettings(6))
    last = [told.tokens[row, told.prompt_length :][told.mask[row]].tolist()[-1] for row in range(64)]
    assert told.has_ended.tolist() == [each in several for each in last]
    assert {each for each in last if each in several} == several
    assert not any(several.intersection(told.reply_ids(row, several)) for row in range(64))
    tokens, is_token, ends = told.closed(11)
    assert all(tokens[row][is_token[row]][-1] == tokens[row, ends[row]] == 11 for row in range(64))


def test_a_reply_of_nothing_but_its_end_is_learnt_from_as_any_other(model):
    policy = Policy(model)
    told = write_replies(policy, PROMPTS, (1, 2, 3), frozenset(range(12)), PADDING, RolloutSettings(6))
    assert told.mask.sum(dim=1).tolist() == [1, 1, 1]
    assert told.has_ended.all()
    assert [told.reply_ids(row, frozenset(range(12))) for row in range(3)] == [[], [], []]
    assert torch.allclose(policy(told).log_probabilities, told.log_probabilities, atol=1e-6)


@pytest.mark.parametrize("adapters", [False, True])
def test_a_token_that_may_never_be_written_has_no_probability_anywhere(adapters):
    made = tiny_model()
    policy = Policy(with_adapters(made) if adapters else made, never_ids=[0, 3, 5])
    told = written(policy, tuple(range(64)), prompts=[[1, 2]] * 64, most=6)
    assert not {0, 3, 5}.intersection(told.tokens[:, told.prompt_length :][told.mask].tolist())
    again = policy(told)
    assert torch.allclose(again.log_probabilities, told.log_probabilities, atol=1e-5)
    assert again.entropy.isfinite().all()
    plain = Policy(policy.model)
    assert (again.log_probabilities > plain(told).log_probabilities)[told.mask].all(), "the others share what they had"
    if not adapters:
        assert torch.allclose(policy.reference(told).log_probabilities, told.log_probabilities, atol=1e-5)
    (again.log_probabilities.sum() + again.values.sum()).backward()
    assert all(weight.grad.isfinite().all() for weight in policy.parameters() if weight.requires_grad)


def test_entropy_of_a_distribution_without_some_tokens_is_a_number(model):
    with torch.no_grad():
        model.lm_head.weight[4] = 0
    policy = Policy(model)
    told = written(policy)
    model.lm_head.register_forward_hook(lambda *given: given[2].index_fill(-1, torch.tensor([0]), -torch.inf))
    found = policy(told).entropy
    assert found.isfinite().all()
    assert found.max() > 0


def test_replies_of_weights_that_are_no_numbers_are_refused(model):
    with torch.no_grad():
        model.lm_head.weight[4] = torch.nan
    with pytest.raises(ModelError, match=r"PL-PPO-003.*probabilities"):
        written(Policy(model))


def test_tokens_are_drawn_by_their_probabilities(model):
    policy = Policy(model)
    told = written(policy, tuple(range(4000)), prompts=[[3]] * 4000, most=1)
    with torch.no_grad():
        expected = model(torch.tensor([[3]])).logits[0, -1].softmax(-1)
    found = torch.bincount(told.tokens[:, -1], minlength=12) / 4000
    assert (found - expected).abs().max() < 5 * 0.5 / 4000**0.5


@pytest.mark.parametrize("adapters", [False, True])
def test_the_reference_stays_where_it_was(adapters):
    plain = tiny_model()
    policy = Policy(with_adapters(tiny_model()) if adapters else tiny_model())
    told = written(policy)
    expected = Policy(plain)(told).log_probabilities
    assert torch.allclose(policy.reference(told).log_probabilities, expected, atol=1e-6)
    with torch.no_grad():
        for weight in policy.model.parameters():
            if weight.requires_grad:
                weight.add_(0.05)
    assert torch.allclose(policy.reference(told).log_probabilities, expected, atol=1e-6)
    assert not torch.allclose(policy(told).log_probabilities, expected, atol=1e-3)
    assert all("_reference" not in name for name, _ in policy.named_parameters())


def test_gradients_reach_the_policy_and_its_critics(model):
    policy = Policy(model)
    read = policy(written(policy))
    (read.log_probabilities.sum() + read.values.sum()).backward()
    assert all(weight.grad is not None for weight in policy.parameters())


@pytest.mark.parametrize("wrong", [(0, 1.0), (4, 0.0), (4, float("inf")), (4, float("nan"))])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(UsageError, match="PL-ROL-001"):
        RolloutSettings(*wrong)


@pytest.mark.parametrize("adapters", [False, True])
def test_the_references_pass_tells_the_hidden_states_at_each_replys_end(adapters):
    plain = tiny_model()
    policy = Policy(with_adapters(tiny_model()) if adapters else tiny_model())
    told = written(policy, seeds=range(24), prompts=[[3], [4, 5, 6], [7, 8], [9]] * 6, most=8)
    assert told.has_ended.any()
    assert not told.has_ended.all(), "one reply must have been cut, or its end token is not put there"
    with torch.no_grad():
        for weight in policy.model.parameters():
            if weight.requires_grad:
                weight.add_(0.05)
    found = policy.reference(told, layers=(1, 2), end_id=min(END))
    assert torch.allclose(found.log_probabilities, Policy(plain)(told).log_probabilities, atol=1e-6)
    for row in range(24):
        ids = told.tokens[row][told.is_token[row]].tolist()
        ids += [] if told.has_ended[row] else [*END]
        states = plain(torch.tensor([ids]), output_hidden_states=True).hidden_states
        assert torch.allclose(found.layers[1][row], states[1][0, -1], atol=1e-5)
        assert torch.allclose(found.layers[2][row], states[2][0, -1], atol=1e-5)


def test_some_rollouts_are_what_they_were_without_the_others_columns(model):
    policy = Policy(model)
    told = written(policy, seeds=(1, 2, 3), prompts=[[3], [4, 5, 6], [7, 8]], most=6)
    for row in range(3):
        alone = told.take(torch.tensor([row]))
        assert alone.is_token.all(), "one row has no padding"
        assert torch.allclose(policy(alone).log_probabilities, alone.log_probabilities, atol=1e-5)
        length = alone.mask.shape[1]
        assert torch.equal(alone.log_probabilities[0], told.log_probabilities[row, :length])
        assert torch.equal(alone.values[0], told.values[row, :length])
