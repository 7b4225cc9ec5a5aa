"""Writing aside and renaming: an output is there whole, or what stood there before still stands."""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from plumbline.lineage.digests import file_digest
from plumbline.lineage.swapping import swapped
from plumbline.lineage.workplaces import FORMER, NEW, clear_leftovers, workplace
from plumbline.records import PlumblineError, UsageError, WriteError

MANIFEST_NAME = "manifest.json"
_SAID_BY_SYSTEM = re.compile(r"\(os error (\d+)\)")


@contextmanager
def write_aside(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to; on success it takes the place of `path`, else it is removed.

    Raises:
        WriteError: the disk is full, the folder is not writable, or the rename failed.
    """
    try:
        _require_usable_name(path)
        with workplace(path) as place, _places_as_asked(place, path):
            aside = place / NEW
            with _refusals_told():
                yield aside
            _sync(aside)
            aside.replace(path)
    except OSError as error:
        raise write_error(path, error) from error


@contextmanager
def write_folder_aside(folder: Path, holds: str) -> Iterator[Path]:
    """Yield an empty folder beside `folder`; on success it takes the place of `folder`, else it is removed.

    An existing folder is replaced only where it is empty, or where Plumbline wrote the same thing there and nothing
    else has been put into it since: nobody loses a model to an evaluation, or notes to a model.

    Args:
        folder: the output.
        holds: what the folder will hold, as its manifest says it: "model", "evaluation", "data", …
    Raises:
        UsageError: something else stands at `folder`.
        WriteError: the disk is full, the parent is not writable, or the rename failed.
    """
    try:
        _require_usable_name(folder)
        resolved = folder.resolve()
        clear_leftovers(resolved.parent, resolved.name)  # a killed run may have moved the former output aside
        refuse_foreign_folder(folder, holds)
        with workplace(resolved) as place, _places_as_asked(place, folder):
            aside = place / NEW
            aside.mkdir()
            with _refusals_told():
                yield aside
            for written in aside.rglob("*"):
                if written.is_file():
                    _sync(written)
            _replace_folder(aside, resolved, place / FORMER)
    except OSError as error:
        raise write_error(folder, error) from error


def _replace_folder(aside: Path, target: Path, former: Path) -> None:
    """Put a folder in the place of another: in one step where the system can, else by two renames.

    A run that is killed between the two leaves the other one in its workplace, from where the next run puts it back.
    """
    if target.exists() and swapped(aside, target):
        return
    try:
        if target.exists():
            target.rename(former)
        aside.rename(target)
    finally:
        if former.exists() and not target.exists():  # stopped between the renames, by whatever it was
            former.rename(target)


@contextmanager
def _places_as_asked(place: Path, out: Path) -> Iterator[None]:
    """Let errors from within name the output that was asked for, not the folder in which it is being written."""

    def as_asked(text: str) -> str:
        """The text with the user's own paths."""
        return text.replace(str(place / NEW), str(out)).replace(str(place), str(out.parent))

    try:
        yield
    except PlumblineError as error:
        error.retold(as_asked)
        raise


def _require_usable_name(path: Path) -> None:
    """Refuse a name that no manifest could state, as the system refuses one that is too long."""
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise OSError(errno.EILSEQ, "a name that is no valid UTF-8") from error


def refuse_foreign_folder(folder: Path, holds: str) -> None:
    """Refuse an output folder that holds anything but an earlier output of the same kind.

    Raises:
        UsageError: something else stands there; it says what.
    """
    if not _is_there_to_write(folder) or (folder.is_dir() and not any(folder.iterdir())):
        return
    found = "a file" if not folder.is_dir() else _foreign_content(folder, holds)
    if found is None:
        return
    raise UsageError(
        "PL-OUT-002",
        str(folder),
        f"something stands there that is no {holds} folder of plumbline",
        expected=f"a new or empty folder, or an earlier {holds} folder and nothing else in it",
        found=found,
        advice="name another output folder, or move away what stands there",
    )


def _is_there_to_write(path: Path) -> bool:
    try:
        _require_usable_name(path)
        return path.exists()
    except OSError as error:
        raise write_error(path, error) from error


def _foreign_content(folder: Path, holds: str) -> str | None:
    """What in a folder is not an earlier output of this kind; None where all is."""
    try:
        manifest = json.loads((folder / MANIFEST_NAME).read_bytes())
        named = {entry["path"]: entry.get("sha256") for entry in manifest["outputs"]}
        held = manifest["holds"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return f"a folder without a {MANIFEST_NAME} of plumbline"
    if held != holds:
        return f"a {held} folder"
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    others = sorted(files - named.keys() - {MANIFEST_NAME})
    if others:
        return f"files that it did not write, such as {others[0]}"
    changed = [name for name in sorted(files & named.keys()) if named[name] not in (None, file_digest(folder / name))]
    return f"files that were changed since, such as {changed[0]}" if changed else None


def is_there(name: str | Path) -> bool:
    """Whether a path stands on this machine; of what is no path, such as a name too long for one, no."""
    return os.path.exists(name)  # noqa: PTH110  # says no, where Path raises


def refuse_output_among_inputs(out: Path, inputs: Iterable[Path]) -> None:
    """Refuse an output that is, holds or lies within what the run reads.

    Raises:
        UsageError: it does.
    """
    target = Path(os.path.realpath(out))
    for given in inputs:
        source = Path(os.path.realpath(given))
        if target == source or target.is_relative_to(source) or source.is_relative_to(target):
            raise UsageError(
                "PL-OUT-008",
                str(out),
                "the output would stand where the input is",
                expected="an output apart from what is read",
                found=f"the input {given}",
                advice="name another output",
            )


def refuse_foreign_file(path: Path, *, is_ours: bool) -> None:
    """Refuse to overwrite a file that plumbline did not write.

    Raises:
        UsageError: it exists and is not ours, or it is a folder.
    """
    if _is_there_to_write(path) and (path.is_dir() or not is_ours):
        raise UsageError(
            "PL-OUT-002",
            str(path),
            "a folder stands there"
            if path.is_dir()
            else "a file stands there that plumbline did not write, or that was changed since",
            expected="a new file name, or an earlier output of the same command",
            advice="name another file" if path.is_dir() else "name another file, or move this one away",
        )


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _refusals_told() -> Iterator[None]:
    """Raise what the system refused as the error it is: writers made in Rust (safetensors) say it in words alone."""
    try:
        yield
    except Exception as error:  # safetensors tells a full disk in words, by an exception of its own
        said = None if isinstance(error, OSError | PlumblineError) else _SAID_BY_SYSTEM.search(str(error))
        if said is None:
            raise
        raise OSError(int(said[1]), os.strerror(int(said[1]))) from error


def write_error(path: Path, error: OSError) -> WriteError:
    """The error where the system refused to write `path`."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return WriteError(
        "PL-OUT-001",
        str(path),
        "the disk is full" if full else "could not be written",
        found=error.strerror or type(error).__name__,
        advice="free some space or name a folder on another disk; nothing was left half-written"
        if full
        else "name a folder that you may write to; nothing was left half-written",
    )
