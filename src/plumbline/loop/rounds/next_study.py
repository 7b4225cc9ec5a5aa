"""The study that the next round begins with: one like the pattern, whose replies this round's scorer chooses.

Of a chat, the two replies of a turn are the best of k by the scorer, which goes along: a server opens nothing outside of the
study's folder. Of pairs, the items are the best and worst replies that best of n found. Guidelines and every other file that
the pattern names go along too.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import JsonValue

from plumbline.collect.study_file import ReadStudy, read_study_file
from plumbline.collect.study_settings import StudyKind
from plumbline.lineage import FileEntry, FoundManifest, Manifest, file_digest, is_there, write_folder_aside
from plumbline.lineage.writing import MANIFEST_NAME
from plumbline.loop.reply_scorer import open_reply_scorer
from plumbline.records import Kind, UsageError
from plumbline.sources import parse_address

STUDY = "study"
_FILE, _SCORER, _PAIRS, _BROUGHT = "study.toml", "scorer", "data/best-of-n", "brought"
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_LOCAL = ("retrieval", "transformers")


@dataclass(frozen=True)
class NextStudy:
    """What is to be made.

    Attributes:
        pattern: the study that it is like.
        sources: that reply in it; None for those of the pattern.
        chosen: the folder of the scorer, of chats; that of best of n, of pairs.
    """

    pattern: ReadStudy
    name: str
    tranche: str
    k: int
    sources: tuple[str, ...] | None
    chosen: Path
    round_name: str

    @property
    def is_pairs(self) -> bool:
        """Whether its items are pairs."""
        return self.pattern.study.kind is StudyKind.PAIRS


def write_next_study(
    study: NextStudy, out: Path, *, command: Sequence[str] = (), say: Any = lambda _: None
) -> list[str]:
    """Write the folder, and look at it as `collect init` will.

    Args:
        out: a new folder, or one that this wrote and nobody started a study in.
        say: told what is being looked at.
    Returns:
        What of the pattern was left out, in words.
    Raises:
        StudyFileError: `collect init` would refuse it; nothing is written.
        UsageError: PL-OUT-002, something else stands there, a study that was started among it; PL-RND-017.
    """
    # Needs the extra, as a round without studies does not.
    from plumbline.collect.service.start_checks import check_start

    files = named_files(study.pattern)
    brought = {text: _new_name(text, number) for number, text in enumerate(files)}
    tables, left_out = next_tables(study, brought)
    with write_folder_aside(out, STUDY) as aside:
        for text, path in files.items():
            _copy(path, aside / brought[text])
        if study.is_pairs:
            shutil.copytree(study.chosen / Kind.COMPARISONS, aside / _PAIRS / Kind.COMPARISONS)
        else:
            shutil.copytree(study.chosen, aside / _SCORER)
        said = f"# Like the study {study.pattern.study.name}; replies chosen by the models of the round {study.round_name}.\n"
        (aside / _FILE).write_text(said + toml_text(tables), encoding="utf-8")
        check_start(read_study_file(aside / _FILE), _FILE, open_scorer=open_reply_scorer, say=say)
        _manifest(study, command).write(aside)
    return left_out


def next_tables(study: NextStudy, brought: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """What the study's file says, and what of the pattern is left out, in words.

    Args:
        brought: path in the pattern → path in the new folder.
    """
    tables = study.pattern.study.model_dump(mode="json", exclude_unset=True)
    tables |= {"name": study.name, "tranche": study.tranche, "guidelines": brought[tables["guidelines"]]}
    for name in ("items", "qualification", "gold", "attention"):
        for key in ("data", "prompts", "items"):
            if isinstance(tables.get(name), dict) and tables[name].get(key) in brought:
                tables[name] |= {key: brought[tables[name][key]]}
    if study.is_pairs:
        tables["items"] = {"data": _PAIRS}
    else:
        before = tables.get("replies", {})
        sources = study.sources or tuple(_brought_address(each, brought) for each in before.get("sources", ()))
        chosen = {"sampler": "best-of-k", "sources": list(sources), "scorer": _SCORER, "k": study.k}
        tables["replies"] = {**before, **chosen}
    left_out = []
    if tables.pop("prolific", None) is not None:
        left_out.append(
            f"{study.name}: the table [prolific] is left out, its ids are of the study before; make a draft there, add it, then init"
        )
    return tables, left_out


def _brought_address(text: str, brought: Mapping[str, str]) -> str:
    kind, _, location = text.partition(":")
    return f"{kind}:{brought.get(location, location)}" if kind in _LOCAL else text


# --- files ---


def named_files(pattern: ReadStudy) -> dict[str, Path]:
    """The files that a pattern names, by how it names them; its scorer is none of them, a new one takes its place.

    Raises:
        UsageError: PL-RND-017, one of them is the study's own folder, or holds it.
    """
    found = {text: pattern.folder / text for text in _paths(pattern)}
    home = pattern.folder.resolve()
    for text, path in found.items():
        if home.is_relative_to(path.resolve()):
            raise UsageError(
                "PL-RND-017",
                f"study {pattern.study.name}",
                "it names its own folder as data, which cannot go along into the next one",
                expected="a file, or a folder within the study's",
                found=text[:200],
                advice="put the data into a folder of its own",
            )
    return {text: path for text, path in found.items() if is_there(path)}


def _paths(pattern: ReadStudy) -> Iterator[str]:
    study = pattern.study
    yield study.guidelines
    is_pairs = study.kind is StudyKind.PAIRS  # its items are made anew
    items = () if is_pairs else (study.items.data, study.items.prompts)
    checks = (section.items for section in (study.qualification, study.gold, study.attention) if section is not None)
    yield from (text for text in (*items, *checks) if text is not None)
    for text in () if study.replies is None else study.replies.sources:
        address = parse_address(text)
        if address.kind in _LOCAL:
            yield address.location


def _new_name(text: str, number: int) -> str:
    """Where a file stands in the new folder: where it stood, or among those that were brought from elsewhere."""
    path = PurePosixPath(text)
    is_within = (
        not path.is_absolute() and ".." not in path.parts and path.parts[:1] not in ((_SCORER,), (MANIFEST_NAME,))
    )
    is_free = text not in (_FILE, ".") and not text.startswith(_PAIRS)
    return text if is_within and is_free else f"{_BROUGHT}/{number}-{path.name}"


def _copy(path: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        shutil.copytree(path, to, dirs_exist_ok=True)
    else:
        shutil.copyfile(path, to)


def _manifest(study: NextStudy, command: Sequence[str]) -> Manifest:
    chosen = FoundManifest.at(study.chosen / MANIFEST_NAME)
    guidelines = study.pattern.folder / study.pattern.study.guidelines
    configuration: dict[str, JsonValue] = {
        "name": study.name,
        "like": study.pattern.study.name,
        "like_sha256": study.pattern.sha256,
        "round": study.round_name,
        "guidelines_sha256": file_digest(guidelines),
    }
    found = chosen.manifest if chosen is not None and study.is_pairs else None
    return Manifest(
        holds=STUDY,
        command=list(command),
        configuration=configuration,
        inputs=[FileEntry.of(guidelines)],
        parents=[] if chosen is None else [chosen.digest],
        uses=None if found is None else found.uses,
        licence=None if found is None else found.licence,
    )


# --- TOML ---


def toml_text(tables: Mapping[str, Any]) -> str:
    """Tables as TOML: values first, then a table each; nothing deeper is in a study's file."""
    values = {key: value for key, value in tables.items() if not _is_table(value) and not _is_tables(value)}
    lines = [f"{_key(key)} = {_value(value)}" for key, value in values.items()]
    for key, value in tables.items():
        if _is_table(value):
            lines += ["", f"[{_key(key)}]", *(f"{_key(name)} = {_value(each)}" for name, each in value.items())]
        for table in value if _is_tables(value) else ():
            lines += ["", f"[[{_key(key)}]]", *(f"{_key(name)} = {_value(each)}" for name, each in table.items())]
    return "\n".join(lines) + "\n"


def _is_table(value: object) -> bool:
    return isinstance(value, dict)


def _is_tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _value(name)


def _value(value: object) -> str:
    """Strings and lists are written as JSON's are; TOML knows no DEL as it is."""
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
