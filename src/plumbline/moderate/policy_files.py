"""The policies of a running service: read from files, read again when these change, all of them or none."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from plumbline.moderate.policy import Policy, require_heads
from plumbline.moderate.policy_text import MOST_BYTES, format_policy, parse_policy
from plumbline.records import PlumblineError, SourceError, UsageError

_SETTLED_NS = 2_000_000_000
"""A file changed so shortly before it was read may change again within a tick of its clock: it is read once more."""

_Stamp = tuple[int, int, int, int]


def read_policy(path: Path) -> Policy:
    """A policy from its file.

    Raises:
        SourceError: the file cannot be read.
        UsageError: it is too large, or says what no policy can.
    """
    return _policy(_content(path), path)


def _content(path: Path) -> bytes:
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise _unreadable(path, "a pipe, or another thing that is no file")
            content = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # a path with NUL is a ValueError
        raise _unreadable(path, getattr(error, "strerror", None) or type(error).__name__) from error
    if len(content) > MOST_BYTES:
        raise UsageError(
            "PL-POL-001",
            str(path),
            "this is too large for a policy",
            expected=f"at most {MOST_BYTES:,} bytes",
            advice="name the policy's file",
        )
    return content


def _open_at_once(path: str, flags: int) -> int:
    """A pipe is opened, too, without waiting for who writes into it: a service would wait for ever."""
    return os.open(path, flags | os.O_NONBLOCK)


def _policy(content: bytes, path: Path) -> Policy:
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise _unreadable(path, "another encoding") from error
    return parse_policy(text, str(path))


def _unreadable(path: Path, found: str) -> SourceError:
    return SourceError(
        "PL-POL-002",
        str(path),
        "the policy cannot be read",
        expected="a TOML file in UTF-8",
        found=found,
        advice="check the path; docs/how-to/moderation-policies.md shows what a policy looks like",
    )


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


class PolicyFiles:
    """The policies of a running service.

    Reading `current` takes no lock: it is one reference, replaced once every file was read and checked. Where any of them
    fails the policies of before stay.

    Attributes:
        failure: why the files as they are now were not taken; None where they were.
    """

    failure: PlumblineError | None

    def __init__(self, paths: Sequence[Path], heads: Sequence[str], own: Policy | None = None) -> None:
        """Read all of them.

        Args:
            paths: files; a policy each.
            heads: of the model that they decide for.
            own: the model's own thresholds, which stand after the files' policies; None leaves them out.
        Raises:
            PlumblineError: a file cannot be read, says what no policy can, does not fit the model, or has the name of
                another; or there is no policy at all.
        """
        self._paths = tuple(paths)
        self._heads = tuple(heads)
        self._own = own
        self._reloading = threading.Lock()
        self._current: Mapping[str, Policy] = MappingProxyType({})
        self._tried = _Tried((), None, settled=False)
        self._reload()

    @property
    def current(self) -> Mapping[str, Policy]:
        """The policies now, by name; the first decides where none is named. What it gives never changes afterwards."""
        return self._current

    def reload(self) -> bool:
        """Read every file again and, where all are right, put the new policies in the place of the old.

        Returns:
            Whether any policy is another than before.
        Raises:
            PlumblineError: a file is not right; the old policies stay, and `failure` tells it as well.
        """
        with self._reloading:
            return self._reload()

    def reload_if_changed(self) -> bool:
        """Reload where a file is another than the one last read; for a timer.

        Returns:
            Whether any policy is another than before; False where the files were refused, which `failure` tells.
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
            contents = [_content(path) for path in self._paths]
            self._tried = _Tried(stamps, _digest(contents), settled)
            if before is not None and self._tried.digest == before.digest:
                return False
            policies = self._checked(contents)
        except PlumblineError as error:
            self.failure = error
            raise
        changed = _digests(policies) != _digests(self._current)
        self._current, self.failure = policies, None
        return changed

    def _checked(self, contents: Sequence[bytes]) -> Mapping[str, Policy]:
        """The policies of the files, each of which fits the model and has a name of its own."""
        policies: dict[str, Policy] = {}
        for path, content in zip(self._paths, contents, strict=True):
            policy = _policy(content, path)
            require_heads(policy, self._heads, str(path))
            if policy.name in policies or (self._own is not None and policy.name == self._own.name):
                raise _same_name(policy.name, path, is_own=policy.name not in policies)
            policies[policy.name] = policy
        if self._own is not None:
            policies[self._own.name] = self._own
        if not policies:
            raise UsageError(
                "PL-POL-009",
                "policies",
                "nothing says from which probability to flag",
                expected="a policy, or a model with thresholds of its own",
                advice="fit one: plumbline policy fit MODEL SOURCE -o policy.toml",
            )
        return MappingProxyType(policies)


def _same_name(name: str, path: Path, *, is_own: bool) -> UsageError:
    return UsageError(
        "PL-POL-009",
        str(path),
        f'another policy is called "{name}", too',
        expected="a name of its own for each",
        found="the model's own thresholds" if is_own else "another file of this name",
        advice="change name = … in one of them",
    )


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


def _digests(policies: Mapping[str, Policy]) -> list[str]:
    return [policy.digest for policy in policies.values()]


__all__ = ["PolicyFiles", "format_policy", "parse_policy", "read_policy"]
