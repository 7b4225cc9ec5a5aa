"""What a step of a round is, and what it is known by: a digest of its settings and of all that it reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import JsonValue

from plumbline.lineage import file_digest, is_there, json_digest, read_manifest
from plumbline.loop.rounds.opened_round import Round
from plumbline.loop.rounds.round_state import output_digest
from plumbline.records import SourceError

Say = Callable[[str], None]
"""Told what is being done now."""


@dataclass(frozen=True)
class Call:
    """What a step is run with.

    Attributes:
        goes_on: an earlier call began this very step and was stopped.
        restart: everything is done again.
        say: told what is being done.
        note: told what a person should hear beside it.
        command: for manifests.
    """

    goes_on: bool
    restart: bool
    say: Say
    note: Say
    command: tuple[str, ...]


@dataclass(frozen=True)
class Told:
    """What a person should know of what a step left, read from that.

    Attributes:
        notes: in words.
        unread: rows or records that could not be read or written, by code.
        is_whole: False where the same command would get more of it.
    """

    notes: tuple[str, ...] = ()
    unread: Mapping[str, int] = field(default_factory=dict)
    is_whole: bool = True


def of_manifest(output: Path) -> Told:
    """What the manifest of a folder says could not be read."""
    manifest = read_manifest(output) if output.is_dir() else None
    return Told() if manifest is None else Told(unread=manifest.quarantined)


@dataclass(frozen=True)
class Step:
    """One step.

    Attributes:
        name: as it is told, and stands in ``round.json``.
        output: what it writes, from the round's folder; None where it only looks.
        reads: its settings, and the digests of all that it reads; where these are as they were, it is not done again.
        run: does it; what it writes gets its name by rename.
        told: reads what a person should know from what it wrote, whichever call did.
    """

    name: str
    output: str | None
    reads: Callable[[], Mapping[str, JsonValue]]
    run: Callable[[Call], None]
    told: Callable[[Path], Told] = of_manifest

    @property
    def identity(self) -> str:
        """Digest of what it reads."""
        return json_digest({"step": self.name, **self.reads()})


def written(round_: Round, output: str) -> str | None:
    """The digest of what an earlier step wrote: `output_digest`, without looking at every file again."""
    path = round_.out / output
    if path.is_dir():
        path = path / "manifest.json"
    return file_digest(path) if path.is_file() else None


def content_digest(place: str) -> str:
    """Of a file or of all files of a folder; of what is not on this machine its name.

    A folder that Plumbline wrote, and that is as its manifest says, is known by that: what others read from it names it so.
    """
    if not is_there(place):
        return f"named {place}"
    path = Path(place)
    if path.is_file():
        return file_digest(path)
    try:
        of_output = output_digest(path)
    except SourceError:
        of_output = None
    if of_output is not None:
        return of_output
    files = sorted(each for each in path.rglob("*") if each.is_file())
    return json_digest([[each.relative_to(path).as_posix(), file_digest(each)] for each in files])
