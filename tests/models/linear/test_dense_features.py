"""Scaling and landmarks: what they promise of the rows that they were fitted on."""

import numpy as np
import pytest

from plumbline.models.linear.dense_features import fit_landmarks, fit_scaling, similarities


def test_scaled_rows_have_mean_0_and_each_block_the_same_length():
    random = np.random.default_rng(0)
    rows = (random.normal(size=(500, 12)) * np.array([1e-3] * 4 + [50.0] * 8) + 7).astype(np.float32)
    scaled = fit_scaling(rows, [4, 8]).apply(rows)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-3)
    squares = (scaled**2).mean(axis=0)
    assert squares[:4].sum() == pytest.approx(0.5, abs=1e-2)
    assert squares[4:].sum() == pytest.approx(0.5, abs=1e-2)


def test_a_column_that_says_nothing_stays_0():
    rows = np.ones((5, 2)) * np.array([3.0, 1.0])
    rows[:, 1] += np.arange(5)
    np.testing.assert_array_equal(fit_scaling(rows).apply(rows + np.array([9, 0]))[:, 0], 0)


def test_block_widths_must_fit():
    with pytest.raises(ValueError, match="sum to 4"):
        fit_scaling(np.ones((3, 4)), [1, 2])


def test_similarities_by_hand():
    found = similarities(np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([[0.0, 0.0], [1.0, 1.0]]), 0.5)
    np.testing.assert_allclose(found, [[1, np.exp(-1)], [np.exp(-0.5), np.exp(-0.5)]])


def test_products_of_landmark_features_are_similarities():
    random = np.random.default_rng(0)
    rows, new = random.normal(size=(40, 6)) / 2, random.normal(size=(7, 6)) / 2
    landmarks = fit_landmarks(rows, nearness=0.7)
    ready = landmarks.apply(rows)
    np.testing.assert_allclose(ready @ ready.T, similarities(rows, rows, 0.7), atol=1e-6)
    # And of a new row with a landmark: exact, because its landmark part is kept whole.
    np.testing.assert_allclose(landmarks.apply(new) @ ready.T, similarities(new, rows, 0.7), atol=1e-6)


def test_few_landmarks_come_close_and_are_repeatable():
    rows = np.random.default_rng(0).normal(size=(300, 3)) / 2
    some = fit_landmarks(rows, nearness=0.3, most=60, seed=1)
    assert len(some.rows) == 60
    np.testing.assert_array_equal(some.rows, fit_landmarks(rows, nearness=0.3, most=60, seed=1).rows)
    ready = some.apply(rows)
    assert np.abs(ready @ ready.T - similarities(rows, rows, 0.3)).max() < 0.05
