"""Each loss against numbers worked out by hand."""

import math

import pytest
import torch

from plumbline.models.transformer.training.losses import (
    centring_loss,
    label_loss,
    preference_loss,
    sign_loss,
    value_loss,
)


def numbers(*values):
    return torch.tensor(values, dtype=torch.float64)


def test_equal_rewards_cost_ln_2_and_a_lead_costs_less():
    found = preference_loss(numbers(1.0, 3.0, 0.0), numbers(1.0, 1.0, 2.0))
    # −ln σ(0) = ln 2; −ln σ(2) = ln(1 + e^−2); −ln σ(−2) = 2 + ln(1 + e^−2)
    expected = [math.log(2), math.log1p(math.exp(-2)), 2 + math.log1p(math.exp(-2))]
    assert found.tolist() == pytest.approx(expected, abs=1e-12)


def test_a_margin_asks_for_more_lead():
    found = preference_loss(numbers(2.0, 2.0), numbers(0.0, 0.0), margin=numbers(2.0, 0.5))
    assert found.tolist() == pytest.approx([math.log(2), math.log1p(math.exp(-1.5))], abs=1e-12)


def test_smoothing_takes_a_share_to_be_the_wrong_way_round():
    found = preference_loss(numbers(1.0), numbers(0.0), smoothing=0.1)
    expected = 0.9 * math.log1p(math.exp(-1)) + 0.1 * (1 + math.log1p(math.exp(-1)))
    assert found.item() == pytest.approx(expected, abs=1e-12)


def test_smoothing_has_its_minimum_where_the_odds_are_those_of_the_judgements():
    lead = torch.tensor([math.log(0.9 / 0.1)], dtype=torch.float64, requires_grad=True)
    preference_loss(lead, numbers(0.0), smoothing=0.1).sum().backward()
    assert lead.grad.item() == pytest.approx(0, abs=1e-12)


def test_the_margin_of_a_smoothed_loss_belongs_to_the_likely_direction():
    found = preference_loss(numbers(1.0), numbers(0.0), smoothing=0.2, margin=0.5)
    expected = 0.8 * math.log1p(math.exp(-0.5)) + 0.2 * (1 + math.log1p(math.exp(-1)))
    assert found.item() == pytest.approx(expected, abs=1e-12)


def test_centring_is_the_squared_sum():
    assert centring_loss(numbers(1.0, 2.0), numbers(-1.0, 1.0)).tolist() == [0.0, 9.0]


def test_a_cost_of_the_right_sign_costs_less():
    found = sign_loss(numbers(0.0, 2.0, 2.0), numbers(1.0, 1.0, -1.0))
    expected = [math.log(2), math.log1p(math.exp(-2)), 2 + math.log1p(math.exp(-2))]
    assert found.tolist() == pytest.approx(expected, abs=1e-12)


def test_labels_are_binary_cross_entropy():
    found = label_loss(numbers(0.0, 1.0, 1.0), numbers(1.0, 1.0, 0.0))
    expected = [math.log(2), math.log1p(math.exp(-1)), 1 + math.log1p(math.exp(-1))]
    assert found.tolist() == pytest.approx(expected, abs=1e-12)


def test_only_labels_of_1_take_the_weight_of_a_rare_category():
    found = label_loss(numbers(1.0, 1.0), numbers(1.0, 0.0), positive_weight=numbers(4.0, 4.0))
    expected = [4 * math.log1p(math.exp(-1)), 1 + math.log1p(math.exp(-1))]
    assert found.tolist() == pytest.approx(expected, abs=1e-12)


def test_a_value_costs_half_its_squared_error():
    assert value_loss(numbers(3.0, 1.0), numbers(1.0, 1.0)).tolist() == [2.0, 0.0]


@pytest.mark.parametrize("lead", [-200.0, 200.0])
def test_far_rewards_stay_finite(lead):
    assert torch.isfinite(preference_loss(torch.tensor([lead]), torch.tensor([0.0]), smoothing=0.1)).all()
    assert torch.isfinite(label_loss(torch.tensor([lead]), torch.tensor([1.0]))).all()
