"""API keys: digests in a file, one key shown once.

A key is 32 random bytes, so its digest alone tells nobody the key, and looking a digest up tells nothing by its time.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import UTC, datetime
from pathlib import Path

from plumbline.lineage import write_aside
from plumbline.moderate.failures import ServingError, no_key
from plumbline.moderate.reloaded_files import ReloadedFiles, read_file
from plumbline.records import SourceError
from plumbline.records.strict_toml import parse_toml
from plumbline.web.asgi import App, Receive, Scope, Send
from plumbline.web.tokens import read_token

_PREFIX = "plk_"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_MOST_BYTES = 1 << 20
KEY_NAME = "plumbline.key_name"
"""In the scope: whose key came with the request; for logs and metrics."""


def read_keys(path: Path) -> dict[str, str]:
    """Digest → name of every key.

    Raises:
        SourceError: the file cannot be read.
        ServingError: it is not as it must be, or others than its owner can read it.
    """
    return _parse_keys(_content(path), str(path))


class KeyFile(ReloadedFiles[str]):
    """The keys of a running service: digest → name of each."""

    def __init__(self, path: Path) -> None:
        """Read them.

        Raises:
            PlumblineError: as `read_keys`.
        """
        super().__init__([path], _content, lambda contents: _parse_keys(contents[0], str(path)))

    def told(self) -> list[str]:
        """For the log: whose they are."""
        return sorted(self.current.values())


def _content(path: Path) -> bytes:
    try:
        content = read_file(path, _MOST_BYTES)
        mode = path.stat().st_mode
    except OSError as error:
        raise SourceError(
            "PL-MDR-003",
            str(path),
            "the file of keys cannot be read",
            found=error.strerror or type(error).__name__,
            advice="make one: plumbline serve --add-key NAME --keys FILE",
        ) from error
    if mode & 0o077:
        raise ServingError(
            "PL-MDR-004",
            str(path),
            "others than its owner may read or change the file of keys",
            expected="mode 600",
            advice=f"chmod 600 {path}",
        )
    return content


def add_key(path: Path, name: str) -> str:
    """Draws a key, appends its digest to the file, and returns the key: it is nowhere else.

    Raises:
        ServingError: the name is no name, or is taken; or the file is not as it must be.
        SourceError: the file cannot be read.
        WriteError: it cannot be written; what stood there before stands there still.
    """
    if not _NAME.fullmatch(name):
        raise ServingError(
            "PL-MDR-005",
            "--add-key",
            "this is no name for a key",
            expected="1 to 64 letters, digits, dots, hyphens and underscores, the first a letter or a digit",
            advice="name whoever uses it: --add-key staging",
        )
    held = read_keys(path) if path.exists() else {}
    if name in held.values():
        raise ServingError(
            "PL-MDR-005",
            "--add-key",
            f"there is a key of the name {name} already",
            advice="take another name, or remove its table from the file first",
        )
    key = _PREFIX + secrets.token_urlsafe(32)
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    entry = f'["{name}"]\nsha256 = "{_digest(key)}"\ncreated = {datetime.now(UTC).isoformat(timespec="seconds")}\n'
    with write_aside(path) as aside:
        aside.write_text(f"{before}\n{entry}" if before else entry, encoding="utf-8")
        aside.chmod(0o600)
    return key


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _parse_keys(content: bytes, place: str) -> dict[str, str]:
    try:
        tables = parse_toml(content.decode())
    except ValueError as error:  # another encoding is one
        raise _no_keys(place, "no TOML") from error
    keys: dict[str, str] = {}
    for number, (name, table) in enumerate(tables.items(), 1):
        digest = table.get("sha256") if isinstance(table, dict) else None
        if not isinstance(digest, str) or not _DIGEST.fullmatch(digest) or set(table) - {"sha256", "created"}:
            # Not by its name, which a key may have been written in the place of.
            raise _no_keys(place, f"number {number:,} of its tables is none of a key")
        keys[digest] = name
    if not keys:
        raise _no_keys(place, "no key")
    return keys


def _no_keys(place: str, found: str) -> ServingError:
    return ServingError(
        "PL-MDR-003",
        place,
        "this is no file of keys",
        expected='a table a key: ["name"], with its sha256',
        found=found,
        advice="make one: plumbline serve --add-key NAME --keys FILE",
    )


class NameKey:
    """Middleware: notes whose key comes with a request, for limits, the log, and `RequireKey`."""

    def __init__(self, app: App, keys: KeyFile) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "http":
            token = read_token(scope)
            scope[KEY_NAME] = None if token is None else self._keys.current.get(_digest(token))
        await self._app(scope, receive, send)


class RequireKey:
    """Middleware within `NameKey`: lets through who has a key, and everybody to the open paths."""

    def __init__(self, app: App, *, open_paths: frozenset[str]) -> None:
        self._app = app
        self._open_paths = open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "http" and scope.get(KEY_NAME) is None and scope["path"] not in self._open_paths:
            raise no_key()
        await self._app(scope, receive, send)
