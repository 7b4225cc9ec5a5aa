"""Writing aside and renaming: an output is there whole, or what stood there before still stands."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from plumbline.records import UsageError, WriteError

MANIFEST_NAME = "manifest.json"


@contextmanager
def write_aside(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to; on success it takes the place of `path`, else it is removed.

    Raises:
        WriteError: the disk is full, the folder is not writable, or the rename failed.
    """
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        _require_usable_name(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        yield aside
        _sync(aside)
        aside.replace(path)
    except OSError as error:
        raise _write_error(path, error) from error
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)


@contextmanager
def write_folder_aside(folder: Path) -> Iterator[Path]:
    """Yield an empty folder beside `folder`; on success it takes the place of `folder`, else it is removed.

    An existing folder is replaced only where Plumbline wrote it (it holds a manifest) or it is empty.

    Raises:
        UsageError: something else stands at `folder`.
        WriteError: the disk is full, the parent is not writable, or the rename failed.
    """
    token = secrets.token_hex(4)
    resolved = folder.resolve()
    aside = resolved.with_name(f".{resolved.name}.{token}.partial")
    former = resolved.with_name(f".{resolved.name}.{token}.former")
    try:
        _require_usable_name(folder)
        _refuse_foreign(folder)
        aside.mkdir(parents=True)
        yield aside
        for written in aside.rglob("*"):
            if written.is_file():
                _sync(written)
        if resolved.exists():
            resolved.rename(former)
        aside.rename(resolved)
    except OSError as error:
        raise _write_error(folder, error) from error
    finally:
        if _is_there(former) and not resolved.exists():  # stopped between the renames, by whatever it was
            former.rename(resolved)
        shutil.rmtree(aside, ignore_errors=True)
        shutil.rmtree(former, ignore_errors=True)


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that is too long
        return False


def _require_usable_name(path: Path) -> None:
    """Refuse a name that no manifest could state, as the system refuses one that is too long."""
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise OSError(errno.EILSEQ, "a name that is no valid UTF-8") from error


def _refuse_foreign(folder: Path) -> None:
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if folder.is_dir() and (folder / MANIFEST_NAME).is_file():
        return
    raise UsageError(
        "PL-OUT-002",
        str(folder),
        "something that Plumbline did not write stands there",
        expected=f"a new folder, an empty one, or one with a {MANIFEST_NAME}",
        found="a folder with other files" if folder.is_dir() else "a file",
        advice="name another output folder",
    )


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_error(path: Path, error: OSError) -> WriteError:
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
