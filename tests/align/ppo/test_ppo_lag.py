"""PPO-Lagrangian on a task whose constrained optimum is known: plain PPO breaks the limit, PPO-Lag keeps it."""

import numpy as np
import pytest
import torch

from benchmarks.constrained.optimum import ConstrainedTask, constrained_optimum, lagrangian_rest, worth_of
from plumbline.align.demonstrations import Demonstration, text_batch
from plumbline.align.lagrangian import Lagrangian, LagrangianSettings
from plumbline.align.policy import Policy
from plumbline.align.ppo.ppo_lag import PpoLag, PpoSettings
from plumbline.align.ppo.reply_scorers import ReplyScores, TokenScorer
from plumbline.align.rollouts import RolloutSettings, write_replies
from plumbline.records import ModelError, UsageError
from tests.align.conftest import tiny_model

WORDS, LENGTH, PROMPTS = 4, 2, 4
# Each of four words has a worth and a price; the best word of all is the dearest.
WORTH, PRICE = np.array([0.0, 0.5, 1.0, 2.0]), np.array([-1.0, -0.5, 0.5, 2.0])
LIMIT, WEIGHT = 0.0, 0.3


def replies():
    """Every reply there is, shape (WORDS ** LENGTH, LENGTH)."""
    return torch.cartesian_prod(*[torch.arange(WORDS)] * LENGTH)


def exact_log_policy(policy):
    every = replies()
    told = []
    for prompt in range(PROMPTS):
        tokens = torch.cat([torch.full((len(every), 1), prompt), every], dim=1)
        with torch.no_grad():
            logs = policy.model(tokens).logits[:, :-1].log_softmax(-1)
        told.append(logs.gather(2, every[:, :, None])[:, :, 0].sum(1).double())
    return torch.stack(told).numpy()


def task():
    every = replies().numpy()
    turned = np.stack([(every + prompt) % WORDS for prompt in range(PROMPTS)])
    return ConstrainedTask(WORTH[turned].sum(-1), PRICE[turned].sum(-1), LIMIT, WEIGHT)


def score(numbers, written):
    said = written.tokens[:, written.prompt_length :]
    turned = (said + torch.tensor(numbers)[:, None]) % WORDS
    return ReplyScores(torch.tensor(WORTH)[turned].sum(1), torch.tensor(PRICE)[turned].sum(1))


def make_run(policy, score, settings, lagrangian):
    how = {"end_ids": frozenset(), "padding_id": 0, "rollouts": RolloutSettings(LENGTH)}
    return PpoLag(policy, TokenScorer(score), settings, lagrangian, **how)


def trained(lagrangian, steps, seed=0, scorer=score):
    policy = Policy(tiny_model(seed, vocabulary=WORDS))
    settings = PpoSettings(
        epochs=2, minibatch=64, policy_rate=3e-3, critic_rate=1e-2, divergence_weight=WEIGHT, smoothing=1.0
    )
    run = make_run(policy, scorer, settings, lagrangian)
    before = exact_log_policy(policy)
    told = []
    for step in range(steps):
        numbers = list(range(PROMPTS)) * 32
        seeds = [1_000_000 * seed + 1_000 * step + row for row in range(len(numbers))]
        told.append(run.step(numbers, [[number] for number in numbers], seeds))
    return before, exact_log_policy(policy), told, run


def test_the_limit_is_kept_and_plain_ppo_breaks_it():
    before, plain, _, _ = trained(None, 15)
    free = worth_of(task(), plain, before)
    assert free.cost > LIMIT + 1.0
    settings = LagrangianSettings(cost_limit=LIMIT, rate=0.1, window=128, most=20.0)
    before, kept, told, _ = trained(Lagrangian(settings), 60)
    worth, best = worth_of(task(), kept, before), constrained_optimum(task(), before)
    assert abs(worth.cost - LIMIT) < 0.3
    assert worth.objective > 0.9 * best.worth.objective
    assert told[-1].multiplier == pytest.approx(lagrangian_rest(task(), before).multiplier, abs=0.2)


@pytest.mark.parametrize("which", ["rewards", "costs"])
def test_a_score_that_is_none_stops_the_step_before_anything_is_learnt(which):
    def broken(numbers, written):
        scores = score(numbers, written)
        getattr(scores, which)[0] = torch.nan
        return scores

    policy = Policy(tiny_model(0, vocabulary=WORDS))
    lagrangian = Lagrangian(LagrangianSettings())
    run = make_run(policy, broken, PpoSettings(), lagrangian)
    before = {name: weight.clone() for name, weight in policy.state_dict().items()}
    with pytest.raises(ModelError, match="PL-PPO-002"):
        run.step([0], [[0]], [1])
    assert all(torch.equal(before[name], weight) for name, weight in policy.state_dict().items())
    assert lagrangian == Lagrangian(LagrangianSettings())


@pytest.mark.parametrize(("rate", "steps", "what"), [(1e38, 1, "weights"), (1e30, 2, "")])
def test_a_learning_rate_that_loses_the_policy_is_told(rate, steps, what):
    """The first one leaves the numbers in the step itself, the second one in what is computed of it."""
    run = make_run(Policy(tiny_model(0, vocabulary=WORDS)), score, PpoSettings(policy_rate=rate), None)
    for seed in range(steps - 1):
        run.step([0, 1], [[0], [1]], [seed, seed + 10])
    with pytest.raises(ModelError, match=rf"PL-PPO-003.*{what}"):
        run.step([0, 1], [[0], [1]], [7, 8])


def test_a_gradient_that_is_no_number_is_told_and_the_weights_stay():
    policy = Policy(tiny_model(0, vocabulary=WORDS))
    run = make_run(policy, score, PpoSettings(), None)
    next(policy.model.parameters()).register_hook(lambda gradient: gradient * torch.nan)
    before = [weight.clone() for weight in policy.parameters()]
    with pytest.raises(ModelError, match=r"PL-PPO-003.*gradient"):
        run.step([0, 1], [[0], [1]], [1, 2])
    assert all(torch.equal(one, other) for one, other in zip(before, policy.parameters(), strict=True))


def learnt(scorer, others=None, **settings):
    """Weights of the policy after a step."""
    policy = Policy(tiny_model(0, vocabulary=WORDS))
    run = make_run(policy, scorer, PpoSettings(**{"policy_rate": 1e-3, **settings}), Lagrangian(LagrangianSettings()))
    run.step([0, 1, 2, 3], [[0], [1], [2], [3]], [1, 2, 3, 4], others)
    return torch.cat([weight.detach().flatten() for weight in policy.parameters()])


def test_scores_beyond_the_clip_teach_no_more_than_the_clip():
    def of(size):
        """Each second reply is worth as much, and costs as little."""
        signs = torch.tensor([1.0, -1.0, 1.0, -1.0])
        return lambda *_: ReplyScores(size * signs, -size * signs.clone())

    assert torch.equal(learnt(of(3.0), score_clip=2.0), learnt(of(900.0), score_clip=2.0))
    assert not torch.equal(learnt(of(3.0)), learnt(of(900.0))), "or nothing was shown"


def test_other_texts_weigh_what_was_asked():
    def texts():
        """The same one each time."""
        while True:
            yield text_batch([Demonstration([0, 1, 2, 3], 1)], 0)

    start = torch.cat([each.detach().flatten() for each in Policy(tiny_model(0, vocabulary=WORDS)).parameters()])
    none, some = (learnt(score, texts(), pretraining_weight=weight) for weight in (0.0, 50.0))
    alone = learnt(lambda *_: ReplyScores(torch.zeros(4), torch.zeros(4)), texts(), pretraining_weight=50.0)
    assert torch.equal(none, learnt(score)), "a weight of 0 is none"
    assert torch.cosine_similarity(some - start, alone - start, dim=0) > 0.7, "so heavy they lead the way"
    assert torch.cosine_similarity(none - start, alone - start, dim=0) < 0.5


@pytest.mark.parametrize("wrong", [{"clip": 0.0}, {"smoothing": 1.1}, {"minibatch": 0}, {"divergence_weight": -1.0}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(UsageError, match="PL-PPO-001"):
        PpoSettings(**wrong)


@pytest.mark.parametrize("which", ["rewards", "costs"])
def test_scores_that_are_not_one_a_reply_are_refused(which):
    def broken(numbers, written):
        scores = {"rewards": torch.zeros(2), "costs": torch.zeros(2)}
        return ReplyScores(**{**scores, which: torch.ones(1)})

    run = make_run(Policy(tiny_model(0, vocabulary=WORDS)), broken, PpoSettings(), None)
    with pytest.raises(ValueError, match="each of 2 replies"):
        run.step([0, 1], [[0], [1]], [1, 2])


def test_replies_of_nothing_are_counted():
    policy = Policy(tiny_model(0, vocabulary=WORDS))
    how = {"end_ids": frozenset({3}), "padding_id": 0, "rollouts": RolloutSettings(3)}
    scorer = TokenScorer(lambda _, written: ReplyScores(*[written.mask.float().sum(1)] * 2))
    run = PpoLag(policy, scorer, PpoSettings(), None, **how)
    told = run.step([0] * 64, [[0]] * 64, range(64))
    written = write_replies(
        Policy(tiny_model(0, vocabulary=WORDS)), [[0]] * 64, range(64), frozenset({3}), 0, how["rollouts"]
    )
    alone = (written.mask.sum(1) == 1) & written.has_ended
    assert 0 < alone.sum() < 64
    assert told.empty == pytest.approx(float(alone.float().mean()))


def test_dropout_does_not_part_the_policy_that_learns_from_the_one_that_wrote():
    model = tiny_model(0, vocabulary=WORDS)
    for layer in model.model.layers:
        layer.self_attn.attention_dropout = 0.5
    run = make_run(Policy(model.train()), score, PpoSettings(minibatch=8), None)
    told = run.step([0, 1] * 4, [[0], [1]] * 4, range(8))
    assert told.clipped == 0
    assert told.step_divergence == pytest.approx(0, abs=1e-6)
