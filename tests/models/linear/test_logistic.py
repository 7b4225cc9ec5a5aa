"""The solver: its gradient, its optimum against references, its certificate, and polarity."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.sparse import csr_array, random_array
from sklearn.linear_model import LogisticRegression

from plumbline.models.linear import column_reduction, logistic, penalised_loss
from plumbline.models.linear.column_reduction import reduce_columns
from plumbline.models.linear.logistic import LogisticSettings, fit_logistic, score_rows
from plumbline.models.linear.penalised_loss import PenalisedLoss, cut_into_blocks
from plumbline.records.errors import NoDataError, UsageError

EXACT = LogisticSettings(l2=0.7, tolerance_nats=1e-12, max_iterations=2000)


def problem(seed: int = 0, dtype: type = np.float64) -> tuple[csr_array, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    rows = csr_array(random_array((300, 40), density=0.2, rng=rng, data_sampler=rng.standard_normal), dtype=dtype)
    is_positive = rows @ rng.standard_normal(40) + rng.logistic(size=300) + 0.5 > 0
    return rows, is_positive, rng.uniform(0.2, 3.0, 300)


@pytest.mark.parametrize("with_intercept", [False, True])
def test_the_gradient_is_the_slope_of_the_loss(with_intercept: bool) -> None:
    rows, is_positive, row_weights = problem()
    column = np.linspace(0, 1, 300) if with_intercept else None
    point = np.random.default_rng(1).standard_normal(40 + with_intercept) / 3
    with ThreadPoolExecutor(2) as pool:
        objective = PenalisedLoss(rows, np.where(is_positive, 1.0, -1.0), row_weights, column, 0.7, pool)
        slope = approx_fprime(point, lambda at: objective(at)[0], 1e-6)
        assert objective(point)[1] == pytest.approx(slope, rel=1e-4, abs=1e-3)


@pytest.mark.parametrize("with_intercept", [False, True])
def test_the_optimum_is_scikit_learns(with_intercept: bool) -> None:
    rows, is_positive, row_weights = problem()
    column = np.ones(300) if with_intercept else None
    fit = fit_logistic(rows, is_positive, row_weights=row_weights, intercept_column=column, settings=EXACT)
    reference = LogisticRegression(C=1 / 0.7, fit_intercept=with_intercept, tol=1e-10, solver="newton-cg", max_iter=500)
    reference.fit(rows, is_positive, sample_weight=row_weights)
    assert fit.converged
    assert fit.weights == pytest.approx(reference.coef_[0], abs=1e-5)
    assert fit.intercept == pytest.approx(float(np.ravel(reference.intercept_)[0]), abs=1e-5)
    assert score_rows(rows, fit) == pytest.approx(reference.decision_function(rows), abs=1e-4)


def test_one_row_has_the_optimum_worked_out_by_hand() -> None:
    # minimise ln(1 + exp(-w)) + l2/2 w**2: l2 * w = 1 / (1 + exp(w)); w = 1 for l2 = 1 / (1 + e).
    settings = LogisticSettings(l2=1 / (1 + np.e), tolerance_nats=1e-12)
    fit = fit_logistic(csr_array([[1.0, 0.0]]), np.array([True]), settings=settings)
    assert fit.weights.tolist() == pytest.approx([1.0, 0.0], abs=1e-6)
    assert fit.loss_nats == pytest.approx(np.log1p(np.exp(-1)) + 0.5 / (1 + np.e), abs=1e-9)


def test_the_certificate_bounds_the_distance_to_the_minimum() -> None:
    rows, is_positive, _ = problem()
    best = fit_logistic(rows, is_positive, settings=EXACT)
    for tolerance in (1e-2, 1e-3, 1e-4, 1e-6):
        fit = fit_logistic(rows, is_positive, settings=LogisticSettings(l2=0.7, tolerance_nats=tolerance))
        assert fit.converged
        assert -1e-12 <= fit.loss_nats - best.loss_nats <= fit.gap_nats <= tolerance


def test_stopping_early_is_reported() -> None:
    rows, is_positive, _ = problem()
    fit = fit_logistic(rows, is_positive, settings=LogisticSettings(max_iterations=2, tolerance_nats=1e-9))
    assert not fit.converged
    assert fit.gap_nats > 1e-9
    assert fit.iterations == 2


def test_float32_rows_reach_the_same_optimum() -> None:
    rows, is_positive, _ = problem()
    exact = fit_logistic(rows, is_positive, settings=EXACT)
    settings = LogisticSettings(l2=0.7, tolerance_nats=1e-6)
    fit = fit_logistic(rows.astype(np.float32), is_positive, settings=settings)
    assert fit.converged
    assert fit.weights == pytest.approx(exact.weights, abs=5e-3)


def test_flipped_labels_flip_the_weights() -> None:
    rows, is_positive, _ = problem()
    ones = np.ones(300)
    fit = fit_logistic(rows, is_positive, intercept_column=ones, settings=EXACT)
    flipped = fit_logistic(rows, ~is_positive, intercept_column=ones, settings=EXACT)
    assert flipped.weights == pytest.approx(-fit.weights, abs=1e-5)
    assert flipped.intercept == pytest.approx(-fit.intercept, abs=1e-5)
    swapped = fit_logistic(-rows, ~is_positive, settings=EXACT)
    assert swapped.weights == pytest.approx(fit_logistic(rows, is_positive, settings=EXACT).weights, abs=1e-5)


def test_better_first_sides_score_higher() -> None:
    differences = csr_array([[1.0, -1.0], [1.0, 0.0], [-1.0, 1.0]])
    fit = fit_logistic(differences, np.array([True, True, False]))
    assert fit.weights[0] > 0 > fit.weights[1]


def test_row_weights_count_like_repeated_rows() -> None:
    rows, is_positive, _ = problem()
    counts = np.random.default_rng(2).integers(0, 4, 300)
    repeated = np.repeat(np.arange(300), counts)
    weighted = fit_logistic(rows, is_positive, row_weights=counts.astype(float), settings=EXACT)
    copied = fit_logistic(rows[repeated], is_positive[repeated], settings=EXACT)
    assert weighted.weights == pytest.approx(copied.weights, abs=1e-5)
    assert weighted.loss_nats == pytest.approx(copied.loss_nats, abs=1e-9)


def test_an_intercept_serves_only_the_rows_with_its_column() -> None:
    # Differences say nothing of the sign; three of four single replies without features are unsafe: b = ln 3.
    rows = csr_array(np.array([[1.0]] * 5 + [[0.0]] * 4))
    column = np.array([0.0] * 5 + [1.0] * 4)
    is_positive = np.array([True] * 5 + [True, True, True, False])
    fit = fit_logistic(rows, is_positive, intercept_column=column, settings=EXACT)
    assert fit.intercept == pytest.approx(np.log(3), abs=1e-5)
    alone = fit_logistic(rows[:5], is_positive[:5], settings=EXACT)
    assert fit.weights == pytest.approx(alone.weights, abs=1e-5)
    assert score_rows(rows, fit, column)[0] == pytest.approx(float(fit.weights[0]), abs=1e-6)


def test_unused_columns_weigh_nothing() -> None:
    rows = csr_array(np.array([[0.0, 1.0, 0.0, -1.0]] * 3))
    fit = fit_logistic(rows, np.ones(3, bool))
    assert fit.weights[[0, 2]].tolist() == [0.0, 0.0]
    assert fit.weights.shape == (4,)


@pytest.mark.parametrize("with_intercept", [False, True])
def test_merging_the_columns_of_one_row_changes_nothing(monkeypatch: pytest.MonkeyPatch, with_intercept: bool) -> None:
    rows, is_positive, _ = problem()
    random = np.random.default_rng(5)
    single = np.zeros((300, 500))
    single[random.integers(0, 300, 500), np.arange(500)] = random.normal(size=500)
    wide = csr_array(np.hstack([single, np.zeros((300, 3)), rows.toarray()]))
    column = np.ones(300) if with_intercept else None
    merged = fit_logistic(wide, is_positive, intercept_column=column, settings=EXACT)
    assert reduce_columns(wide).rows.shape[1] < 40 + 300 < wide.shape[1]
    monkeypatch.setattr(column_reduction, "_LARGEST_TO_REDUCE", 0)
    whole = fit_logistic(wide, is_positive, intercept_column=column, settings=EXACT)
    assert merged.weights == pytest.approx(whole.weights, abs=1e-5)
    assert merged.loss_nats == pytest.approx(whole.loss_nats, abs=1e-9)
    assert merged.intercept == pytest.approx(whole.intercept, abs=1e-5)


def test_every_column_may_be_of_one_row() -> None:
    rows = csr_array(np.array([[1.0, 2.0, 0.0], [0.0, 0.0, -1.0]]))
    fit = fit_logistic(rows, np.array([True, False]), settings=EXACT)
    assert fit.weights[1] == pytest.approx(2 * fit.weights[0], abs=1e-6)
    assert fit.weights[0] > 0 < fit.weights[2]


def test_blas_keeps_to_one_thread_and_is_given_back() -> None:
    before = [library.num_threads for library in logistic._blas_threads().lib_controllers]
    seen: list[list[int]] = []
    original = PenalisedLoss.__call__

    def watched(self: PenalisedLoss, point: np.ndarray) -> tuple[float, np.ndarray]:
        seen.append([library.num_threads for library in logistic._blas_threads().lib_controllers])
        return original(self, point)

    rows, is_positive, _ = problem()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PenalisedLoss, "__call__", watched)
        fit_logistic(rows, is_positive)
    blas = [library.user_api == "blas" for library in logistic._blas_threads().lib_controllers]
    assert any(blas)
    assert all(count == 1 for counts in seen for count, is_blas in zip(counts, blas, strict=True) if is_blas)
    assert [library.num_threads for library in logistic._blas_threads().lib_controllers] == before


def test_threads_do_not_change_the_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(penalised_loss, "_BLOCK_ENTRIES", 100)
    rows, is_positive, _ = problem(dtype=np.float32)
    one, two = (fit_logistic(rows, is_positive, settings=LogisticSettings(threads=count)) for count in (1, 2))
    assert np.array_equal(one.weights, two.weights)


def test_blocks_share_the_rows_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(penalised_loss, "_BLOCK_ENTRIES", 100)
    rows, _, _ = problem()
    blocks = cut_into_blocks(rows)
    assert len(blocks) == 8
    assert [blocks[0][0], blocks[-1][1]] == [0, 300]
    assert all(np.shares_memory(block.data, rows.data) for _, _, block in blocks)
    assert all(np.shares_memory(block.indices, rows.indices) for _, _, block in blocks)
    assert all((block != rows[start:stop]).nnz == 0 for start, stop, block in blocks)


def test_rows_without_features_leave_the_loss_at_ln_2() -> None:
    fit = fit_logistic(csr_array((4, 3), dtype=np.float32), np.array([True, False, True, True]))
    assert fit.loss_nats == pytest.approx(np.log(2))
    assert fit.converged


def test_what_has_no_optimum_is_refused() -> None:
    rows, is_positive, _ = problem()
    with pytest.raises(NoDataError, match="PL-LIN-007"):
        fit_logistic(rows, is_positive, row_weights=np.zeros(300))
    with pytest.raises(NoDataError, match="PL-LIN-007"):
        fit_logistic(rows[:0], is_positive[:0])
    with pytest.raises(NoDataError, match="PL-LIN-008"):
        fit_logistic(rows, np.ones(300, bool), intercept_column=np.ones(300))
    with pytest.raises(UsageError, match="PL-LIN-005"):
        fit_logistic(rows, is_positive[:5])
    with pytest.raises(UsageError, match="PL-LIN-006"):
        fit_logistic(rows, is_positive, row_weights=np.full(300, np.nan))
    with pytest.raises(UsageError, match="PL-LIN-004"):
        LogisticSettings(l2=0.0)
