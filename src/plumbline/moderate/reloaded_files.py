"""Files of a running service: read again when they change, all of them or none."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Generic, TypeVar

from plumbline.records import PlumblineError

_SETTLED_NS = 2_000_000_000
"""A file changed so shortly before it was read may change again within a tick of its clock: it is read once more."""

_Stamp = tuple[int, int, int, int]
Value = TypeVar("Value")


def read_file(path: Path, most_bytes: int) -> bytes:
    """What stands in a file.

    Args:
        most_bytes: that it may have; no more of it is read.
    Raises:
        OSError: it cannot be read, is no file, or has more (EFBIG); `strerror` says which.
    """
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise OSError(errno.EINVAL, "a pipe, or another thing that is no file")
            content = file.read(most_bytes + 1)
    except ValueError as error:  # a path with NUL
        raise OSError(errno.EINVAL, str(error)) from error
    if len(content) > most_bytes:
        raise OSError(errno.EFBIG, f"more than {most_bytes:,} bytes")
    return content


def _open_at_once(path: str, flags: int) -> int:
    """A pipe is opened, too, without waiting for who writes into it: a service would wait for ever."""
    return os.open(path, flags | os.O_NONBLOCK)


@dataclass(frozen=True, slots=True)
class _Tried:
    """The files as they were when last they were read.

    Attributes:
        stamps: of each file its modification time, the time of its last change of any kind (of its permissions too), size
            and number; None of one that is not there. Taken before it was read, so that what is changed meanwhile looks
            changed.
        digest: of all their contents; None where one could not be read.
        settled: every file was older than its clock's tick when it was read.
    """

    stamps: tuple[_Stamp | None, ...]
    digest: str | None
    settled: bool


class ReloadedFiles(Generic[Value]):
    """What files say.

    Reading `current` takes no lock: it is one reference, replaced once every file was read and checked. Where any of them
    fails, what stood before stays.

    Attributes:
        failure: why the files as they are now were not taken; None where they were.
    """

    failure: PlumblineError | None

    def __init__(
        self,
        paths: Sequence[Path],
        content: Callable[[Path], bytes],
        parse: Callable[[Sequence[bytes]], Mapping[str, Value]],
    ) -> None:
        """Read all of them.

        Args:
            paths: of the files.
            content: of one of them; a `PlumblineError` where it cannot be had.
            parse: what all contents say, in the order of `paths`; a `PlumblineError` where it is not right.
        Raises:
            PlumblineError: of either.
        """
        self._paths = tuple(paths)
        self._content = content
        self._parse = parse
        self.failure = None
        self._reloading = threading.Lock()
        self._current: Mapping[str, Value] = MappingProxyType({})
        self._tried = _Tried((), None, settled=False)
        self._reload()

    @property
    def current(self) -> Mapping[str, Value]:
        """What they say now. What it gives never changes afterwards."""
        return self._current

    def reload(self) -> bool:
        """Read every file again and, where all are right, put what they say in the place of what they said.

        Returns:
            Whether that is another than before.
        Raises:
            PlumblineError: a file is not right; the old stays, and `failure` tells it as well.
        """
        with self._reloading:
            return self._reload()

    def reload_if_changed(self) -> bool:
        """Reload where a file is another than the one last read; for a timer.

        Returns:
            Whether what they say is another than before; False where the files were refused, which `failure` tells.
        """
        with self._reloading:
            if self._tried.settled and _stamps(self._paths) == self._tried.stamps:
                return False
            before = self._tried
            try:
                return self._reload(before)
            except PlumblineError:
                return False

    def _reload(self, before: _Tried | None = None) -> bool:
        """As `reload`; contents that are those of `before` are not taken again, nor told again where they were refused."""
        stamps, now_ns = _stamps(self._paths), time.time_ns()
        settled = all(stamp is None or now_ns - stamp[0] > _SETTLED_NS for stamp in stamps)
        self._tried = _Tried(stamps, None, settled)
        try:
            contents = [self._content(path) for path in self._paths]
            self._tried = _Tried(stamps, _digest(contents), settled)
            if before is not None and self._tried.digest == before.digest:
                return False
            values = MappingProxyType(dict(self._parse(contents)))
        except PlumblineError as error:
            # The same files, read once more since they had not settled: it is one failure.
            if before is None or stamps != before.stamps or str(error) != str(self.failure):
                self.failure = error
            raise
        changed = list(values.items()) != list(self._current.items())  # in their order: the first may mean something
        self._current, self.failure = values, None
        return changed


def _stamps(paths: Sequence[Path]) -> tuple[_Stamp | None, ...]:
    """What tells that a file was changed, without reading it."""
    return tuple(_stamp(path) for path in paths)


def _stamp(path: Path) -> _Stamp | None:
    try:
        found = path.stat()
    except (OSError, ValueError):  # read, it says what is the matter
        return None
    return (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)


def _digest(contents: Sequence[bytes]) -> str:
    """Of all contents, each apart from the next."""
    return hashlib.sha256(b"".join(hashlib.sha256(content).digest() for content in contents)).hexdigest()
