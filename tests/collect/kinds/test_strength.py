"""The scale: eight steps without a middle, and which way a question turns them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.collect.kinds.sides import ShownOrder
from plumbline.collect.kinds.strength import Scale, asked_on, verdict
from plumbline.collect.study_settings import Question
from plumbline.records import Axis, Outcome

A, B = 0, 1


def test_the_eight_steps_by_hand():
    readings = [Scale(8).reading(step) for step in range(1, 9)]
    assert readings == [(A, 4), (A, 3), (A, 2), (A, 1), (B, 1), (B, 2), (B, 3), (B, 4)]


def test_the_smallest_scale_says_only_which():
    assert [Scale(2).reading(step) for step in (1, 2)] == [(A, 1), (B, 1)]


@given(st.integers(1, 10).map(lambda half: 2 * half), st.data())
def test_a_step_is_what_its_reading_says(steps, data):
    step = data.draw(st.integers(1, steps))
    scale = Scale(steps)
    position, strength = scale.reading(step)
    assert scale.step(position, strength) == step
    assert 1 <= strength <= steps // 2


@given(st.integers(1, 10).map(lambda half: 2 * half), st.data())
def test_the_mirrored_step_says_the_same_of_the_other_side(steps, data):
    step = data.draw(st.integers(1, steps))
    position, strength = Scale(steps).reading(step)
    assert Scale(steps).reading(steps + 1 - step) == (1 - position, strength)


@pytest.mark.parametrize("steps", [0, 1, 7, -2])
def test_a_scale_has_no_middle(steps):
    with pytest.raises(ValueError, match="even"):
        Scale(steps)


@pytest.mark.parametrize("step", [0, 9, -1])
def test_steps_beyond_the_scale_are_refused(step):
    with pytest.raises(ValueError, match="1 to 8"):
        Scale(8).reading(step)


@pytest.mark.parametrize(("position", "strength"), [(2, 1), (0, 0), (1, 5)])
def test_what_no_step_says_has_no_step(position, strength):
    with pytest.raises(ValueError, match="position must be 0 or 1"):
        Scale(8).step(position, strength)


# Hand-made: what is on the screen, what is asked, what is clicked → the better stored side.
@pytest.mark.parametrize(
    ("sides", "question", "step", "outcome", "strength"),
    [
        ((0, 1), Question.BETTER, 1, Outcome.FIRST, 4),
        ((0, 1), Question.BETTER, 8, Outcome.SECOND, 4),
        ((1, 0), Question.BETTER, 1, Outcome.SECOND, 4),
        ((1, 0), Question.BETTER, 8, Outcome.FIRST, 4),
        ((0, 1), Question.MORE_HARMFUL, 2, Outcome.SECOND, 3),
        ((0, 1), Question.MORE_HARMFUL, 5, Outcome.FIRST, 1),
        ((1, 0), Question.MORE_HARMFUL, 1, Outcome.FIRST, 4),
        ((1, 0), Question.MORE_HARMFUL, 7, Outcome.SECOND, 3),
    ],
)
def test_polarity_by_hand(sides, question, step, outcome, strength):
    ruled = verdict(step, Scale(8), ShownOrder(sides), question)
    assert (ruled.outcome, ruled.strength) == (outcome, strength)


def test_harm_is_asked_on_harmlessness_alone():
    assert asked_on(Axis.HARMLESSNESS, Question.MORE_HARMFUL) is Question.MORE_HARMFUL
    assert asked_on(Axis.HELPFULNESS, Question.MORE_HARMFUL) is Question.BETTER
