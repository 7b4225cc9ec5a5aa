"""Scores of groups, and when a scorer is asked whether trees are right for it."""

import numpy as np
import pytest
import torch

from plumbline.models.transformer import model
from plumbline.models.transformer.model import GroupScoring, ScoringSettings, score_sequences
from plumbline.records import ModelError
from tests.models.transformer.toy import PADDING, make_scorer

torch.set_num_threads(1)


def group(length, candidates=3, seed=0):
    random = np.random.default_rng(seed)
    prompt = random.integers(10, 60, length)
    return [np.concatenate([prompt, random.integers(10, 60, 4 + number)]) for number in range(candidates)]


def asked_of(monkeypatch):
    """Counts self-checks."""
    asked = []
    check = model.check_trees

    def counting(*given, **named):
        asked.append(1)
        return check(*given, **named)

    monkeypatch.setattr(model, "check_trees", counting)
    return asked


def test_a_scorer_is_asked_once_and_again_where_sequences_are_longer(monkeypatch):
    asked, scorer, how = asked_of(monkeypatch), make_scorer(), GroupScoring(PADDING)
    for length in (12, 12, 8):
        score_sequences(scorer, [group(length)], how)
    assert len(asked) == 1
    score_sequences(scorer, [group(40)], how)
    assert len(asked) == 2
    score_sequences(make_scorer(seed=1), [group(12)], how)
    assert len(asked) == 3


def test_a_model_that_trees_are_wrong_for_is_scored_plainly_and_told_once(monkeypatch, caplog):
    asked, scorer, how = asked_of(monkeypatch), make_scorer("bloom", spread=1.0), GroupScoring(PADDING)
    plain = GroupScoring(PADDING, ScoringSettings(as_trees=False))
    for length in (12, 40):
        groups = [group(length), group(length, seed=1)]
        assert np.array_equal(score_sequences(scorer, groups, how), score_sequences(scorer, groups, plain))
    assert len(asked) == 1
    assert caplog.text.count("conversation trees give other scores") == 1


def test_groups_score_as_their_members_do_alone():
    scorer = make_scorer(spread=1.0)
    groups = [group(12), group(30, candidates=16, seed=1), [group(9, candidates=1)[0]]]
    together = score_sequences(scorer, groups, GroupScoring(PADDING))
    alone = [score_sequences(scorer, [[one]], GroupScoring(PADDING))[0] for each in groups for one in each]
    assert np.abs(together - np.stack(alone)).max() < 1e-5


def test_a_scorer_is_asked_again_where_trees_are_larger(monkeypatch):
    """Windows counted in places of the row show only where a tree outgrows them: pairs pass, sixteen candidates do not."""
    asked, scorer, how = asked_of(monkeypatch), make_scorer("gpt-neo-window", spread=0.2), GroupScoring(PADDING)
    plain = GroupScoring(PADDING, ScoringSettings(as_trees=False))
    random = np.random.default_rng(0)

    def candidates(prompt, reply, count):
        shared = random.integers(10, 60, prompt)
        return [np.concatenate([shared, random.integers(10, 60, reply)]) for _ in range(count)]

    pairs, many = [candidates(52, 5, 2) for _ in range(2)], [candidates(20, 20, 16)]
    for groups in (pairs, many, [*pairs, *many]):
        found = score_sequences(scorer, groups, how)
        assert np.abs(found - score_sequences(scorer, groups, plain)).max() < 1e-5
    assert len(asked) == 2
    together = make_scorer("gpt-neo-window", spread=0.2)
    expected = score_sequences(together, [*pairs, *many], plain)
    assert np.abs(score_sequences(together, [*pairs, *many], how) - expected).max() < 1e-5
    assert len(asked) == 3


@pytest.mark.parametrize("as_trees", [True, False])
def test_a_group_beyond_the_budget_is_computed_in_parts(as_trees):
    scorer, sizes = make_scorer(spread=1.0), []
    groups = [group(30, candidates=21), group(8)]
    expected = score_sequences(scorer, groups, GroupScoring(PADDING, ScoringSettings(as_trees=False)))
    score_sequences(scorer, groups, GroupScoring(PADDING))  # asks the scorer, in batches of its own
    scorer.trunk.register_forward_pre_hook(
        lambda _module, _given, named: sizes.append(named["input_ids"].numel()), with_kwargs=True
    )
    found = score_sequences(scorer, groups, GroupScoring(PADDING, ScoringSettings(128, as_trees)))
    assert np.abs(found - expected).max() < 1e-5
    assert max(sizes) <= 128
    assert sum(sizes) < (500 if as_trees else 1500), "what is shared is computed once a part"


@pytest.mark.parametrize("as_trees", [True, False])
def test_memory_at_an_end_is_told_with_a_smaller_batch(as_trees):
    scorer = make_scorer()

    def full(*_):
        raise torch.OutOfMemoryError("out of memory")

    scorer.trunk.register_forward_hook(full)
    how = GroupScoring(PADDING, ScoringSettings(as_trees=as_trees))
    with pytest.raises(ModelError) as refused:
        score_sequences(scorer, [group(12), group(9)], how)
    assert refused.value.code == "PL-SCO-001"
    tokens = int(refused.value.found.split()[0])
    assert refused.value.advice == f"--tokens-per-batch {tokens // 2}"
    with pytest.raises(ModelError) as refused:
        score_sequences(scorer, [group(12, candidates=1)], how)
    assert "a device with more memory" in refused.value.advice


def test_other_errors_are_not_called_want_of_memory():
    scorer = make_scorer()

    def broken(*_):
        raise RuntimeError("something else")

    scorer.trunk.register_forward_hook(broken)
    with pytest.raises(RuntimeError, match="something else"):
        score_sequences(scorer, [group(12)], GroupScoring(PADDING, ScoringSettings(as_trees=False)))
