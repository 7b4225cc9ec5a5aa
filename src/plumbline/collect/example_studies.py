"""The example studies: one of each kind, with guidelines and synthetic data, that work at once and offline.

An example, its study and its file have one name, that of the study's kind. Of preference chats there is a second one, which
asks about harm.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from plumbline.lineage import write_folder_aside
from plumbline.lineage.workplaces import NEW, clear_leftovers, workplace
from plumbline.lineage.writing import write_error
from plumbline.records import UsageError, unknown_name

_FOLDER = Path(__file__).parent / "examples"
EXAMPLES = (
    "pairs",
    "preference-chat",
    "preference-chat-harmlessness",
    "red-team-chat",
    "safety-labels",
    "two-axis-ranking",
)
"""Every text in them was made up for the purpose."""
HELP_TO_REPLACE = "mailto:replace-this@example.org"
"""Whom workers ask, in every example: nobody."""
_STUDY_FILE = "study.toml"


def example_files(name: str) -> dict[str, bytes]:
    """The files of an example, by their path in the study folder.

    Raises:
        UsageError: PL-ARG-001, there is no such example.
    """
    if name not in EXAMPLES:
        raise unknown_name("--example", name, EXAMPLES)
    text = (_FOLDER / f"{name}.toml").read_bytes()
    named = sorted(set(_files_named(tomllib.loads(text.decode()))))
    return {_STUDY_FILE: text} | {path: (_FOLDER / path).read_bytes() for path in named}


def write_example(folder: Path, name: str) -> bool:
    """Makes a study folder of an example; whether it had to be written, for it may stand there from an earlier start.

    Raises:
        UsageError: PL-STA-003, something else stands there; PL-ARG-001, no such example.
        WriteError: the folder cannot be written.
    """
    files = example_files(name)
    if folder.exists() and not folder.is_dir():
        raise _taken(folder, "a file")
    if folder.exists():
        clear_leftovers(folder, _STUDY_FILE)
        if _may_be_filled(folder, files):
            _fill(folder, files)
            return True
        differing = [path for path, content in files.items() if not _holds(folder / path, content)]
        if differing:
            raise _taken(folder, f"{differing[0]} is missing or another")
        return False
    with write_folder_aside(folder, "study") as aside:
        _write(aside, files)
    return True


def write_missing_example(said: Path) -> bool:
    """Makes the example that a path names where nothing is there yet: ``examples/pairs``, or ``examples/pairs.toml``.

    Returns:
        Whether it did; the folder has the path's name without ``.toml``.
    Raises:
        WriteError: the folder cannot be written.
    """
    folder = folder_meant(said)
    if said.exists() or folder.exists() or folder.name not in EXAMPLES:
        return False
    return write_example(folder, folder.name)


def folder_meant(said: Path) -> Path:
    """The folder that a path means: that called ``NAME`` for ``NAME.toml``, else the path itself.

    A path without a name, as ``.`` and ``/``, is itself, and so is one whose name would be dots alone.
    """
    name = said.name.removesuffix(".toml")
    return said.with_name(name) if said.suffix == ".toml" and name.strip(".") else said


def _may_be_filled(folder: Path, files: dict[str, bytes]) -> bool:
    """Whether it is empty, or holds what filling it put there before it broke off: some of the files, the last not."""
    standing = {entry.name for entry in folder.iterdir()}
    if not standing <= {Path(path).parts[0] for path in files} - {_STUDY_FILE}:
        return False
    return all(_holds(folder / path, content) for path, content in files.items() if Path(path).parts[0] in standing)


def _fill(folder: Path, files: dict[str, bytes]) -> None:
    """Puts what is missing of the files into a folder, the study file last. The folder stays: somebody may stand in it."""
    try:
        with workplace(folder / _STUDY_FILE) as place:
            aside = place / NEW
            _write(aside, files)
            for entry in sorted(aside.iterdir(), key=lambda entry: (entry.name == _STUDY_FILE, entry.name)):
                if not (folder / entry.name).exists():
                    entry.rename(folder / entry.name)
    except OSError as error:
        raise write_error(folder, error) from error


def _write(folder: Path, files: dict[str, bytes]) -> None:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def _files_named(study: dict[str, Any]) -> list[str]:
    """The paths in a study file: guidelines, data, corpora."""
    items = study["items"]
    found = [study["guidelines"]]
    found += [items[key] for key in ("data", "prompts") if isinstance(items, dict) and key in items]
    found += [study[table]["items"] for table in ("qualification", "gold", "attention") if table in study]
    return found + [address.partition(":")[2] for address in study.get("replies", {}).get("sources", ())]


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except OSError:
        return False


def _taken(folder: Path, found: str) -> UsageError:
    return UsageError(
        "PL-STA-003",
        str(folder),
        "the folder is taken",
        expected="a new or empty folder, or this example as it was written",
        found=found,
        advice="name another folder; leave --example out for a study of your own",
    )
