"""Where a study stands on disk: its folder, the one TOML file in it, and the store beside that file.

Where several study files stand in one folder, each has a store of its own name beside it. A TOML file that comes or goes
later moves no store: what was judged would be out of sight, and a second store begun.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from plumbline.collect.example_studies import EXAMPLES, folder_meant
from plumbline.records import UsageError

STUDY_FILE_NAME = "study.toml"
STORE_NAME = "collect.db"


@dataclass(frozen=True, slots=True)
class StudyPlace:
    """A study on disk and its store.

    Attributes:
        said: the path as it was given; commands to type next repeat it.
        file: the study's TOML file.
        store: a file, or the URL of a database; may hold a password.
    """

    said: Path
    file: Path
    store: str | Path

    @property
    def folder(self) -> Path:
        """Where the study's paths start."""
        return self.file.parent


def find_study_place(said: Path, store: str | None = None) -> StudyPlace:
    """The study file that a path means: the path itself, else ``study.toml`` in it, else the one TOML file in it.

    A path ``NAME.toml`` that is not there means the folder ``NAME``.

    Args:
        said: a folder or a TOML file.
        store: where the store is; None for the one beside the study file, see `store_beside`.
    Raises:
        UsageError: PL-STA-001 nothing is there, PL-STA-002 several files or stores could be meant.
    """
    file = find_study_file(said)
    return StudyPlace(said, file, store if store is not None else store_beside(file))


def find_study_file(said: Path) -> Path:
    """The file of `find_study_place`, for who needs no store.

    Raises:
        UsageError: PL-STA-001 nothing is there, PL-STA-002 several could be meant.
    """
    return said if said.is_file() else _file_in(_folder_meant(said))


def store_of(said: Path, store: str | None = None) -> str | Path:
    """Where the store of a study folder is, also where the study file is not there (any more).

    Raises:
        UsageError: PL-STA-001, neither a store is named nor a folder there; PL-STA-002, several could be meant.
    """
    if store is not None:
        return store
    folder = _folder_meant(said)
    if not folder.exists():
        raise _nothing(said, "no such file or folder")
    if folder.is_file():
        return store_beside(folder)
    names = _toml_files(folder)
    return store_beside(folder / names[0]) if len(names) == 1 else folder / STORE_NAME


def store_beside(file: Path) -> Path:
    """The store of a study file: `STORE_NAME`; for one of several in its folder that name is not clear, so its own.

    Raises:
        UsageError: PL-STA-002, `STORE_NAME` stands there, and may be this file's from when it was alone, or another's.
    """
    common, own = file.parent / STORE_NAME, file.with_suffix(".db")
    if file.name == STUDY_FILE_NAME:
        return common
    if len(_toml_files(file.parent)) < 2:
        if not (common.exists() and own.exists()):
            return own if own.exists() else common
    elif own.exists() or not common.exists() or (file.parent / STUDY_FILE_NAME).is_file():
        return own
    raise UsageError(
        "PL-STA-002",
        str(file),
        f"{STORE_NAME} stands beside it, and may be the store of another TOML file that stands there or did",
        expected=f"{own.name}, the store of one of several, or {STORE_NAME} alone",
        found=f"{STORE_NAME} and {own.name}" if own.exists() else STORE_NAME,
        advice=f"--store {common} where it is this study's, else --store {own}; plumbline collect status --store says what "
        "is in one",
    )


def _folder_meant(said: Path) -> Path:
    folder = folder_meant(said)
    return folder if not said.exists() and folder.is_dir() else said


def _file_in(folder: Path) -> Path:
    if not folder.is_dir():
        raise _nothing(folder, "no such file or folder")
    if (folder / STUDY_FILE_NAME).is_file():
        return folder / STUDY_FILE_NAME
    found = _toml_files(folder)
    if not found:
        raise _nothing(folder, "a folder without a TOML file")
    if len(found) > 1:
        raise UsageError(
            "PL-STA-002",
            str(folder),
            "several study files stand here",
            expected=f"one TOML file, or one of them called {STUDY_FILE_NAME}",
            found=", ".join(found[:5]) + (" and others" if len(found) > 5 else ""),
            advice=f"name the file: {folder / found[0]}",
        )
    return folder / found[0]


def _toml_files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.toml") if path.is_file())


def _nothing(place: Path, found: str) -> UsageError:
    return UsageError(
        "PL-STA-001",
        str(place),
        "there is no study here",
        expected=f"a folder with {STUDY_FILE_NAME}, or a TOML file",
        found=found,
        advice=f"plumbline collect init {place} --example pairs, or another of {', '.join(EXAMPLES)}",
    )
