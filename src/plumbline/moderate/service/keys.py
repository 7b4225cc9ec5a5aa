"""API keys: digests in a file, one key shown once.

A key is 32 random bytes, so its digest alone tells nobody the key, and looking a digest up tells nothing by its time.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from plumbline.lineage import write_aside
from plumbline.moderate.failures import ServingError, no_key
from plumbline.records import SourceError
from plumbline.records.strict_toml import parse_toml, read_small_text
from plumbline.web.asgi import App, Receive, Scope, Send
from plumbline.web.rate_limits import token_looked_up
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
    try:
        if path.stat().st_mode & 0o077:
            raise ServingError(
                "PL-MDR-004",
                str(path),
                "others than its owner may read or change the file of keys",
                expected="mode 600",
                advice=f"chmod 600 {path}",
            )
        text = read_small_text(path, _MOST_BYTES)
    except OSError as error:
        raise SourceError(
            "PL-MDR-003",
            str(path),
            "the file of keys cannot be read",
            found=error.strerror or type(error).__name__,
            advice="make one: plumbline serve --add-key NAME --keys FILE",
        ) from error
    return _parse_keys(text, str(path))


def add_key(path: Path, name: str) -> str:
    """Draws a key, appends its digest to the file, and returns the key: it is nowhere else.

    Raises:
        ServingError: the name is no name, or is taken.
        SourceError: the file cannot be read or written.
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
    entry = (
        f'[{_quoted(name)}]\nsha256 = "{_digest(key)}"\ncreated = {datetime.now(UTC).isoformat(timespec="seconds")}\n'
    )
    with write_aside(path) as aside:
        aside.write_text(f"{before}\n{entry}" if before else entry, encoding="utf-8")
        aside.chmod(0o600)
    return key


def _quoted(name: str) -> str:
    return f'"{name}"'


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _parse_keys(text: str, place: str) -> dict[str, str]:
    try:
        tables = parse_toml(text)
    except ValueError as error:
        raise _no_keys(place, "no TOML") from error
    keys: dict[str, str] = {}
    for name, table in tables.items():
        digest = table.get("sha256") if isinstance(table, dict) else None
        if not isinstance(digest, str) or not _DIGEST.fullmatch(digest) or set(table) - {"sha256", "created"}:
            raise _no_keys(place, f"the table {name[:64]!r} is none of a key")
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


class RequireKey:
    """Middleware: lets through who has a key, and everybody to the open paths."""

    def __init__(self, app: App, keys: Mapping[str, str], *, open_paths: frozenset[str]) -> None:
        """Middleware.

        Args:
            keys: digest → name.
            open_paths: for everybody.
        """
        self._app = app
        self._keys = keys
        self._open_paths = open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http" or scope["path"] in self._open_paths:
            await self._app(scope, receive, send)
            return
        token = read_token(scope)
        name = None if token is None else self._keys.get(_digest(token))
        if token is not None:
            token_looked_up(scope, token, is_good=name is not None)
        scope[KEY_NAME] = name
        if name is None:
            raise no_key()
        await self._app(scope, receive, send)
