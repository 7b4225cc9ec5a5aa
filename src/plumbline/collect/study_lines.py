"""On which line of a TOML file each key stands: the standard library's reader does not say.

A file that parses is a run of statements, each a table's header or a key with its value; a statement ends at the first
line where the lines from its beginning on parse alone. Keys within an inline table stand on the line of their statement.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

KeyPath = tuple[str | int, ...]


def key_lines(text: str) -> dict[KeyPath, int]:
    """Line, from 1, of every key of a TOML text that parses; tables of an array are numbered from 0."""
    lines: dict[KeyPath, int] = {}
    table: KeyPath = ()
    seen: Counter[KeyPath] = Counter()
    for number, statement in _statements(text):
        stripped = statement.strip()
        if stripped.startswith("["):
            table = _header_path(statement, is_array=stripped.startswith("[["), seen=seen)
            lines.setdefault(table, number)
            continue
        for path in _paths(tomllib.loads(statement)):
            lines.setdefault(table + path, number)
    return lines


def line_of(lines: Mapping[KeyPath, int], path: KeyPath) -> int | None:
    """The line of a key, or of the nearest table around it that stands in the file; None where none does."""
    return next((lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in lines), None)


def _statements(text: str) -> Iterator[tuple[int, str]]:
    pending: list[str] = []
    first = 1
    # Not splitlines(): it also splits at characters that are no line ends in TOML.
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        if not pending:
            first = number
            if not line.strip() or line.lstrip().startswith("#"):
                continue
        pending.append(line)
        statement = "\n".join(pending)
        try:
            tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            continue
        yield first, statement
        pending = []


def _header_path(statement: str, *, is_array: bool, seen: Counter[KeyPath]) -> KeyPath:
    node: Any = tomllib.loads(statement)
    names: KeyPath = ()
    while isinstance(node, dict) and node:
        name, node = next(iter(node.items()))
        names += (name,)
    if not is_array:
        return names
    seen[names] += 1
    return (*names, seen[names] - 1)


def _paths(node: Mapping[str, Any]) -> Iterator[KeyPath]:
    for name, value in node.items():
        yield (name,)
        if isinstance(value, dict):
            yield from ((name, *rest) for rest in _paths(value))
