"""What the contracts of a report are made of: numbers within bounds, objects of known keys, figures."""

from __future__ import annotations

from typing import Annotated

import msgspec

from plumbline.measure import Figure

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
WholeNumber = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Contract(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A JSON object that holds exactly the keys named here."""


class FigureJson(Contract, frozen=True):
    """A figure as it stands in JSON; holds what `measure.Figure` may hold and nothing else."""

    value: float | None
    low: float | None
    high: float | None
    n: Count
    why_undefined: str | None

    def __post_init__(self) -> None:
        self.figure()

    def figure(self) -> Figure:
        """The figure of `measure`.

        Raises:
            ValueError: interval, value and reason do not go together.
        """
        return Figure(self.value, self.low, self.high, self.n, self.why_undefined)
