"""Whether the lines of a release are those that its tables give: a table's digest says nothing of a pair flipped in a line.

Lines of one folder and split are compared as a multiset, whatever their order: each line is hashed under a key drawn for the
run, and the sums of the hashes are compared. What is held is one number for each folder and split.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from plumbline.formats.line_blocks import Intake, read_line_blocks
from plumbline.formats.registry import FORMATS
from plumbline.records import Kind
from plumbline.release.layout import LINES_OF, place_columns
from plumbline.release.names import place_of

_BYTES = 16
_MODULUS = 1 << (8 * _BYTES)
_MOST_PLACES = 10_000

Place = tuple[str, str]
"""Folder and split."""


@dataclass
class LineSums:
    """Sums over the lines that the tables give, and over those that there are."""

    key: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    _given: dict[Place, tuple[int, int]] = field(default_factory=dict)
    _there: dict[Place, tuple[int, int]] = field(default_factory=dict)

    def give(self, kind: Kind, table: pa.Table) -> None:
        """Add the lines of rows of a table; those that lines cannot say give none."""
        places = place_columns(kind, table)
        for place in places.unique(maintain_order=True).iter_rows():
            if len(self._given) >= _MOST_PLACES:
                return
            chosen = (places["folder"] == place[0]) & (places["split"] == place[1])
            lines = FORMATS[LINES_OF[kind]].format_lines({kind: table.filter(chosen.to_arrow())}, Intake(""))
            self._add(self._given, place, lines)

    def read(self, path: Path, name: str) -> None:
        """Add the lines of a file.

        Args:
            name: of the file, from the release.
        Raises:
            FaultError, SourceError: it cannot be read, see `read_line_blocks`.
        """
        place = place_of(name)
        for block in read_line_blocks(path, Intake(name)):
            self._add(self._there, place, (line for _, line in block.numbered_lines() if line))

    def _add(self, sums: dict[Place, tuple[int, int]], place: Place, lines: Iterable[bytes]) -> None:
        count, total = sums.get(place, (0, 0))
        for line in lines:
            digest = hashlib.blake2b(line, digest_size=_BYTES, key=self.key).digest()
            total = (total + int.from_bytes(digest)) % _MODULUS
            count += 1
        if count:
            sums[place] = (count, total)

    def differing(self) -> Iterator[tuple[Place, int, int]]:
        """Folder and split, lines that the tables give, lines there: where the two are not the same lines."""
        for place in sorted(self._given.keys() | self._there.keys()):
            given, there = self._given.get(place, (0, 0)), self._there.get(place, (0, 0))
            if given != there:
                yield place, given[0], there[0]
