"""Whether the lines of a release are those that its tables give: a table's digest says nothing of a pair flipped in a line.

Lines of one folder and split are compared as a multiset, whatever their order: each line is hashed under a key drawn for the
run, and the sums of the hashes are compared. What is held is one number for each folder and split.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from plumbline.formats.line_blocks import Intake, read_line_blocks
from plumbline.formats.registry import FORMATS
from plumbline.records import Kind
from plumbline.release.layout import LINES_OF, LineFile, place_columns, require_few_files
from plumbline.release.names import place_of

_BYTES = 16
_MODULUS = 1 << (8 * _BYTES)

Place = tuple[str, str]
"""Folder and split."""


@dataclass
class LineSums:
    """Sums over the lines that the tables give, and over those that there are."""

    key: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    _given: dict[Place, tuple[int, int]] = field(default_factory=dict)
    _kinds: dict[Place, Kind] = field(default_factory=dict)
    _there: dict[Place, tuple[int, int]] = field(default_factory=dict)

    @property
    def given(self) -> Mapping[LineFile, int]:
        """The files of lines that the tables give, and how many lines each."""
        return {LineFile(*place, self._kinds[place]): count for place, (count, _) in self._given.items()}

    def give(self, kind: Kind, table: pa.Table) -> Counter[str]:
        """Add the lines of rows of a table.

        Returns:
            How many rows lines cannot say, by code.
        Raises:
            UsageError: PL-REL-004, the lines would stand in more files than a release may have.
        """
        places = place_columns(kind, table)
        intake = Intake("")
        for place in places.unique(maintain_order=True).iter_rows():
            chosen = (places["folder"] == place[0]) & (places["split"] == place[1])
            lines = FORMATS[LINES_OF[kind]].format_lines({kind: table.filter(chosen.to_arrow())}, intake)
            self._kinds[place] = kind
            self._add(self._given, place, lines)
        require_few_files(len(self._given))
        return Counter(fault.code for fault in intake.faults)

    def read(self, path: Path, name: str) -> tuple[int, Intake]:
        """Add the lines of a file, the blank ones too: a release has none.

        Args:
            name: of the file, from the release.
        Returns:
            How many lines there are, and what was odd about them.
        Raises:
            FaultError, SourceError: it cannot be read, see `read_line_blocks`.
        """
        place, intake = place_of(name), Intake(name)
        before = self._there.get(place, (0, 0))[0]
        for block in read_line_blocks(path, intake):
            self._add(self._there, place, (line for _, line in block.numbered_lines()))
        return self._there.get(place, (0, 0))[0] - before, intake

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
