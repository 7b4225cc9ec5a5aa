"""A study is one TOML file: read, checked whole, and everything wrong with it told at once, with the line.

`read_study_file` reads it from disk with its guidelines and looks whether the files it names are there;
`parse_study_file` takes the text alone, as the store keeps it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from plumbline.collect.study_checks import missing_file_problems, study_problems
from plumbline.collect.study_lines import KeyPath, key_lines, line_of
from plumbline.collect.study_problems import StudyFileError, StudyProblem, written_key
from plumbline.collect.study_settings import (
    Attention,
    Gold,
    Items,
    Mturk,
    PriorityRule,
    Prolific,
    Qualification,
    Replies,
    Review,
    SpotCheck,
    StudyFile,
    Wellbeing,
)
from plumbline.records.strict_toml import parse_toml, read_small_text

_RESTS_ON = {
    "question": ("axes",),
    "tranche": ("replies",),
    "wellbeing": ("items",),
    "prolific": ("per_worker_limit",),
    "mturk": ("per_worker_limit",),
}
"""Settings that are judged by others."""

MOST_STUDY_BYTES = 64 << 10
MOST_GUIDELINES_BYTES = 128 << 10
"""Some twenty thousand words; Markdown that is out to be slow takes seconds to render at this size."""

SECTIONS: dict[str, type[BaseModel]] = {
    "items": Items,
    "priorities": PriorityRule,
    "replies": Replies,
    "qualification": Qualification,
    "gold": Gold,
    "attention": Attention,
    "review": Review,
    "spot_check": SpotCheck,
    "wellbeing": Wellbeing,
    "prolific": Prolific,
    "mturk": Mturk,
}
"""The tables of a study file and what they hold."""

_STRINGS = "mend it; strings need quotes"
_TRUTHS = {"yes": "true", "on": "true", "true": "true", "no": "false", "off": "false", "false": "false"}
"""What people write for true and false."""
_STAND_INS: dict[str, Any] = {"name": "x", "tranche": "base", "guidelines": "x", "items": {"from_workers": True}}
"""Right values for required settings that are wrong or missing, so that the others can be looked at all the same."""


@dataclass(frozen=True)
class ReadStudy:
    """A study file as it stands on disk.

    Attributes:
        study: the settings.
        text, sha256: the file; the store keeps the text, and the digest tells whether it was changed.
        guidelines: the Markdown that workers read.
        folder: where the paths of the study start.
    """

    study: StudyFile
    text: str
    sha256: str
    guidelines: str
    folder: Path


def read_study_file(path: Path) -> ReadStudy:
    """Read a study file and its guidelines.

    Raises:
        StudyFileError: whatever is wrong with it, all of it at once.
    """
    text = _read_text(path, path.name, MOST_STUDY_BYTES)
    study, problems = _parsed(text, path.name)
    told = {problem.key for problem in problems}
    missing = _with_lines(missing_file_problems(_toml(text, path.name), path.parent), text)
    problems += [problem for problem in missing if problem.key not in told]
    if study is None or problems:
        raise StudyFileError(path.name, _in_order(problems))
    guidelines = _read_text(path.parent / study.guidelines, path.name, MOST_GUIDELINES_BYTES, ("guidelines",))
    return ReadStudy(study, text, sha256(text.encode()).hexdigest(), guidelines, path.parent)


def parse_study_file(text: str, file_name: str = "study.toml") -> StudyFile:
    """The settings in the text of a study file; whether the files it names exist is not looked at.

    Args:
        text: TOML.
        file_name: as it is to be called in errors.
    Raises:
        StudyFileError: whatever is wrong with it, all of it at once.
    """
    study, problems = _parsed(text, file_name)
    if study is None or problems:
        raise StudyFileError(file_name, _in_order(problems))
    return study


def read_study_settings(path: Path) -> StudyFile:
    """The settings of a study file, whether or not the files that it names are there still.

    Raises:
        StudyFileError: whatever is wrong with it, all of it at once.
    """
    return parse_study_file(_read_text(path, path.name, MOST_STUDY_BYTES), path.name)


def read_study_name(path: Path) -> str:
    """The name in a study file, whatever else it says: the store has the study under it.

    Raises:
        StudyFileError: it cannot be read, is no TOML, or has no name.
    """
    try:
        name = parse_toml(_read_text(path, path.name, MOST_STUDY_BYTES)).get("name")
    except ValueError:
        name = None
    return name if isinstance(name, str) and name else read_study_settings(path).name


def _read_text(path: Path, file_name: str, most_bytes: int, key: KeyPath = ()) -> str:
    try:
        return read_small_text(path, most_bytes)
    except OSError as error:
        problem = StudyProblem(
            code="PL-STY-008",
            key=key,
            problem="cannot be read",
            expected=f"a text in UTF-8 of at most {most_bytes >> 10} KiB",
            found=error.strerror or type(error).__name__,
            advice="check the path and the file",
        )
        raise StudyFileError(file_name, [problem]) from error


def _parsed(text: str, file_name: str) -> tuple[StudyFile | None, list[StudyProblem]]:
    """The settings, with stand-ins where they are wrong, and the problems; None where the kind is not known."""
    study, problems = _validated(_toml(text, file_name))
    if study is not None:
        problems += [problem for problem in study_problems(study) if not _is_covered(problem, problems)]
    return study, _with_lines(problems, text)


def _toml(text: str, file_name: str) -> dict[str, Any]:
    try:
        return parse_toml(text)
    except ValueError as error:
        found = str(error)[:200]
        line, advice = _where_and_what(text, found)
        problem = StudyProblem(code="PL-STY-004", line=line, problem="is no TOML", found=found, advice=advice)
        raise StudyFileError(file_name, [problem]) from error


def _where_and_what(text: str, found: str) -> tuple[int | None, str]:
    """The line that the reader's message names, and what to do: yes and no are words of other languages."""
    place = re.search(r"at line (\d+), column (\d+)", found)
    if place is None:
        return None, _STRINGS
    line, column = int(place[1]), int(place[2])
    word = re.match(r"\w+", text.replace("\r\n", "\n").split("\n")[line - 1][column - 1 :])
    meant = _TRUTHS.get(word[0].lower()) if word else None
    return line, _STRINGS if word is None or meant is None else f"write {meant} in place of {word[0]}"


def _validated(data: dict[str, Any]) -> tuple[StudyFile | None, list[StudyProblem]]:
    """The settings, those that are wrong taken out first alone, then with the table they stand in."""
    told: list[StudyProblem] = []
    kept = data
    for take_out in (_without_setting, _without_table, None):
        try:
            return _study(kept), told
        except ValidationError as error:
            details = _innermost(error.errors(include_url=False, include_context=False))
        # What a first removal leaves missing is no mistake of the file.
        told = told or [_problem_of(detail) for detail in details]
        if take_out is not None:
            kept = deepcopy(kept)
            for detail in details:
                take_out(kept, detail["loc"])
    return None, told


def _innermost(details: list[ErrorDetails]) -> list[ErrorDetails]:
    """Without what only follows: a list whose one entry is wrong is said to be empty, too."""
    places = {detail["loc"] for detail in details}
    return [
        detail
        for detail in details
        if not any(place[: len(detail["loc"])] == detail["loc"] != place for place in places)
    ]


def _without_setting(data: dict[str, Any], key: KeyPath) -> None:
    table = data.get(str(key[0])) if len(key) == 2 else None
    if isinstance(table, dict):
        table.pop(key[1], None)
    else:
        _without_table(data, key)


def _without_table(data: dict[str, Any], key: KeyPath) -> None:
    top = str(key[0]) if key else ""
    data.pop(top, None)
    if top in _STAND_INS:
        data[top] = _STAND_INS[top]


def _study(data: Mapping[str, Any]) -> StudyFile:
    # Read as JSON, which is strict about numbers and booleans but takes lists and strings for tuples and enums.
    return StudyFile.model_validate_json(json.dumps(data, default=str))


def _problem_of(detail: ErrorDetails) -> StudyProblem:
    key: KeyPath = tuple(detail["loc"])
    name = str(key[-1]) if key else ""
    if detail["type"] == "extra_forbidden":
        return StudyProblem(
            code="PL-STY-001",
            key=key,
            problem="there is no such setting",
            expected=f"one of {', '.join(_settings_at(key))}",
            advice=_suggestion(name, key),
        )
    if detail["type"] == "missing":
        return StudyProblem(code="PL-STY-003", key=key, problem="is missing", advice=f"add {name} = …")
    return StudyProblem(
        code="PL-STY-002",
        key=key,
        problem="is not a value that this setting takes",
        expected=_expectation(detail),
        # Someone may have put the key itself there.
        found="" if name == "key_variable" else _shown(detail["input"]),
        advice=_nearest_value(detail, key) or f"mend {written_key(key)}",
    )


def _expectation(detail: ErrorDetails) -> str:
    """Pydantic's message in our words: enum members by their values, no regular expressions."""
    if detail["type"] == "string_pattern_mismatch":
        if detail["loc"][-1] == "key_variable":
            return "the name of an environment variable, in capitals; never the key itself"
        if detail["loc"][0] == "prolific":
            return "at most 64 letters, digits, hyphens and underscores"
        return "at most 63 of a-z, 0-9 and hyphens, no hyphen at either end"
    message = re.sub(r"<\w+\.\w+: ('[^']*')>", r"\1", detail["msg"]).removeprefix("Input should be ")
    return message[:1].lower() + message[1:]


def _section_at(key: KeyPath) -> type[BaseModel]:
    return SECTIONS.get(str(key[0]), StudyFile) if len(key) > 1 else StudyFile


def _settings_at(key: KeyPath) -> tuple[str, ...]:
    return tuple(_section_at(key).model_fields)


def _suggestion(name: str, key: KeyPath) -> str:
    if near := get_close_matches(name.lower(), _settings_at(key), n=1, cutoff=0.6):
        return f"{near[0]}, if that is what you mean"
    if len(key) > 1 and name in StudyFile.model_fields:
        return f"put {name} at the top of the file, before the first table"
    for table, section in SECTIONS.items():
        if len(key) == 1 and name in section.model_fields:
            return f"put {name} into the table [{table}]"
    return "remove it; docs/study-file.md has every setting"


def _nearest_value(detail: ErrorDetails, key: KeyPath) -> str:
    """The choice that a misspelt one is near to, quoted from the message that lists them."""
    value = detail["input"]
    if detail["type"] not in ("enum", "literal_error") or not isinstance(value, str):
        return ""
    choices = _expectation(detail).split("'")[1::2]
    near = get_close_matches(value.lower(), choices, n=1, cutoff=0.6)
    if not near:
        return ""
    return f'"{near[0]}", if that is what you mean' if isinstance(key[-1], int) else f'{key[-1]} = "{near[0]}"'


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    written = json.dumps(value, ensure_ascii=False, default=str)
    return written if len(written) <= 60 else f"{written[:57]}…"


def _is_covered(problem: StudyProblem, told: Sequence[StudyProblem]) -> bool:
    """Whether it may come of a setting that was told to be wrong and taken out; an unknown one takes nothing away."""
    wrong = {other.key[0] for other in told if other.key and other.code != "PL-STY-001"}
    name = str(problem.key[0])
    return name in wrong or not wrong.isdisjoint(_RESTS_ON.get(name, ()))


def _with_lines(problems: Sequence[StudyProblem] | Iterator[StudyProblem], text: str) -> list[StudyProblem]:
    found = list(problems)
    if not found:
        return found
    lines = key_lines(text)
    return [replace(problem, line=problem.line or line_of(lines, problem.key)) for problem in found]


def _in_order(problems: Sequence[StudyProblem]) -> list[StudyProblem]:
    return sorted(problems, key=lambda problem: problem.line or 1 << 30)
