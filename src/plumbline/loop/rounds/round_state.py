"""``round.json``: which steps of a round are done, from what, and what they wrote; by it a round goes on where it was stopped.

It is written aside and renamed after every step. A step says that it begins before it writes anything, and what stood at its
output then: where it was stopped between its output's rename and the next line here, its output is known to be its own.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from plumbline.lineage import file_digest, read_manifest, write_aside
from plumbline.lineage.writing import MANIFEST_NAME
from plumbline.loop.training.folder import claimed
from plumbline.records import SourceError, UsageError

STATE_NAME = "round.json"


class Record(BaseModel):
    """A step that is done.

    Attributes:
        identity: digest of its settings and of all that it read.
        digest: of what it wrote, see `output_digest`; None where it wrote nothing.
        is_whole: False where the same command would get more of it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    identity: str
    output: str | None
    digest: str | None
    seconds: float
    is_whole: bool = True


class Began(BaseModel):
    """A step that was begun; `stood` is the digest of what stood at its output."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    identity: str
    stood: str | None


class RoundState(BaseModel):
    """What ``round.json`` holds."""

    model_config = ConfigDict(extra="forbid")

    plumbline: Literal["round"] = "round"
    version: Literal[1] = 1
    name: str
    steps: list[Record] = Field(default_factory=list)
    began: Began | None = None

    def record(self, name: str) -> Record | None:
        """Of a step; None where it is not done."""
        return next((each for each in self.steps if each.name == name), None)

    def begin(self, out: Path, began: Began) -> None:
        """Say that a step begins."""
        self.began = began
        self.write(out)

    def finish(self, out: Path, record: Record) -> None:
        """Say that it is done."""
        self.steps = [*(each for each in self.steps if each.name != record.name), record]
        self.began = None
        self.write(out)

    def write(self, out: Path) -> None:
        """Write the file.

        Raises:
            WriteError: the disk is full or not writable.
        """
        with write_aside(out / STATE_NAME) as aside:
            aside.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")


def open_state(out: Path, name: str, *, restart: bool) -> RoundState:
    """The state of a round in its folder; a new one where nothing stands there.

    Args:
        restart: everything is done again.
    Raises:
        UsageError: PL-RND-008, something else stands there, or another round.
        SourceError: PL-RND-008, the file is damaged.
    """
    path = out / STATE_NAME
    if not path.is_file():
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise _other(out, "no round", "a file" if not out.is_dir() else f"a folder without {STATE_NAME}")
        return RoundState(name=name)
    try:
        state = RoundState.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        found = f"{first['msg']} at {'.'.join(map(str, first['loc'])) or 'the top'}"
        if not restart or not _says_round(path):
            raise SourceError(
                "PL-RND-008",
                str(path),
                "what a round was doing cannot be read",
                found=found,
                advice="--restart to do everything again, or put the file back as it was",
            ) from error
        return RoundState(name=name)
    if state.name != name:
        raise _other(out, "another round", f'the round "{state.name}"')
    return RoundState(name=name) if restart else state


def _says_round(path: Path) -> bool:
    return b'"round"' in path.read_bytes()


def _other(out: Path, what: str, found: str) -> UsageError:
    return UsageError(
        "PL-RND-008",
        str(out),
        f"{what} stands where the round would be written",
        expected="a new or empty folder, or this round's own",
        found=found,
        advice="name another folder with out = … in the round's file, or move that one away",
    )


def held(out: Path) -> AbstractContextManager[None]:
    """Keep every other call away from a round while this one goes on.

    Raises:
        UsageError: PL-RND-009, another call is at it.
        WriteError: the folder cannot be made.
    """
    taken = UsageError(
        "PL-RND-009",
        str(out),
        "another call is at this round",
        expected="one at a time",
        advice="wait for it or stop it; then the same command goes on",
    )
    return claimed(out, taken)


def output_digest(path: Path) -> str | None:
    """Digest of what a step wrote: of a file itself, of a folder its manifest's.

    None where nothing stands there, or not what its manifest says: then it is not what the step left.
    """
    if path.is_file():
        return file_digest(path)
    try:
        manifest = read_manifest(path)
    except SourceError:
        return None
    if manifest is None:
        return None
    for entry in manifest.outputs:
        if not (path / entry.path).is_file() or file_digest(path / entry.path) != entry.sha256:
            return None
    return file_digest(path / MANIFEST_NAME)
