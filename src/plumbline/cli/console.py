"""What the commands print: tables, progress on anything over two seconds, JSON. Results go to stdout, the rest to stderr."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import typer

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

_SHOWN_AFTER_SECONDS = 2.0
_LOGGED_EVERY_SECONDS = 10.0
EXIT_FINDINGS = 1
"""The work is done, but something of it lacks or was found."""


def print_json(value: object) -> None:
    """One JSON object on stdout, in ASCII: no character of a name can steer the terminal."""
    print(json.dumps(value, indent=2, allow_nan=False))


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> None:
    """Plain aligned columns.

    Args:
        header: names of the columns.
        rows: cells as text.
        right: positions of columns aligned right.
    """
    cells = [[visible(cell) for cell in row] for row in [header, *rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    for row in cells:
        parts = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(parts).rstrip())


def visible(text: str, *, keep: str = "") -> str:
    """The text with control characters as escapes, so that data cannot steer the terminal; those in `keep` stay."""
    return "".join(
        character if character.isprintable() or character in keep else repr(character)[1:-1] for character in text
    )


def note(text: str) -> None:
    """Lines for the person, not for the pipe."""
    print(visible(text, keep="\n"), file=sys.stderr)


def tell_unread(unread: Mapping[str, int], source: str, options: Mapping[str, object]) -> None:
    """Say which rows of a source could not be read, by code.

    Args:
        options: that it was loaded with.
    """
    from plumbline.loop.sources import check_command

    for code, count in unread.items():
        note(f"not read: {count:,} rows, {code}; see: {check_command(source, options)}")


def tell_first_unread(unread: Mapping[str, int], first: Mapping[str, str]) -> None:
    """Say which rows of all sources of a run could not be read, by code.

    Args:
        first: code → the place of the first one.
    """
    for code, count in unread.items():
        note(f"not read: {count:,} rows, {code}, the first is {first[code]} (docs/errors.md)")


def tell_set_aside(set_aside: Mapping[str, int]) -> None:
    """Say which rows teach or measure nothing, by code."""
    for code, count in set_aside.items():
        note(f"set aside: {count:,} rows, {code} (docs/errors.md)")


def tell_findings(findings: Mapping[str, int], source: str, options: Mapping[str, object]) -> None:
    """Say what looked wrong while reading a source, by code.

    Args:
        options: that it was loaded with.
    """
    from plumbline.loop.sources import check_command

    for code, count in findings.items():
        said = _MEANING.get(code) or f"(docs/errors.md); see: {check_command(source, options)}"
        note(f"found while reading: {count:,} × {code} {said}")


_MEANING = {
    "PL-USE-004": "(--licence or --uses does not hold as it was stated: it stands beside what the data carry, or gives way to it)",
    "PL-SRC-016": "(the same record stands in two files: it counts twice where both are used)",
    "PL-TRL-002": "(nothing says what the pairs were judged on: read as overall; --axis says otherwise)",
}
"""Findings on what the user stated, or should: a check says no more of them."""


def exit_where_rows_are_missing(unread: Mapping[str, int]) -> None:
    """End with `EXIT_FINDINGS`: the work is done, but without some rows."""
    if unread:
        raise typer.Exit(EXIT_FINDINGS)


class Shown(Protocol):
    """What a command tells of its progress."""

    def step(self, what: str) -> None:
        """Say what is being worked on now."""

    def of(self, what: str, done: int, total: int) -> None:
        """Say how much of what is done."""


class _Bar:
    """A progress bar on a terminal."""

    def __init__(self, bar: RichProgress, title: str) -> None:
        self._bar = bar
        self._task = bar.add_task(_plain(title), total=None)

    def step(self, what: str) -> None:
        """Say what is done now."""
        self._bar.update(self._task, description=_plain(what))

    def of(self, what: str, done: int, total: int) -> None:
        """Say how much of it is done."""
        self._bar.update(self._task, description=_plain(what), completed=done, total=max(total, 1))


def _plain(text: str) -> str:
    """The text as rich shows it to the letter: brackets in a file's name are no markup."""
    from rich.markup import escape

    return escape(visible(text))


class _Log:
    """Lines for a log, one every ten seconds at most."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._began = self._last = time.monotonic()

    def step(self, what: str) -> None:
        """Say what has begun, if nothing was said lately."""
        now = time.monotonic()
        if now - self._last >= _LOGGED_EVERY_SECONDS:
            self._last = now
            note(f"{self._title}: {what} ({now - self._began:.0f} s)")

    def of(self, what: str, done: int, total: int) -> None:
        """Say how far it has come, if nothing was said lately."""
        self.step(f"{what}, {100 * done / max(total, 1):.0f} %")


class _Silence:
    """For processes that another one speaks for."""

    def step(self, what: str) -> None:
        """Say nothing."""

    def of(self, what: str, done: int, total: int) -> None:
        """Say nothing."""


@contextmanager
def progress(title: str) -> Iterator[Shown]:
    """Progress on stderr, once the work has taken two seconds; of a distributed run the first process tells."""
    if int(os.environ.get("RANK", "0")) > 0:
        yield _Silence()
        return
    if not sys.stderr.isatty():
        yield _Log(title)
        return
    from rich.console import Console
    from rich.progress import Progress

    bar = Progress(console=Console(stderr=True), transient=True)
    timer = threading.Timer(_SHOWN_AFTER_SECONDS, bar.start)
    timer.daemon = True
    timer.start()
    try:
        yield _Bar(bar, title)
    finally:
        timer.cancel()
        bar.stop()


@contextmanager
def progress_of_asking(title: str) -> Iterator[Shown]:
    """Progress of a run that keeps the replies it asks for: who stops it is told so."""
    try:
        with progress(title) as shown:
            yield shown
    except KeyboardInterrupt:
        note("the replies that came are kept: the same command goes on from there")
        raise
