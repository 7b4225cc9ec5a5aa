"""What TRL logs, as the figures that alarms read."""

import math

import pytest

from plumbline.align.ppo.alarms import AlarmSettings, alarms_of
from plumbline.align.trl.figures import step_figures

LOGGED = {
    "rewards/reward/mean": 1.5,
    "rewards/cost/mean": 0.5,
    "lagrangian/multiplier": 2.0,
    "kl": 0.25,
    "entropy": 3.0,
    "completions/mean_length": 40.0,
    "completions/clipped_ratio": 0.25,
    "clip_ratio/region_mean": 0.1,
    "loss": 0.0,
    "reward/empty": 0.2,
}


@pytest.mark.parametrize(("method", "divergence"), [("grpo", 10.0), ("rloo", 0.25)])
def test_each_figure_is_where_alarms_look_for_it(method, divergence):
    found = step_figures(method, LOGGED)
    assert (found.reward, found.cost, found.multiplier, found.entropy) == (1.5, 0.5, 2.0, 3.0)
    assert (found.length, found.ended, found.clipped, found.divergence) == (40.0, 0.75, 0.1, divergence)
    assert found.empty == 0.2


def test_alarms_are_told_of_what_is_logged_and_of_nothing_else():
    settings = AlarmSettings(window=2)
    bare = [step_figures("grpo", {"loss": 0.0, "kl": None})] * 4
    assert math.isnan(bare[0].divergence)
    assert alarms_of(bare, settings, most_multiplier=5.0) == []
    longer = {**LOGGED, "completions/mean_length": 90.0, "lagrangian/multiplier": 5.0}
    steps = [step_figures("rloo", each) for each in (LOGGED, LOGGED, longer, longer)]
    found = alarms_of(steps, settings, most_multiplier=5.0)
    assert [each.kind for each in found] == ["length-explosion", "empty-replies", "limit-out-of-reach"]
