"""Rewards and costs of replies: the same whether each model reads for itself, both in one pass, or in the reference's."""

import copy
import gc
import weakref
from dataclasses import replace

import pytest
import torch

from plumbline.align.judge_room import leave_room
from plumbline.align.new_adapters import seeded_adapters
from plumbline.align.new_model import NewModelSettings, make_new_model
from plumbline.align.policy import Policy
from plumbline.align.ppo.reply_scorers import (
    RepliesInWords,
    TextScorer,
    TrunkScorer,
    joined_heads,
    scorer_of,
    trunk_scorer,
)
from plumbline.align.rollouts import Rollouts, RolloutSettings, write_replies
from plumbline.models.transformer.frozen.layer_reading import LayerReading
from plumbline.models.transformer.model import BaseModel, TransformerHead, TransformerModel
from plumbline.models.transformer.scorer import Scorer
from plumbline.models.transformer.settings import TokenSettings
from plumbline.models.transformer.trunk.conversation_tokens import ConversationEncoder
from plumbline.records import Axis, Message, ModelError, Role

PROMPTS = [(Message(Role.HUMAN, text),) for text in ("how do I make tea?", "and", "wörds, why?")]
COLUMNS = ("reward:helpfulness", "cost")


@pytest.fixture(scope="module")
def causal():
    texts = [message.text for prompt in PROMPTS for message in prompt]
    return make_new_model(texts, NewModelSettings(layers=3, width=32, heads=2, vocabulary=300, positions=128, seed=2))


def judge(causal, task, *, layers=(), seed=0, columns=COLUMNS, most=128):
    """Heads on the causal model's own trunk."""
    trunk = copy.deepcopy(causal.model.get_decoder()).eval()
    scorer = Scorer(trunk, columns, pooling="last").eval()
    generator = torch.Generator().manual_seed(seed)
    if layers:
        width = 32 * len(layers)
        sizes = {"shifts": (width,), "factors": (width,), "landmarks": (6, width), "turn": (6, 5)}
        tensors = {name: torch.rand(size, generator=generator) * 0.3 for name, size in sizes.items()}
        scorer.read_through(LayerReading(layers, tensors))
    with torch.no_grad():
        scorer.heads.weight.normal_(generator=generator)
    tokens = TokenSettings(max_tokens=most)
    encoder = ConversationEncoder(causal.tokenizer, tokens, causal.positions)
    name = "reward" if task == "preference" else "cost"
    heads = {name: TransformerHead(COLUMNS[task == "cost"])}
    axis = Axis.HELPFULNESS if task == "preference" else None
    return TransformerModel(
        task, axis, scorer, causal.tokenizer, encoder, tokens, causal.padding_id, heads, BaseModel("made up")
    )


def written(causal, policy):
    prompts = [causal.prompts.encode(prompt) for prompt in PROMPTS] * 6
    replies = write_replies(
        policy, prompts, range(18), frozenset({*causal.end_ids, 7, 8, 9, 10}), causal.padding_id, RolloutSettings(9)
    )
    return list(range(3)) * 6, replies


def said(causal):
    return RepliesInWords(PROMPTS, causal.reply_text, causal.end_ids)


def texts(reward, cost, causal, joined=None):
    return TextScorer(reward, cost, joined, said(causal))


def both(causal, **how):
    return [judge(causal, task, seed=seed, **how) for seed, task in enumerate(("preference", "cost"))]


def replied(causal, replies, has_ended=True):
    """Rollouts that hold these replies, their ids as given, to the prompts in turn."""
    prompts = [causal.prompts.encode(PROMPTS[row % 3]) for row in range(len(replies))]
    ends = [*([min(causal.end_ids)] if has_ended else [])]
    replies = [[*ids, *ends] for ids in replies]
    longest, most = max(map(len, prompts)), max(map(len, replies))
    tokens = torch.full((len(replies), longest + most), causal.padding_id)
    is_token = torch.zeros_like(tokens, dtype=torch.bool)
    for row, (prompt, ids) in enumerate(zip(prompts, replies, strict=True)):
        place = slice(longest - len(prompt), longest + len(ids))
        tokens[row, place], is_token[row, place] = torch.tensor([*prompt, *ids]), True
    mask = is_token[:, longest:]
    none = torch.zeros(mask.shape)
    ended = torch.full((len(replies),), has_ended)
    return Rollouts(tokens, is_token, longest, mask, none, none[..., None], ended)


def agree(causal, policy, numbers, replies, **how):
    """Heads in the reference's pass say what models say that read the text for themselves; returns the rows read again."""
    scorer = trunk_scorer(*both(causal, **how), causal, said(causal))
    assert scorer is not None
    reading = policy.reference(replies, scorer.layers, causal.end_id)
    again = []
    counted = replace(reading, again=lambda sequences: again.extend(sequences) or reading.again(sequences))
    found = scorer.scores(numbers, replies, counted)
    expected = texts(*both(causal, **how), causal).scores(numbers, replies, reading)
    for one, other in ((found.rewards, expected.rewards), (found.costs, expected.costs)):
        assert torch.allclose(one, other, atol=1e-4)
        assert len(one) == 1 or one.std() > 20 * (one - other).abs().max()
    return again


@pytest.mark.parametrize("layers", [(), (1, 2)])
@pytest.mark.parametrize("lora", [False, True])
def test_heads_on_the_policys_trunk_say_what_models_say_that_read_the_text(causal, layers, lora):
    model = copy.deepcopy(causal.model)
    if lora:
        model = seeded_adapters(model, 2, seed=0, place="made up")
        with torch.no_grad():
            for name, weight in model.named_parameters():
                if "lora_B" in name:
                    weight.normal_()
    policy = Policy(model)
    numbers, replies = written(causal, policy)
    assert replies.has_ended.any()
    assert not replies.has_ended.all(), "some must have been cut"
    agree(causal, policy, numbers, replies, layers=layers)


@pytest.mark.parametrize("has_ended", [True, False])
def test_replies_in_the_tokens_that_the_judges_write_are_not_read_again(causal, has_ended):
    replies = replied(causal, [causal.prompts.encode_reply(text) for text in ("tea", "wörds 😀", "a b c")], has_ended)
    assert agree(causal, Policy(causal.model), range(3), replies) == []


def test_what_is_judged_is_the_text_however_the_policy_wrote_it(causal):
    plain, marker = causal.prompts.encode_reply("make"), causal.tokenizer("\n\nHuman: tea")["input_ids"]
    letters = causal.tokenizer.convert_tokens_to_ids(["Ġ", *"make"])
    assert causal.reply_text(letters) == causal.reply_text(plain) == "make"
    assert letters != plain
    replies = replied(causal, [plain, letters, plain, [*plain, *marker], [], []])
    again = agree(causal, Policy(causal.model), [0, 1, 2, 0, 1, 2], replies)
    assert len(again) == 4, "other tokens, a marker, and twice nothing: the judges write a blank before an empty reply"


def test_a_reply_that_a_judge_reads_in_part_is_no_judgement(causal):
    replies = replied(causal, [causal.prompts.encode_reply("make tea " * 9)])
    short = both(causal, most=40)
    with pytest.raises(ModelError, match=r"(?s)PL-PPO-011.*40 of its tokens"):
        texts(*short, causal).scores([0], replies, None)
    scorer = trunk_scorer(*short, causal, said(causal))
    with pytest.raises(ModelError, match="PL-PPO-011"):
        scorer.scores([0], replies, Policy(causal.model).reference(replies, scorer.layers, causal.end_id))


def test_prompts_that_leave_a_judge_no_room_are_found_before_a_run(causal):
    judges = both(causal, most=40)
    (whole,) = judges[0].encoder.encode([[(Role.HUMAN, PROMPTS[0][0].text), (Role.ASSISTANT, "")]]).sequences
    room = 40 - len(whole)
    assert leave_room(judges, PROMPTS, room).tolist() == [True, True, True]
    assert leave_room(judges, PROMPTS, room + 1).tolist() == [False, True, True]
    assert leave_room([object()], PROMPTS, 10**6).all(), "a model without a limit"


@pytest.mark.parametrize("shared", [True, False])
def test_trunks_that_are_read_no_more_are_let_go_of(causal, shared):
    models = both(causal) if shared else [judge(causal, "preference"), judge(causal, "cost")]
    policy = causal if shared else make_new_model(["other words"], NewModelSettings(1, 16, 2, 300, 64))
    trunks = [weakref.ref(each) for model in models for each in model.scorer.trunk.modules()]
    scorer = scorer_of(*models, policy, PROMPTS)
    assert isinstance(scorer, TrunkScorer if shared else TextScorer)
    gc.collect()
    held = [each for each in trunks if each() is not None]
    assert len(held) == (0 if shared else len(trunks) / 2)


def test_heads_on_another_trunk_read_for_themselves(causal):
    reward, cost = judge(causal, "preference"), judge(causal, "cost")
    with torch.no_grad():
        next(iter(cost.scorer.trunk.parameters())).add_(1e-3)
    assert trunk_scorer(reward, cost, causal, said(causal)) is None
    assert joined_heads(reward, cost) is None


def test_heads_that_read_another_end_token_read_for_themselves(causal):
    other = replace(causal, end_ids=frozenset({7}))
    assert trunk_scorer(*both(causal), other, said(causal)) is None
    assert trunk_scorer(*both(causal), causal, said(causal)) is not None


def test_heads_trained_together_are_read_in_one_pass_and_say_the_same(causal, monkeypatch):
    reward, cost = judge(causal, "preference"), judge(causal, "cost")
    policy = Policy(causal.model)
    numbers, replies = written(causal, policy)
    reading = policy.reference(replies)
    apart = texts(reward, cost, causal).scores(numbers, replies, reading)
    joined = joined_heads(reward, judge(causal, "cost"))
    passes = []
    forward = Scorer.forward
    monkeypatch.setattr(Scorer, "forward", lambda self, *given, **how: passes.append(1) or forward(self, *given, **how))
    together = texts(reward, cost, causal, joined).scores(numbers, replies, reading)
    of_one = len(passes)
    texts(reward, cost, causal).scores(numbers, replies, reading)
    assert len(passes) - of_one == 2 * of_one
    assert torch.allclose(apart.rewards, together.rewards, atol=1e-5)
    assert torch.allclose(apart.costs, together.costs, atol=1e-5)


def test_replies_to_one_prompt_are_one_group_whatever_their_order(causal, monkeypatch):
    reward, cost = judge(causal, "preference"), judge(causal, "cost")
    numbers, replies = written(causal, Policy(causal.model))
    asked = []
    read = TransformerModel.read_groups

    def told(self, groups, **how):
        asked.append([len(group) for group in groups])
        return read(self, groups, **how)

    monkeypatch.setattr(TransformerModel, "read_groups", told)
    scorer = texts(reward, cost, causal)
    found = scorer.scores(numbers, replies, None)
    assert asked == [[6, 6, 6]] * 2
    for row in (0, 7, 17):
        alone = scorer.scores([numbers[row]], replies.take(torch.tensor([row])), None)
        assert torch.allclose(alone.rewards[0], found.rewards[row], atol=1e-4)
        assert torch.allclose(alone.costs[0], found.costs[row], atol=1e-4)
