"""The words of a release that are not of its rows: what was asked, what people say of it, and the notes that go along.

They are looked at as the rows are. Left alone is what somebody states so that they are found: authors, contact, address and
citation.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import JsonValue

from plumbline.release.answers import Answers
from plumbline.release.observed import FindPersonalData
from plumbline.release.rows import last_part
from plumbline.release.words import HOME_PATH, leads_home

_OPENLY = ("authors", "contact", "address", "citation")

Said = tuple[str, str]
"""Where words stand, and the words."""


@dataclass(frozen=True, slots=True)
class OwnFindings:
    """Personal data in the words of a release beside its rows.

    Attributes:
        counts: by kind.
        places: where, each once, in order.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    places: tuple[str, ...] = ()


def released_command(command: Sequence[str]) -> list[str]:
    """A command without the folders of a machine: of a path its last part, also behind ``--option=``."""
    return ["=".join([*before, last_part(last)]) for word in command for *before, last in [word.split("=", 1)]]


def released_notes(notes: Any) -> Any:
    """JSON in which every path of a machine is its last part."""
    if isinstance(notes, dict):
        return {last_part(key): released_notes(value) for key, value in notes.items()}
    if isinstance(notes, list):
        return [released_notes(value) for value in notes]
    return last_part(notes) if isinstance(notes, str) else notes


def write_notes(source: Path, target: Path) -> None:
    """Copy notes in JSON without the folders of a machine."""
    notes = released_notes(json.loads(source.read_bytes()))
    target.write_text(json.dumps(notes, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def words_of_answers(answers: Answers) -> Iterator[Said]:
    """What the answers say, but for who answers for the data and how they are found."""
    told = answers.model_dump(mode="json", exclude=set(_OPENLY), exclude_none=True)
    yield from words_of_json("answers", told)


def words_of_json(place: str, value: JsonValue) -> Iterator[Said]:
    """Every string in JSON, names of keys too, with the name of the key that it stands under."""
    todo: list[tuple[str, JsonValue]] = [(place, value)]
    while todo:
        where, each = todo.pop()
        if isinstance(each, str):
            yield where, each
        elif isinstance(each, list):
            todo += [(where, inner) for inner in each]
        elif isinstance(each, dict):
            yield from ((where, key) for key in each)
            todo += [(f"{where}, {key}" if where == place else where, inner) for key, inner in each.items()]


def words_of_file(path: Path, name: str) -> Iterator[Said]:
    """The words of a file of notes: strings of JSON, else lines."""
    if not path.is_file():
        return
    text = path.read_text(encoding="utf-8", errors="backslashreplace")
    if path.suffix == ".json":
        yield from words_of_json(name, released_notes(json.loads(text)))
    else:
        yield from ((name, line) for line in text.splitlines())


def look_at(said: Iterable[Said], find_personal_data: FindPersonalData) -> OwnFindings:
    """What is found in words, as it is in rows."""
    listed = list(said)
    found = find_personal_data(pl.Series([words for _, words in listed], dtype=pl.String))
    rows = [(int(row["text"]), str(row["kind"])) for row in found.iter_rows(named=True)]
    rows += [(at, HOME_PATH) for at, (_, words) in enumerate(listed) if leads_home(words)]
    places = dict.fromkeys(listed[at][0] for at, _ in sorted(rows))
    return OwnFindings(dict(Counter(kind for _, kind in rows)), tuple(places))
