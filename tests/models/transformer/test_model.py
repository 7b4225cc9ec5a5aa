"""Scores of groups, and when a scorer is asked whether trees are right for it."""

import numpy as np
import torch

from plumbline.models.transformer import model
from plumbline.models.transformer.model import GroupScoring, ScoringSettings, score_sequences
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
