"""The multiplier: up where the limit is broken, down where it holds, never past its bounds, the same after a pause."""

import math

import pytest

from plumbline.align.lagrangian import Lagrangian, LagrangianSettings, LagrangianState
from plumbline.records import UsageError


def test_it_climbs_while_the_limit_is_broken_and_falls_while_it_holds():
    lagrangian = Lagrangian(LagrangianSettings(cost_limit=1.0, window=2))
    lagrangian.update([3.0])
    assert lagrangian.log_multiplier == pytest.approx(0.1 * 1.0 * 2.0)
    before = lagrangian.multiplier
    lagrangian.update([0.0, 0.0])
    assert lagrangian.mean_cost == 0.0
    assert lagrangian.log_multiplier == pytest.approx(0.2 - 0.1 * before)


def test_the_window_holds_the_latest_replies():
    lagrangian = Lagrangian(LagrangianSettings(window=3))
    assert lagrangian.mean_cost is None
    lagrangian.update([9.0, 1.0, 2.0, 3.0])
    assert lagrangian.mean_cost == 2.0


def test_it_stays_within_its_bounds_and_its_weights_add_up_to_one():
    lagrangian = Lagrangian(LagrangianSettings(most=2.0))
    for _ in range(50):
        lagrangian.update([5.0])
    assert lagrangian.multiplier == pytest.approx(2.0)
    reward, cost = lagrangian.weights
    assert (reward, cost) == (pytest.approx(1 / 3), pytest.approx(-2 / 3))
    for _ in range(500):
        lagrangian.update([-50.0] * 128)
    assert 0 < lagrangian.multiplier < 0.01


def test_it_waits_for_the_delay_and_keeps_the_costs():
    lagrangian = Lagrangian(LagrangianSettings(delay=1))
    lagrangian.update([1.0])
    assert (lagrangian.multiplier, lagrangian.mean_cost) == (1.0, 1.0)
    lagrangian.update([])
    assert lagrangian.multiplier > 1


def test_it_goes_on_exactly_where_it_was():
    settings = LagrangianSettings(window=3)
    straight = Lagrangian(settings)
    for cost in (1.0, -2.0, 0.5, 3.0):
        straight.update([cost])
    paused = Lagrangian(settings)
    for cost in (1.0, -2.0):
        paused.update([cost])
    resumed = Lagrangian.resumed(settings, LagrangianState.model_validate_json(paused.state().model_dump_json()))
    for cost in (0.5, 3.0):
        resumed.update([cost])
    assert resumed == straight


@pytest.mark.parametrize("cost", [math.nan, math.inf])
def test_a_cost_that_is_none_changes_nothing(cost):
    lagrangian = Lagrangian(LagrangianSettings())
    with pytest.raises(UsageError, match="PL-LAG-002"):
        lagrangian.update([1.0, cost])
    assert lagrangian == Lagrangian(LagrangianSettings())


@pytest.mark.parametrize(
    "wrong",
    [
        {"first": 0.0},
        {"most": 0.5},
        {"window": 0},
        {"rate": -1.0},
        {"cost_limit": math.nan},
        {"delay": -1},
        {"most": math.nan},
    ],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(UsageError, match="PL-LAG-001"):
        LagrangianSettings(**wrong)
