"""Downloading data sets from the Hugging Face hub, through its own client."""

from __future__ import annotations

import errno
import shutil
from contextlib import suppress
from pathlib import Path

from pydantic import JsonValue

from plumbline.formats.own_folders import tables_of_release
from plumbline.lineage import Manifest, file_digest, read_manifest, write_folder_aside
from plumbline.lineage.writing import MANIFEST_NAME
from plumbline.records import SourceError, WriteError


def download_snapshot(
    hub_id: str, *, data_dir: str | None = None, revision: str | None = None, folder: Path | None = None
) -> Path:
    """A local copy of a data set's files: the client's cache, or `folder` where given.

    Args:
        hub_id: ``owner/name``.
        data_dir: only the files below this folder of the repository.
        revision: branch, tag or commit; the main branch by default.
        folder: where to put real files instead of the client's cache.
    Returns:
        The folder that holds the snapshot.
    Raises:
        SourceError: no such data set, no access, or no network and nothing in the cache.
        WriteError: the disk is full.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    patterns = None if data_dir is None else [f"{data_dir.strip('/')}/*", "README.md"]
    try:
        return Path(
            snapshot_download(hub_id, repo_type="dataset", revision=revision, allow_patterns=patterns, local_dir=folder)
        )
    except GatedRepoError as error:
        raise _unavailable(
            "PL-HUB-003",
            hub_id,
            "the data set is gated",
            "accept its terms on its page, then log in with: hf auth login",
        ) from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise _unavailable(
            "PL-HUB-001",
            hub_id,
            "there is no such data set on the hub, or it is private",
            "check the spelling, or log in with: hf auth login",
        ) from error
    except RevisionNotFoundError as error:
        raise _unavailable(
            "PL-HUB-004", hub_id, f"there is no revision {revision}", "leave the revision out, or name one that exists"
        ) from error
    except (
        Exception
    ) as error:  # of the client, the system, or the HTTP library below: a proxy, a connection that breaks off
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _disk_full(hub_id, folder) from error
        raise _unavailable(
            "PL-HUB-002",
            hub_id,
            f"the hub could not be reached ({type(error).__name__}) and no copy is in the cache",
            "check the network, or download it elsewhere and give the folder",
        ) from error


def _disk_full(hub_id: str, folder: Path | None) -> WriteError:
    place = "the cache of huggingface_hub" if folder is None else str(folder.parent)
    return WriteError(
        "PL-OUT-001",
        hub_id,
        f"the disk is full: {place} cannot hold the data set",
        advice="free some space, name one folder of it with --data-dir, or set HF_HOME to a folder on another disk",
    )


def _unavailable(code: str, hub_id: str, problem: str, advice: str) -> SourceError:
    return SourceError(code, hub_id, problem, advice=advice)


def pull_dataset(hub_id: str, out: Path, *, data_dir: str | None = None, revision: str | None = None) -> dict[str, int]:
    """Download a data set into a new folder, with a manifest that names where it came from; a release keeps its own.

    Returns:
        Size in bytes by file name.
    Raises:
        SourceError: as `download_snapshot`, or nothing of the repository is below `data_dir`.
        UsageError: something that Plumbline did not write stands at `out`.
    """
    with write_folder_aside(out, "data") as aside:
        download_snapshot(hub_id, data_dir=data_dir, revision=revision, folder=aside)
        shutil.rmtree(aside / ".cache", ignore_errors=True)  # the client's own notes
        files = {
            path.relative_to(aside).as_posix(): path.stat().st_size
            for path in sorted(aside.rglob("*"))
            if path.is_file()
        }
        if not set(files) - {"README.md"}:
            raise SourceError(
                "PL-HUB-005",
                hub_id,
                f'the repository holds nothing below "{data_dir or ""}"',
                advice="leave --data-dir out, or name a folder of it",
            )
        if not _is_whole_release(aside, data_dir):
            named: dict[str, JsonValue] = {"hub_id": hub_id, "revision": revision, "data_dir": data_dir}
            _manifest(aside, named).write(aside)
    return files


def _is_whole_release(folder: Path, data_dir: str | None) -> bool:
    """Whether a release came down whole: it keeps its own manifest, by which it can be verified."""
    return data_dir is None and tables_of_release(folder) is not None


def _manifest(folder: Path, named: dict[str, JsonValue]) -> Manifest:
    """The pull's manifest; the terms are those of the manifest that came along, where plumbline wrote the data set."""
    came_along = None
    with suppress(SourceError):  # a file of that name that is none of ours
        came_along = read_manifest(folder)
    return Manifest(
        holds="data",
        command=["data", "pull", str(named["hub_id"])],
        configuration=named,
        inputs=[],
        parents=[file_digest(folder / MANIFEST_NAME)] if came_along else [],
        uses=came_along.uses if came_along else None,
        licence=came_along.licence if came_along else None,
    )
