"""Calibration of few rows: fewer bins, and no error where it would be chance."""

import numpy as np
import pytest

from plumbline.measure import Bootstrap
from plumbline.models.figures.measured_rows import Measured, calibration_error, reliability_points
from plumbline.models.rows.training_rows import Places
from tests.models.made_up import labels_table


def measured(count):
    rng = np.random.default_rng(count)
    chances = rng.uniform(0.2, 0.8, count)
    return Measured(chances, rng.random(count) < chances, Places.of(labels_table(count)))


@pytest.mark.parametrize(("count", "bins"), [(2, 1), (10, 1), (29, 1), (30, 3), (64, 6), (100, 10), (200, 10)])
def test_points_of_few_rows_are_few(count, bins):
    points = reliability_points(measured(count))
    assert len(points) == bins
    assert sum(point["n"] for point in points) == count


def test_the_error_of_ten_rows_is_undefined_and_that_of_forty_has_a_wide_interval():
    assert calibration_error(measured(10), Bootstrap(seed=0)).value is None
    figure = calibration_error(measured(40), Bootstrap(seed=0))
    assert figure.low == 0
    assert figure.high > 0.15
