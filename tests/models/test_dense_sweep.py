"""Sweeps of penalties: held-out scores are those of single fits, and the best is the one of lowest loss."""

import numpy as np
import pytest

from plumbline.models.dense_features import fit_scaling
from plumbline.models.dense_logistic import fit_dense
from plumbline.models.dense_sweep import sweep_penalties
from plumbline.models.folds import deal_folds


def made_up(columns):
    random = np.random.default_rng(0)
    rows = random.normal(size=(120, columns))
    labels = random.random(120) < 1 / (1 + np.exp(-rows[:, 0]))
    return rows, labels, np.array([f"g{number // 2}" for number in range(120)])


@pytest.mark.parametrize("columns", [5, 200])
def test_each_row_of_scores_is_that_of_a_fit_without_the_fold(columns):
    rows, labels, groups = made_up(columns)
    deal = deal_folds(groups, 0, heads=1)
    sweep = sweep_penalties(
        rows, labels, deal, with_intercept=True, penalties=(0.3, 30.0), prepare=lambda known: fit_scaling(known).apply
    )
    fold = deal.folds[0]
    others = deal.others(fold)
    scaling = fit_scaling(rows[others])
    fit = fit_dense(scaling.apply(rows[others]), labels[others], l2=30.0, intercept_column=np.ones(len(others)))
    np.testing.assert_allclose(sweep.scores[1, : len(fold)], fit.score(scaling.apply(rows[fold])), atol=1e-5)
    signs = np.where(labels[deal.positions], 1, -1)
    assert sweep.losses_nats[0] == pytest.approx(np.log1p(np.exp(-signs * sweep.scores[0])).mean())
    assert sweep.best == sweep.penalties[int(np.argmin(sweep.losses_nats))]


def test_where_nothing_can_be_learned_the_heaviest_penalty_wins():
    rows, _, groups = made_up(60)
    labels = np.random.default_rng(9).random(120) < 0.5
    sweep = sweep_penalties(rows, labels, deal_folds(groups, 0, heads=1), with_intercept=False)
    assert sweep.best == max(sweep.penalties)
