"""Where a curating run writes, what stands there before, and where its stages leave what they make until it is through."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from plumbline.lineage import FoundManifest, Manifest, json_digest, refuse_output_among_inputs, write_error
from plumbline.lineage.writing import MANIFEST_NAME
from plumbline.records import SourceError, UsageError


@dataclass(frozen=True)
class Replaced:
    """An earlier curation that is there no more: its manifest, and the digest of that."""

    manifest: Manifest
    sha256: str


def standing(out: Path) -> Replaced | None:
    """The curation whose place the output will take; None where there is none that can be read."""
    try:
        found = FoundManifest.at(out / MANIFEST_NAME)
        return None if found is None else Replaced(found.manifest, found.digest)
    except (SourceError, OSError):
        return None


def workspace_of(out: Path, work: Path | None) -> Path:
    """Where stages leave what they make: beside the output, or a folder of the output's own in `work`."""
    resolved = Path(os.path.realpath(out))
    if work is None:
        return resolved.parent / f".{resolved.name}.stages"
    return Path(os.path.realpath(work)) / f".{resolved.name}.{json_digest(str(resolved))[:8]}.stages"


def refuse_places(out: Path, work: Path | None, sources: Sequence[str]) -> None:
    """Refuse an output, or a folder for what stages leave, that leads nowhere, into the other or into what is read.

    Raises:
        WriteError: links lead in a circle, a name is too long, or a file stands where the folder for stages should.
        UsageError: one would stand within another.
    """
    _require_reachable(out)
    if work is None:
        return
    _require_reachable(work)
    if work.exists() and not work.is_dir():
        raise write_error(work, NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)))
    workspace, target = workspace_of(out, work), Path(os.path.realpath(out))
    if workspace.is_relative_to(target) or target.is_relative_to(workspace):
        raise UsageError(
            "PL-CUR-006",
            f"--work {work}",
            "the output and the folder for what stages leave would stand within each other",
            expected="two folders apart: the output is replaced as a whole, the other is removed in the end",
            found=f"-o {out}",
            advice="name another folder with --work, or leave it out: then it stands beside the output",
        )
    refuse_output_among_inputs(workspace, [Path(source) for source in sources])


def _require_reachable(place: Path) -> None:
    """Nothing need be there yet, but the system must be able to look."""
    try:
        place.stat()
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise write_error(place, error) from error
