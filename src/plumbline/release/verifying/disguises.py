"""Files of data that another program could read as something else than Plumbline does.

Loaders ask a file's bytes what it is, archives first (`datasets` 2 to 5, ``utils/extract.py``): a gzip file in whose header, or a
table in whose first page, the header of a tar archive stands is unpacked as that archive, and its rows are others.
"""

from __future__ import annotations

import gzip
import tarfile
import zlib
from pathlib import Path

_GZIP = b"\x1f\x8b"
_TAR_HEADER_BYTES = 512


def disguise(path: Path) -> str | None:
    """What a file could be taken for, as a clause; None where it is lines or a table to every reader.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_TAR_HEADER_BYTES)
    if _is_tar_header(head):
        return "it begins as a tar archive does, which other readers would unpack"
    if not head.startswith(_GZIP):
        return None
    if head[3:4] != b"\0":
        return "its gzip header holds more than a release writes there, in which an archive can hide"
    try:
        with gzip.open(path) as lines:
            unpacked = lines.read(_TAR_HEADER_BYTES)
    except (OSError, EOFError, zlib.error):  # damage is told where the lines are read
        return None
    if _is_tar_header(unpacked):
        return "its lines begin as a tar archive does, which other readers would unpack"
    return None if unpacked.startswith(b"{") else "it begins with something else than a line of JSON"


def _is_tar_header(head: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(head.ljust(_TAR_HEADER_BYTES, b"\0"), "utf-8", "surrogateescape")
    except tarfile.TarError:
        return False
    return True
