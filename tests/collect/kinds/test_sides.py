"""What is shown where, and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.collect.kinds.sides import ShownOrder, shown_order


@given(st.integers(0, 2**63 - 1), st.text(max_size=20), st.integers(0, 50), st.integers(2, 10))
def test_there_and_back_is_where_it_was(seed, assignment, place, count):
    order = shown_order(seed, assignment, place, count)
    values = tuple(f"reply {side}" for side in range(count))
    assert order.as_stored(order.as_shown(values)) == values
    for position in range(count):
        assert order.as_shown(values)[position] == values[order.side_at(position)]
        assert order.as_stored(values)[order.side_at(position)] == values[position]


def test_the_same_assignment_sees_the_same_order_and_either_order_is_as_likely():
    orders = [shown_order(1, f"assignment {number}", 0).sides for number in range(400)]
    assert orders == [shown_order(1, f"assignment {number}", 0).sides for number in range(400)]
    assert 160 <= orders.count((0, 1)) <= 240


def test_turns_of_one_assignment_are_drawn_apart():
    orders = [shown_order(1, "assignment", turn).sides for turn in range(400)]
    assert 160 <= orders.count((0, 1)) <= 240


def test_every_order_of_three_comes_up():
    orders = {shown_order(1, str(number), 0, 3).sides for number in range(200)}
    assert len(orders) == 6


@pytest.mark.parametrize("sides", [(0, 0), (1, 2), (0,) * 3])
def test_an_order_is_a_permutation(sides):
    with pytest.raises(ValueError, match="permutation"):
        ShownOrder(sides)


@pytest.mark.parametrize("position", [-1, 2])
def test_nothing_stands_beyond_the_screen(position):
    # Without the check -1 would quietly be the last side.
    with pytest.raises(ValueError, match="position"):
        ShownOrder((0, 1)).side_at(position)
