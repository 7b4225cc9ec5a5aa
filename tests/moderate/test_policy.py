"""What a policy decides: by hand on small arrays; nothing unjudged is safe, no head is forgotten."""

from types import SimpleNamespace

import numpy as np
import pytest

from plumbline.models.calibration import Calibration
from plumbline.moderate.policy import (
    CalibratedHead,
    Policy,
    PolicyCalibration,
    Threshold,
    UnjudgedError,
    decide,
    judged_rows,
    policy_of_model,
    require_heads,
)
from plumbline.records import UsageError

HEADS = ("unsafe", "drug_abuse,weapons,banned_substance", "self_harm")
HOUSE = Policy("house", 1, {HEADS[0]: Threshold(0.3, 0.6), HEADS[1]: Threshold(0.5, 0.5)}, ignored=("self_harm",))


def model_of(thresholds, task="moderation"):
    """As much of a model as policies look at."""
    heads = {name: SimpleNamespace(calibration=Calibration(), threshold=each) for name, each in thresholds.items()}
    return SimpleNamespace(task=task, heads=heads)


def test_what_lies_at_a_threshold_is_reached_and_the_band_between_is_for_people():
    probabilities = np.array(
        [
            [0.29, 0.49, 0.99],  # nothing, and the ignored head decides nothing
            [0.30, 0.00, 0.00],  # in the band
            [0.59, 0.50, 0.00],  # in the band of one head, flagged by the other: flagged
            [0.60, 0.00, 0.00],
        ]
    )
    found = decide(HOUSE, HEADS, probabilities)
    assert found.flagged.tolist() == [[False] * 3, [False] * 3, [False, True, False], [True, False, False]]
    assert found.controversial.tolist() == [[False] * 3, [True, False, False], [True, False, False], [False] * 3]
    assert found.rows_flagged.tolist() == [False, False, True, True]
    assert found.rows_controversial.tolist() == [False, True, False, False]
    assert found.decided.tolist() == [True, True, False]


def test_a_higher_probability_is_never_the_safer():
    rising = np.linspace(0, 1, 101)[:, None] * np.ones(3)
    found = decide(HOUSE, HEADS, rising)
    reached = found.rows_flagged.astype(int) * 2 + found.rows_controversial
    assert (np.diff(reached) >= 0).all()
    assert (reached[0], reached[-1]) == (0, 2)


def test_columns_are_those_of_the_heads_named():
    swapped = (HEADS[1], HEADS[0], HEADS[2])
    probabilities = np.array([[0.55, 0.0, 0.0]])
    assert not decide(HOUSE, HEADS, probabilities).rows_flagged[0]
    assert decide(HOUSE, swapped, probabilities).rows_flagged[0]


@pytest.mark.parametrize("none", [np.nan, -0.1, 1.1, np.inf, -np.inf])
@pytest.mark.parametrize("column", [0, 2])
def test_what_is_no_probability_is_an_error_and_never_safe(none, column):
    probabilities = np.zeros((3, 3))
    probabilities[1, column] = none  # of an ignored head too: the model is not as it should be
    with pytest.raises(UnjudgedError, match="text 2: the model gave no probability") as raised:
        decide(HOUSE, HEADS, probabilities)
    assert (raised.value.rows, raised.value.code) == ((1,), "PL-POL-010")
    assert judged_rows(probabilities).tolist() == [True, False, True]


def test_no_texts_are_no_decisions():
    found = decide(HOUSE, HEADS, np.empty((0, 3)))
    assert found.flagged.shape == (0, 3)
    assert len(found.rows_controversial) == 0


def test_a_policy_fits_the_heads_of_the_model_one_by_one():
    require_heads(HOUSE, HEADS, "house.toml")
    with pytest.raises(UsageError, match=r'PL-POL-006 .*\n.*found "self_harm"'):
        require_heads(HOUSE, HEADS[:2], "house.toml")
    with pytest.raises(UsageError, match=r'PL-POL-007 .*\n.*nothing of "animal_abuse"'):
        require_heads(HOUSE, (*HEADS, "animal_abuse"), "house.toml")
    with pytest.raises(UsageError, match="PL-POL-007"):
        decide(HOUSE, (*HEADS, "animal_abuse"), np.zeros((1, 4)))


def test_probabilities_of_another_shape_are_a_mistake_of_the_caller():
    for shape in ((3,), (1, 2)):
        with pytest.raises(ValueError, match="expected probabilities of shape"):
            decide(HOUSE, HEADS, np.zeros(shape))


@pytest.mark.parametrize(("review", "flag"), [(0.6, 0.5), (-0.1, 0.5), (0.5, 1.1), (np.nan, 0.5), (0.5, np.nan)])
def test_thresholds_stand_in_order(review, flag):
    with pytest.raises(ValueError, match="expected 0 <= review <= flag <= 1"):
        Threshold(review, flag)


def test_the_models_own_thresholds_leave_no_band():
    policy = policy_of_model(model_of({"unsafe": 0.4, "self_harm": 1.0}))
    assert policy.thresholds == {"unsafe": Threshold(0.4, 0.4), "self_harm": Threshold(1.0, 1.0)}
    found = decide(policy, ("unsafe", "self_harm"), np.array([[0.4, 0.99], [0.39, 0.0]]))
    assert found.rows_flagged.tolist() == [True, False]
    assert not found.controversial.any()


def test_a_model_that_decides_nothing_has_no_policy_of_its_own():
    with pytest.raises(UsageError, match=r'PL-POL-008 .*\n.*none for "self_harm"'):
        policy_of_model(model_of({"unsafe": 0.4, "self_harm": None}))
    with pytest.raises(UsageError, match="PL-POL-008"):
        policy_of_model(model_of({"reward": None}, "preference"))


def fitted(policy, heads=None, model="0" * 64):
    """The policy, as if its thresholds had been fitted."""
    heads = policy.thresholds if heads is None else heads
    of_heads = {name: CalibratedHead(each, 400, 90, 4, 20) for name, each in heads.items()}
    calibration = PolicyCalibration("beavertails", model, 0.01, 0.05, False, 380, 4, 21, (), of_heads)
    return Policy(policy.name, policy.version, policy.thresholds, policy.ignored, calibration)


def test_a_policy_of_another_model_or_changed_since_is_told():
    assert HOUSE.told_of("1" * 64) == []
    assert fitted(HOUSE).told_of("0" * 64) == []
    assert "fitted for another model (beavertails)" in fitted(HOUSE).told_of("1" * 64)[0]
    changed = fitted(HOUSE, {HEADS[0]: Threshold(0.3, 0.7), HEADS[1]: HOUSE.thresholds[HEADS[1]]})
    assert changed.changed_heads == ("unsafe",)
    assert 'the thresholds of "unsafe" were changed since' in changed.told_of("0" * 64)[0]
    assert "were not fitted" in fitted(HOUSE, {HEADS[0]: HOUSE.thresholds[HEADS[0]]}).told_of("0" * 64)[0]


def test_the_digest_is_of_all_that_it_says():
    policies = [
        HOUSE,
        Policy("home", 1, HOUSE.thresholds, HOUSE.ignored),
        Policy("house", 2, HOUSE.thresholds, HOUSE.ignored),
        Policy("house", 1, HOUSE.thresholds),
        Policy("house", 1, {**HOUSE.thresholds, "unsafe": Threshold(0.3, 0.61)}, HOUSE.ignored),
        fitted(HOUSE),
    ]
    assert len({policy.digest for policy in policies}) == len(policies)
    assert Policy("house", 1, dict(HOUSE.thresholds), ("self_harm",)).digest == HOUSE.digest
