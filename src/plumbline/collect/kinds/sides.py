"""Which reply stands where on the screen, and back: the one place where positions become stored sides.

A *position* is where something is shown: 0 is A (left or first), 1 is B. A *side* is where it is stored; records hold
sides only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from plumbline.collect.kinds.draws import drawn_order

ValueT = TypeVar("ValueT")


@dataclass(frozen=True, slots=True)
class ShownOrder:
    """`sides[position]` is the side shown at that position; a permutation."""

    sides: tuple[int, ...]

    def __post_init__(self) -> None:
        if sorted(self.sides) != list(range(len(self.sides))):
            raise ValueError(f"sides must be a permutation of 0 to {len(self.sides) - 1}")

    def side_at(self, position: int) -> int:
        """The side shown at a position from 0."""
        if not 0 <= position < len(self.sides):
            raise ValueError(f"position must be 0 to {len(self.sides) - 1}, got {position}")
        return self.sides[position]

    def as_shown(self, by_side: Sequence[ValueT]) -> tuple[ValueT, ...]:
        """Values given by side, in the order of the screen."""
        return tuple(by_side[side] for side in self.sides)

    def as_stored(self, by_position: Sequence[ValueT]) -> tuple[ValueT, ...]:
        """Values given by position, in the order of the sides."""
        return tuple(by_position[self.sides.index(side)] for side in range(len(self.sides)))


def shown_order(seed: int, assignment_id: str, place: int, count: int = 2) -> ShownOrder:
    """The order in which an assignment's `count` replies are shown at one place (a turn's number; 0 for items).

    Drawn for each place anew: were it the same in every turn, a worker could follow one model by its position.
    """
    return ShownOrder(drawn_order(seed, count, "shown", assignment_id, str(place)))
