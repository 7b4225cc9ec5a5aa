"""What a stage is: a pure function on Arrow tables, and how the rows of each of its inputs are dealt out to calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import pyarrow as pa
from pydantic import JsonValue


@dataclass(frozen=True)
class ByPart:
    """Call i gets part i as it stands.

    Attributes:
        columns: only these; all by default.
    """

    columns: tuple[str, ...] | None = None


@dataclass(frozen=True)
class ByKey:
    """Rows of one key come to one call, sorted; rows whose key is null come to none.

    Attributes:
        key: the column by whose hash rows are exchanged.
        order: what a call's rows are sorted by; must tell any two rows apart that differ, so that every engine gives one
            result. Rows are refused that it cannot tell apart, unless it names all columns.
        columns: only these, key and order among them; all by default.
    """

    key: str
    order: tuple[str, ...]
    columns: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        """Refuse columns among which key or order are missing.

        Raises:
            ValueError: they are.
        """
        missing = {self.key, *self.order} - set(self.columns or (self.key, *self.order))
        if missing:
            raise ValueError(f"expected key and order among the columns, found no {sorted(missing)[0]}")


@dataclass(frozen=True)
class ToParts:
    """Rows come to the call of the part that the row at their position stands in, sorted.

    Attributes:
        position: the column that holds positions of rows of an input that is dealt out by part.
        order: as in `ByKey`.
    """

    position: str
    order: tuple[str, ...]


@dataclass(frozen=True)
class PortionsToParts:
    """As `ToParts`, but the rows come one portion after the other, in no order: for wide rows, of which a part may need any number.

    The function is handed an iterator of tables of some megabytes, and must give the same however rows are divided.

    Attributes:
        position: as in `ToParts`.
    """

    position: str


@dataclass(frozen=True)
class Whole:
    """All rows come to one call, part after part: for narrow rows of which all must be seen at once.

    Attributes:
        columns: only these; all by default.
    """

    columns: tuple[str, ...] | None = None


Take = ByPart | ByKey | ToParts | PortionsToParts | Whole
Made: TypeAlias = "pa.Table | Iterator[pa.Table]"
"""What a stage's function gives: a table, or at least one table after the other, so that never all rows are in memory."""


@dataclass(frozen=True)
class Stage:
    """A step from data sets to a data set.

    Attributes:
        name: of the stage; its folder's name begins with it.
        version: raised whenever the function gives something else for the same rows.
        function: pure, and importable by name; called as ``function(table of each input …, **settings)``.
        takes: how each input is dealt out. `ByPart` goes with `ByPart`, `ToParts` and `PortionsToParts`, `ByKey` with
            `ByKey`, `Whole` with `Whole`: only then is it told which rows meet.
        settings: keyword arguments of the function, as JSON.
        numbered: the function is told which part it works on, by a keyword ``part``.
    """

    name: str
    version: int
    function: Callable[..., Made]
    takes: tuple[Take, ...]
    settings: Mapping[str, JsonValue] = field(default_factory=dict)
    numbered: bool = False

    def __post_init__(self) -> None:
        """Refuse ways of dealing out that do not go together.

        Raises:
            ValueError: they do not.
        """
        kinds = {type(take) for take in self.takes}
        beside = {ToParts, PortionsToParts} if ByPart in kinds else set()
        if kinds - beside not in ({ByPart}, {ByKey}, {Whole}):
            raise ValueError(
                f"stage {self.name}: expected inputs dealt out in one way, found {sorted(map(str, kinds))}"
            )
