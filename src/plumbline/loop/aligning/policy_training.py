"""What runs that train a policy share: where they work, and what the policy that they start from says of itself."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plumbline.align.policy_folder import DESCRIPTION_NAME, HOLDS, read_description
from plumbline.lineage import (
    ALL_USES,
    UNKNOWN_LICENCE,
    FileEntry,
    FoundManifest,
    Terms,
    is_there,
    refuse_foreign_folder,
    refuse_output_among_inputs,
)
from plumbline.lineage.writing import MANIFEST_NAME
from plumbline.loop.asked_sources import shown_place
from plumbline.loop.training.folder import (
    claimed,
    is_unfinished,
    refuse_contradiction,
    refuse_unfinished,
    training_folder,
)
from plumbline.models.transformer.training.processes import is_first_process
from plumbline.records import SourceError, UsageError


@dataclass(frozen=True)
class Unfinished:
    """What to do with a run that was not finished: neither where there is none, or the user shall decide."""

    resume: bool = False
    restart: bool = False


def given(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that somebody made; None leaves the default."""
    return {name: value for name, value in settings.items() if value is not None}


@contextmanager
def working_folder(out: Path, named: Sequence[str | Path | None], unfinished: Unfinished) -> Iterator[Path]:
    """The folder beside the output in which a run works, held for it alone; it goes when the block ends well.

    Args:
        out: the output.
        named: sources and models; an output among them is refused.
        unfinished: what to do with an earlier run's.
    Raises:
        UsageError: something else stands at the output, a policy that is done does, an unfinished run there wants a decision or there is
            none to go on with, or another run holds it.
    """
    refuse_contradiction(resume=unfinished.resume, restart=unfinished.restart)
    refuse_foreign_folder(out, HOLDS)
    work = training_folder(out)
    _refuse_finished(out, work, unfinished)
    paths = [Path(name) for name in named if name is not None and is_there(str(name))]
    for place in (out, work):
        refuse_output_among_inputs(place, paths)
    if not is_first_process():
        yield work
        return
    with claimed(work):
        refuse_unfinished(work, decided=unfinished.resume or unfinished.restart)
        yield work
        shutil.rmtree(work, ignore_errors=True)


def _refuse_finished(out: Path, work: Path, unfinished: Unfinished) -> None:
    """A policy takes hours: none is replaced, and none is trained anew in the belief that it goes on."""
    is_done, is_begun = (out / DESCRIPTION_NAME).is_file(), is_unfinished(work)
    if unfinished.resume and not is_begun:
        raise UsageError(
            "PL-PTR-005",
            "--resume",
            "there is no run to go on with",
            expected=f"the folder {work.name} with a checkpoint, beside the output",
            found="a policy that is done" if is_done else "nothing",
            advice="leave --resume out and name another output; to train a policy further, name it as the one to begin with",
        )
    if is_done and not is_begun and not unfinished.restart:
        raise UsageError(
            "PL-PTR-006",
            str(out),
            "a policy that is done stands here",
            expected="a new output",
            advice="name another with -o, or --restart to replace this one",
        )


@dataclass(frozen=True)
class Origin:
    """The policy that a run starts from, as its folder tells of it.

    Attributes:
        told: its place, as descriptions and cards tell it.
        snapshot: what tells it from any other, see `CausalModel`; None of one that was made for this run.
        files: that it is loaded from.
        parent: digest of its manifest; None where there is none.
        terms: of what it was made with; None of one that was made for this run, of nothing.
        are_terms_known: whether anything tells them, of it and of all that it came from; else they are its files' own licence, which is
            for the user to read.
        is_synthetic: it was made of made-up data, as far as is known.
    """

    told: str
    snapshot: str | None = None
    files: Sequence[FileEntry] = ()
    parent: str | None = None
    terms: Terms | None = None
    are_terms_known: bool = True
    is_synthetic: bool = False


NOTHING = Origin("nothing")
"""Of a model that was made for the run."""
_UNKNOWN = Terms(ALL_USES, UNKNOWN_LICENCE)


def origin_of(location: str, snapshot: str, files: Mapping[str, str]) -> Origin:
    """What is known of a policy.

    Args:
        location: a folder or a hub id.
        snapshot: see `Origin`.
        files: name → SHA-256 of what it was loaded from; none of a hub id.
    """
    folder = Path(location).expanduser()
    if not folder.is_dir():
        return Origin(location, snapshot, terms=_UNKNOWN, are_terms_known=False)
    entries = [
        FileEntry(path=f"{folder.resolve().name}/{name}", sha256=digest, size_bytes=(folder / name).stat().st_size)
        for name, digest in files.items()
    ]
    described = read_description(folder)
    found = _manifest_of(folder, is_ours=bool(described))
    terms = found.manifest.terms if found else None
    return Origin(
        shown_place(str(folder)),
        snapshot,
        entries,
        found.digest if found else None,
        terms or _UNKNOWN,
        terms is not None and described.get("terms_of_its_origin_known", True) is True,
        bool(described.get("synthetic")),
    )


def _manifest_of(folder: Path, *, is_ours: bool) -> FoundManifest | None:
    try:
        return FoundManifest.at(folder / MANIFEST_NAME)
    except SourceError:
        if is_ours:  # damaged, and with it the terms
            raise
        return None  # another tool's says nothing
