"""Stylesheets, modules and pictures: read once, served from memory under an address that holds their digest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from plumbline.collect.api.parameters import STATIC_PREFIX
from plumbline.records import PlumblineError

FOLDER = Path(__file__).with_name("static")
_MEDIA_TYPES: Mapping[str, str] = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file as it is served."""

    content: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class StaticFiles:
    """All of them.

    Attributes:
        digest: of all contents and names; stands in every address, so that modules that import each other fit together.
        by_name: the name is the path below `FOLDER`, with slashes. What is not in here is not served.
    """

    digest: str
    by_name: Mapping[str, StaticFile]

    @property
    def prefix(self) -> str:
        """Where they are, without a slash at the end."""
        return f"{STATIC_PREFIX}{self.digest}"


@cache
def static_files() -> StaticFiles:
    """The files of this installation.

    Raises:
        PlumblineError: PL-WEB-020, there are none: the installation is not whole.
    """
    found = {}
    for path in sorted(FOLDER.rglob("*")):
        if path.suffix in _MEDIA_TYPES and path.is_file():
            found[path.relative_to(FOLDER).as_posix()] = StaticFile(path.read_bytes(), _MEDIA_TYPES[path.suffix])
    if not found:
        raise PlumblineError(
            "PL-WEB-020",
            "the web app's files",
            "there are none where the program is installed",
            advice="install plumbline again",
        )
    digest = hashlib.sha256()
    for name, file in found.items():
        digest.update(f"{name}\0{len(file.content)}\0".encode() + file.content)
    return StaticFiles(digest.hexdigest()[:16], found)
