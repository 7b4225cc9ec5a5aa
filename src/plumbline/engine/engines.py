"""Where stages run: a port of one method, and the engines by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from pydantic import JsonValue

from plumbline.records import unknown_name

ENGINES = ("local", "ray")
"""What `open_engine` knows."""

Answer = Mapping[str, JsonValue]
"""What a piece of work gives: names and counts. Rows go through files."""


class Engine(Protocol):
    """What runs stages. The same files are left behind, whatever runs them.

    Attributes:
        name: one of `ENGINES`.
        shares: into how many pieces of work the dealing out of rows is divided at least, where there are as many files.
    """

    name: str
    shares: int

    def each(self, count: int, work: Callable[[int], Answer], marks: Path, advance: Callable[[], None]) -> list[Answer]:
        """Do pieces 0 … count − 1 of some work, some at once.

        Args:
            count: how many pieces there are.
            work: does one; can be done again: an engine may start a piece anew whose process was killed.
            marks: a folder for the engine's own notes, which all its processes see; it need not exist.
            advance: called after each, by the caller's thread.
        Returns:
            What each piece gave, in order.
        Raises:
            What a piece raised; pieces that have not begun by then are left.
        """


@contextmanager
def open_engine(name: str, address: str | None = None) -> Iterator[Engine]:
    """The engine of that name, ready to work; closed at the end.

    Args:
        name: one of `ENGINES`.
        address: of a Ray cluster that runs already; None starts one on this machine. Local takes none.
    Raises:
        UsageError: there is no such engine, or no cluster at the address.
        MissingExtraError: it needs a library that is not installed.
    """
    if name not in ENGINES:
        raise unknown_name("--engine", name, ENGINES)
    if name == "local":
        from plumbline.engine.local import LocalEngine

        yield LocalEngine()
        return
    from plumbline.engine.on_ray import ray_engine

    with ray_engine(address) as engine:
        yield engine
