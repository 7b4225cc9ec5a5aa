"""Each alarm where its way of going wrong is, and no other; none of a run that goes well."""

from dataclasses import replace

import pytest

from plumbline.align.ppo import alarms
from plumbline.align.ppo.alarms import AlarmSettings, alarms_of, without_alarms
from plumbline.align.ppo.ppo_lag import StepFigures

WELL = StepFigures(1.0, -1.0, 1.0, 2.0, 3.0, 50.0, 0.9, 0.05, 0.01, 0.1, 0.1, 0.1, None, 0.0)
SETTINGS = AlarmSettings(window=3)


def run(latest, steps=10):
    return [replace(WELL, reward=1.0 + 0.1 * (step % 2)) for step in range(steps)] + [latest] * 3


def kinds(steps, **more):
    return [each.kind for each in alarms_of(steps, SETTINGS, **more)]


def test_a_run_that_goes_well_has_none():
    assert kinds(run(replace(WELL, reward=9.0)), held_out=[0.5, 0.6, 0.6], most_multiplier=5.0) == []


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"length": 80.0}, alarms.LENGTH),
        ({"divergence": -1.0}, alarms.DIVERGENCE),
        ({"divergence": 60.0}, alarms.FAR),
        ({"entropy": 0.5}, alarms.ENTROPY),
        ({"clipped": 0.5}, alarms.CLIPPED),
        ({"ended": 0.2}, alarms.CUT),
        ({"empty": 0.2}, alarms.EMPTY),
        ({"multiplier": 5.0, "cost": 0.5}, alarms.LIMIT),
    ],
)
def test_each_is_told_where_it_is(change, kind):
    assert kinds(run(replace(WELL, **change)), most_multiplier=5.0, cost_limit=0.0) == [kind]


def test_a_price_at_its_bound_is_no_alarm_where_the_limit_is_kept():
    assert kinds(run(replace(WELL, multiplier=5.0)), most_multiplier=5.0, cost_limit=0.0) == []
    assert kinds(run(replace(WELL, multiplier=5.0)), most_multiplier=5.0, cost_limit=-2.0) == [alarms.LIMIT]


def test_reward_that_rises_while_others_like_it_less():
    assert kinds(run(replace(WELL, reward=9.0)), held_out=[0.5, 0.62, 0.55]) == [alarms.HELD_OUT]
    assert kinds(run(replace(WELL, reward=9.0)), held_out=[0.55]) == []
    assert kinds(run(replace(WELL, reward=9.0)), held_out=[0.1, 0.1]) == [alarms.HELD_OUT], "it began as good as itself"
    assert kinds(run(WELL), held_out=[0.62, 0.55]) == []


def test_nothing_is_told_before_there_is_enough_to_compare_and_that_is_said():
    assert kinds(run(replace(WELL, length=500.0), steps=2)) == []
    assert "from step 6 on" in without_alarms(5, SETTINGS)
    assert without_alarms(6, SETTINGS) is None
    assert kinds(run(replace(WELL, length=500.0), steps=3)) == [alarms.LENGTH]
