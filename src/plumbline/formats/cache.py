"""Plumbline's cache of files already read: Arrow files, mapped into memory when asked for again.

The key is the content's SHA-256 with everything else that shapes the result, so a changed file is never answered with
old rows. The cache holds texts in the clear: what it keeps is readable by its owner only, and `plumbline data check` and
`load` leave it alone with ``--no-cache`` and ``cache=False``.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa

from plumbline.formats.locations import Location
from plumbline.lineage import Fault, Finding, clear_leftovers, file_digest, json_digest, write_folder_aside
from plumbline.records import Kind, PlumblineError

READER_VERSION = 4
"""Raised whenever a reader's result for the same bytes changes."""

_LIMIT_BYTES = 20 << 30
_COMPLETE = "manifest.json"  # the marker that write_folder_aside takes for one of ours


@dataclass(frozen=True)
class CachedFile:
    """What reading one file gave."""

    tables: Mapping[Kind, pa.Table]
    faults: list[Fault]
    findings: list[Finding]
    rows_read: int
    format_name: str


def cache_folder() -> Path:
    """``$PLUMBLINE_CACHE``, else ``$XDG_CACHE_HOME/plumbline``, else ``~/.cache/plumbline``."""
    if own := os.environ.get("PLUMBLINE_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "plumbline"


def cache_key(location: Location, format_name: str | None) -> str:
    """The entry's name: a digest of the file's content, its origin, the format asked for and the reader's version."""
    return json_digest([READER_VERSION, file_digest(location.path), asdict(location.origin), format_name])


def read_entry(key: str) -> CachedFile | None:
    """The entry, its tables mapped into memory, not read; None where there is none or it is damaged."""
    folder = cache_folder() / key
    try:
        notes = json.loads((folder / _COMPLETE).read_text(encoding="utf-8"))
        tables = {}
        for kind in notes["kinds"]:
            with pa.memory_map(str(folder / f"{kind}.arrow")) as file:
                tables[Kind(kind)] = pa.ipc.open_file(file).read_all()
        os.utime(folder)
        return CachedFile(
            tables,
            [Fault(**fault) for fault in notes["faults"]],
            [Finding(**finding) for finding in notes["findings"]],
            notes["rows_read"],
            notes["format_name"],
        )
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowInvalid):
        return None


def write_entry(key: str, entry: CachedFile) -> None:
    """Keep the entry; a cache that cannot be written is passed over, since the rows are already read."""
    with suppress(PlumblineError, OSError):
        folder = cache_folder()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with write_folder_aside(folder / key, "cache") as aside:
            aside.chmod(0o700)  # whatever the cache's own folder lets others do
            for kind, table in entry.tables.items():
                with (
                    pa.OSFile(str(aside / f"{kind}.arrow"), "wb") as file,
                    pa.ipc.new_file(file, table.schema) as writer,
                ):
                    writer.write_table(table.unify_dictionaries())
            notes = {
                "holds": "cache",
                "outputs": [{"path": f"{kind}.arrow"} for kind in entry.tables],
                "kinds": list(entry.tables),
                "faults": [asdict(fault) for fault in entry.faults],
                "findings": [asdict(finding) for finding in entry.findings],
                "rows_read": entry.rows_read,
                "format_name": entry.format_name,
            }
            (aside / _COMPLETE).write_text(json.dumps(notes), encoding="utf-8")
        clear_leftovers(folder)
        _drop_oldest(folder)


def _is_entry(path: Path) -> bool:
    """Only folders that this module made are ever removed."""
    return path.is_dir() and bool(re.fullmatch(r"[0-9a-f]{64}", path.name)) and (path / _COMPLETE).is_file()


def _drop_oldest(folder: Path) -> None:
    entries = [(path.stat().st_mtime, path) for path in folder.iterdir() if _is_entry(path)]
    sizes = {path: sum(file.stat().st_size for file in path.iterdir()) for _, path in entries}
    total = sum(sizes.values())
    for modified, path in sorted(entries):
        if total <= _LIMIT_BYTES:
            return
        if time.time() - modified > 60:
            shutil.rmtree(path, ignore_errors=True)
            total -= sizes[path]
