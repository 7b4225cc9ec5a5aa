"""The root of Plumbline's errors.

    PlumblineError             anything Plumbline says to a person; carries a stable code and what to do next
    ├── UsageError             the call itself is wrong: an unknown name, a missing option        exit 2
    ├── SourceError            a source cannot be found or opened                                 exit 2
    ├── FaultError             a row cannot be read and the run was asked to stop at the first     exit 1
    ├── WriteError             an output could not be written; nothing was left half-written      exit 1
    ├── PermittedUseError      the data does not permit the use asked for                         exit 2
    ├── NoDataError            nothing is left to work on: no rows, one class only                exit 1
    ├── EngineError            a stage could not be run to its end; what is finished stays        exit 1
    ├── ModelError             a saved model is damaged, foreign or of another version            exit 1
    └── MissingExtraError      an optional dependency is not installed                            exit 2

A message never quotes conversation text: ids, lines and offsets only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from importlib.util import find_spec
from typing import Self


class PlumblineError(Exception):
    """An error with a stable code, its place, what was expected and found, and the next step.

    Args:
        code: stable, like ``PL-HH-014``; listed in ``docs/errors.md``.
        place: file and line, option or column the error is about.
        problem: what is wrong, one clause without a full stop.
        expected: what would have been right; may be empty.
        found: what was there instead; may be empty; never conversation text.
        advice: the next command or change that gets the reader on; required.
    """

    exit_code = 1

    def __init__(
        self, code: str, place: str, problem: str, *, expected: str = "", found: str = "", advice: str
    ) -> None:
        self.code = code
        self.place = place
        self.problem = problem
        self.expected = expected
        self.found = found
        self.advice = advice
        super().__init__(self.format())

    def retold(self, change: Callable[[str], str]) -> Self:
        """This error with each of its texts changed: to name a place as the reader knows it."""
        self.place, self.problem, self.advice = change(self.place), change(self.problem), change(self.advice)
        self.expected, self.found = change(self.expected), change(self.found)
        self.args = (self.format(),)
        return self

    def format(self) -> str:
        """The error as a person reads it: one line of what, one of expected and found, one of what next."""
        indent = " " * (len(self.code) + 2)
        lines = [f"{self.code}  {self.place}: {self.problem}."]
        if self.expected or self.found:
            parts = [f"expected {self.expected}"] if self.expected else []
            parts += [f"found {self.found}"] if self.found else []
            sentence = ", ".join(parts)
            lines.append(f"{indent}{sentence[0].upper()}{sentence[1:]}.")
        lines.append(f"{indent}Try: {self.advice}")
        return "\n".join(lines)


class UsageError(PlumblineError):
    """The call itself is wrong: an unknown name, a missing or contradictory option."""

    exit_code = 2


class SourceError(PlumblineError):
    """A source cannot be found, opened or recognised."""

    exit_code = 2


class FaultError(PlumblineError):
    """A row or a file cannot be read, and the run was asked to stop at the first."""


class WriteError(PlumblineError):
    """An output could not be written; what stood there before stands there still."""


class PermittedUseError(PlumblineError):
    """The data does not permit the use asked for."""

    exit_code = 2


class NoDataError(PlumblineError):
    """Nothing is left to work on."""


class EngineError(PlumblineError):
    """A stage could not be run to its end; what is finished of it stays."""


class ModelError(PlumblineError):
    """A saved model is damaged, foreign or of another version."""


class MissingExtraError(PlumblineError):
    """An optional dependency is not installed."""

    exit_code = 2


def unknown_name(option: str, value: str, known: Sequence[str]) -> UsageError:
    """The error for an option's value that does not exist; the advice is the nearest name, where one is near."""
    near = get_close_matches(value.lower(), known, n=1, cutoff=0.6)
    return UsageError(
        "PL-ARG-001",
        f"{option[2:].replace('-', '_')} ({option})" if option.startswith("--") else option,
        f'there is no "{value}"',
        expected=f"one of {', '.join(known)}",
        advice=f"{option} {near[0]}" if near else f"{option} with one of these",
    )


def require_libraries(names: Sequence[str], code: str, place: str, *, expected: str, advice: str) -> None:
    """Refuse to go on without the libraries of an extra.

    Args:
        names: of modules.
        code, place: of the error.
        expected: which extra it is, in words.
        advice: how it is installed.
    Raises:
        MissingExtraError: one cannot be imported.
    """
    missing = [name for name in names if find_spec(name) is None]
    if missing:
        raise MissingExtraError(code, place, f"{missing[0]} is not installed", expected=expected, advice=advice)
