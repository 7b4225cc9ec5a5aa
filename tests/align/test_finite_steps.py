"""Steps that leave the numbers."""

import pytest
import torch

from plumbline.align.finite_steps import are_finite, step_is_finite


def stepped(rate, maker=torch.optim.AdamW):
    weight = torch.nn.Parameter(torch.ones(2))
    weight.grad = torch.ones(2)
    return step_is_finite(maker([weight], lr=rate))


def test_a_step_is_finite_where_all_its_weights_are():
    assert stepped(1e-3)
    assert not stepped(1e38), "torch refuses it"
    assert not stepped(float("inf"), torch.optim.SGD), "torch takes it"
    assert are_finite([])


def test_other_errors_of_an_optimizer_are_its_own():
    def broken():
        raise RuntimeError("made up")

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    optimizer.step = broken
    with pytest.raises(RuntimeError, match="made up"):
        step_is_finite(optimizer)
