"""Dense logistic fits: the optimum, by either way, whatever the shape; refusals by code."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from plumbline.models.linear.dense_logistic import fit_dense, fit_gram
from plumbline.models.linear.logistic import LogisticSettings, fit_logistic
from plumbline.records import NoDataError, UsageError


def made_up(count, columns, seed=0):
    random = np.random.default_rng(seed)
    rows = random.normal(size=(count, columns)) @ (np.eye(columns) + 0.9)  # strongly correlated, as trunks' columns are
    labels = random.random(count) < 1 / (1 + np.exp(-rows[:, 0] + rows[:, 1] - 0.5))
    return rows, labels


def gradient(fit, rows, labels, l2, weights, column):
    pull = weights * (1 / (1 + np.exp(-(rows @ fit.weights + fit.intercept * column))) - labels)
    return np.append(rows.T @ pull + l2 * fit.weights, pull @ column)


@pytest.mark.parametrize(("count", "columns"), [(200, 7), (40, 90), (50, 50)])
@pytest.mark.parametrize("l2", [0.03, 3.0])
def test_the_slope_is_0_at_the_optimum(count, columns, l2):
    rows, labels = made_up(count, columns)
    weights = np.random.default_rng(1).integers(0, 4, count).astype(float)
    column = np.where(np.arange(count) % 3 == 0, 0.0, 1.0)
    fit = fit_dense(rows, labels, l2=l2, row_weights=weights, intercept_column=column)
    assert fit.converged
    np.testing.assert_allclose(gradient(fit, rows, labels, l2, weights, column), 0, atol=2e-4)


def test_one_column_by_hand():
    # Rows +1 and −1, both positive and both negative in turn: by symmetry w = 0, loss ln 2.
    fit = fit_dense([[1.0], [-1.0], [1.0], [-1.0]], np.array([True, True, False, False]), l2=1.0)
    assert fit.weights[0] == pytest.approx(0, abs=1e-9)
    assert fit.loss_nats == pytest.approx(np.log(2))
    # Three of four rows positive and no features: the intercept is ln 3.
    fit = fit_dense(np.zeros((4, 1)), np.array([True, True, True, False]), l2=1.0, intercept_column=np.ones(4))
    assert fit.intercept == pytest.approx(np.log(3), abs=1e-6)
    # One row x = 1, positive: w solves w = sigmoid(−w) / l2; at l2 = 1 that is 0.40106.
    assert fit_dense([[1.0]], np.array([True]), l2=1.0).weights[0] == pytest.approx(0.401058, abs=1e-5)


@pytest.mark.parametrize("columns", [6, 120])
def test_the_sparse_solver_finds_the_same(columns):
    rows, labels = made_up(60, columns)
    exact = LogisticSettings(l2=0.5, tolerance_nats=1e-9, max_iterations=5000)
    other = fit_logistic(csr_array(rows), labels, intercept_column=np.ones(60), settings=exact)
    fit = fit_dense(rows, labels, l2=0.5, intercept_column=np.ones(60))
    np.testing.assert_allclose(fit.weights, other.weights, atol=2e-3)
    assert fit.intercept == pytest.approx(other.intercept, abs=2e-3)
    assert fit.loss_nats == pytest.approx(other.loss_nats, abs=1e-7)


def test_a_gram_fit_scores_as_a_fit_of_columns():
    rows, labels = made_up(80, 5)
    new = np.random.default_rng(3).normal(size=(9, 5))
    weights = np.where(np.arange(80) < 20, 0.0, 1.0)
    of_columns = fit_dense(rows, labels, l2=1.0, row_weights=weights, intercept_column=np.ones(80))
    of_products = fit_gram(rows @ rows.T, labels, l2=1.0, row_weights=weights, intercept_column=np.ones(80))
    np.testing.assert_allclose(of_products.score(new @ rows.T), of_columns.score(new), atol=1e-5)
    assert (of_products.duals[:20] == 0).all()
    assert of_products.loss_nats == pytest.approx(of_columns.loss_nats, abs=1e-8)


def test_flipped_pairs_flip_their_labels_and_nothing_else():
    rows, labels = made_up(50, 80)
    turned = np.where(np.arange(50)[:, None] % 2, -1, 1)
    one = fit_dense(rows, labels, l2=1.0)
    other = fit_dense(turned * rows, labels ^ (turned[:, 0] < 0), l2=1.0)
    np.testing.assert_allclose(one.weights, other.weights, atol=1e-6)
    assert one.intercept == other.intercept == 0


def test_separated_rows_of_huge_features_still_converge():
    rows, _ = made_up(60, 4)
    fit = fit_dense(1000 * rows, rows[:, 0] > 0, l2=1e-3, intercept_column=np.ones(60))
    assert fit.converged
    assert np.isfinite(fit.weights).all()


def test_refusals():
    rows, labels = made_up(10, 3)
    with pytest.raises(UsageError, match="PL-LIN-004"):
        fit_dense(rows, labels, l2=0)
    with pytest.raises(UsageError, match="PL-LIN-005"):
        fit_dense(rows, labels[:5], l2=1)
    with pytest.raises(UsageError, match="PL-LIN-006"):
        fit_dense(np.where(rows > 0, np.nan, rows), labels, l2=1)
    with pytest.raises(NoDataError, match="PL-LIN-007"):
        fit_dense(rows, labels, l2=1, row_weights=np.zeros(10))
    with pytest.raises(NoDataError, match="PL-LIN-008"):
        fit_gram(rows @ rows.T, np.ones(10, bool), l2=1, intercept_column=np.ones(10))
