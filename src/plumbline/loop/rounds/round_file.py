"""A round is one TOML file: read strictly, and everything wrong with it told at once, with the line.

Covers what the file says by itself; whether what it names is there is `opened_round`'s subject.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from shlex import quote
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from plumbline.collect.study_lines import KeyPath, key_lines, line_of
from plumbline.collect.study_problems import StudyFileError, StudyProblem, written_key
from plumbline.lineage import StatedTerms
from plumbline.loop.rounds.round_settings import ModelSettings, RoundSettings, Sampler
from plumbline.loop.training.run import LINEAR, LINEAR_SETTINGS
from plumbline.records import PlumblineError
from plumbline.records.setting_words import expected_of, found_of
from plumbline.records.strict_toml import parse_toml, read_small_text, validated
from plumbline.release import reasons_by_gate
from plumbline.sources import Sampling, parse_address

_MOST_BYTES = 256 << 10
_HOW_TO = "docs/how-to/rounds.md has every setting"
_LINEAR_TOO = (*LINEAR_SETTINGS, "false_positive_rate")


class RoundFileError(StudyFileError):
    """A round's file cannot be used; `problems` holds everything that is wrong, told as of a study file."""


def read_round_settings(path: Path) -> tuple[RoundSettings, str]:
    """The settings in a file, and its text.

    Raises:
        RoundFileError: whatever is wrong with what it says, all of it at once.
    """
    try:
        text = read_small_text(path, _MOST_BYTES)
    except FileNotFoundError as error:
        advice = f"check the path; plumbline loop {quote(str(path))} --example writes a file to start from"
        problem = problem_of("PL-RND-004", (), "there is no such file", "a round's file", "", advice)
        raise RoundFileError(str(path), [problem]) from error
    except OSError as error:
        found = error.strerror or type(error).__name__
        expected = f"a text in UTF-8 of at most {_MOST_BYTES >> 10} KiB"
        problem = problem_of("PL-RND-004", (), "cannot be read", expected, found, "check the path and the file")
        raise RoundFileError(str(path), [problem]) from error
    return parse_round_settings(text, path.name), text


def parse_round_settings(text: str, file_name: str = "round.toml") -> RoundSettings:
    """The settings in the text of a round's file.

    Raises:
        RoundFileError: as `read_round_settings`.
    """
    try:
        values = parse_toml(text)
    except ValueError as error:
        advice = "mend it; strings need quotes"
        raise RoundFileError(
            file_name, [problem_of("PL-RND-004", (), "is no TOML", "", str(error)[:200], advice)]
        ) from error
    try:
        settings = validated(RoundSettings, values)
    except ValidationError as error:
        details = error.errors(include_url=False)
        raise RoundFileError(file_name, with_lines([_told(each) for each in details], text)) from error
    if problems := list(contradictions(settings)):
        raise RoundFileError(file_name, with_lines(problems, text))
    return settings


def with_lines(problems: Sequence[StudyProblem], text: str) -> list[StudyProblem]:
    """The problems in the order of the file, each with its line."""
    lines = key_lines(text)
    placed = [replace(each, line=line_of(lines, each.key)) for each in problems]
    return sorted(placed, key=lambda each: each.line or 1 << 30)


def problem_of(code: str, key: KeyPath, problem: str, expected: str, found: str, advice: str) -> StudyProblem:
    """A problem whose line is not looked up yet."""
    return StudyProblem(code=code, key=key, problem=problem, expected=expected, found=found, advice=advice)


def problem_of_error(key: KeyPath, error: PlumblineError) -> StudyProblem:
    """What another part of the program says of a setting."""
    said = f"{error.place}: {error.problem}"
    return problem_of(error.code, key, said, error.expected, error.found, error.advice)


# --- what a setting is by itself ---


def _told(detail: ErrorDetails) -> StudyProblem:
    key: KeyPath = tuple(detail["loc"])
    name = str(key[-1]) if key else ""
    if detail["type"] == "extra_forbidden":
        known = list(_section_at(key).model_fields)
        near = get_close_matches(name.lower(), known, n=1, cutoff=0.6)
        advice = f"{near[0]}, if that is what you mean" if near else f"remove it; {_HOW_TO}"
        return problem_of("PL-RND-001", key, "there is no such setting", f"one of {', '.join(known)}", "", advice)
    if detail["type"] == "missing":
        return problem_of("PL-RND-003", key, "is missing", "", "", f"add {name} = …; {_HOW_TO}")
    # Somebody may have put the key itself there.
    found = "" if name in ("key_variable", "store_variable") else found_of(detail)
    return problem_of(
        "PL-RND-002",
        key,
        "is not a value that this setting takes",
        _expected(detail, name),
        found,
        f"mend {written_key(key)}",
    )


def _expected(detail: ErrorDetails, name: str) -> str:
    if detail["type"] != "string_pattern_mismatch":
        return expected_of(detail)
    if name.endswith("_variable"):
        return "the name of an environment variable, in capitals; never what it holds"
    return "at most 63 letters, digits, hyphens and underscores, a letter or digit first" + (
        "; of a study small letters, no underscore" if detail["loc"][0] == "next" else ""
    )


def _section_at(key: KeyPath) -> type[BaseModel]:
    """The table that a key stands in."""
    section: type[BaseModel] = RoundSettings
    for part in key[:-1]:
        field = section.model_fields.get(part) if isinstance(part, str) else None
        section = (_section_in(field.annotation) if field else None) or section
    return section


def _section_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_section_in(each) for each in get_args(annotation))
    return next((each for each in found if each is not None), None)


# --- what settings are together ---


def contradictions(settings: RoundSettings) -> Iterator[StudyProblem]:
    """Everything in the settings that does not fit together."""
    if not settings.data.studies and not settings.data.sources:
        yield _contradiction(("data",), "names nothing", "studies, sources, or both", "", 'sources = ["FILE"], say')
    yield from _terms(settings)
    yield from _models(settings)
    if settings.release is not None:
        for gate, reason in settings.release.accept.items():
            yield from _refusal(("release", "accept", gate), partial(reasons_by_gate, [f"{gate}={reason}"]))
    if settings.sampler is not None:
        yield from _sampler(settings, settings.sampler)
    elif settings.next is not None:
        yield _contradiction(
            ("next",), "has no scorer", "a table [sampler], whose scorer chooses", "none", "add [sampler]"
        )


def _contradiction(key: KeyPath, problem: str, expected: str, found: str, advice: str) -> StudyProblem:
    return problem_of("PL-RND-005", key, problem, expected, found, advice)


def _refusal(key: KeyPath, call: Callable[[], object]) -> Iterator[StudyProblem]:
    """What a part of the program says of a setting, where it refuses it."""
    try:
        call()
    except PlumblineError as error:
        yield problem_of_error(key, error)


def _terms(settings: RoundSettings) -> Iterator[StudyProblem]:
    for name, table in (("data", settings.data), ("release", settings.release)):
        if table is not None:
            yield from _refusal((name, "licence"), partial(StatedTerms.of, table.licence, None))


def _models(settings: RoundSettings) -> Iterator[StudyProblem]:
    names: dict[str, str] = {}
    for number, model in enumerate(settings.models):
        key = ("models", number)
        if model.name.lower() in names:
            advice = "a name of its own for each"
            yield _contradiction((*key, "name"), "another model is called so", advice, model.name, "change one of them")
        names[model.name.lower()] = model.name
        if model.on is not None and model.task != "preference":
            found = f'task = "{model.task}"'
            yield _contradiction((*key, "on"), "means nothing for this task", "preference", found, "leave it out")
        is_linear = model.model == LINEAR
        for name in sorted(model.settings.model_fields_set):
            if name != "false_positive_rate" and (name in LINEAR_SETTINGS) is not is_linear:
                whom = "linear models" if is_linear else "transformers"
                known = (
                    _LINEAR_TOO
                    if is_linear
                    else [each for each in ModelSettings.model_fields if each not in LINEAR_SETTINGS]
                )
                yield _contradiction(
                    (*key, "settings", name), f"means nothing for {whom}", ", ".join(known), "", "leave it out"
                )
            elif name in ("false_positive_rate", "recipe") and model.task != "moderation":
                found = f'task = "{model.task}"'
                where = (*key, "settings", name)
                yield _contradiction(where, "means nothing for this task", "moderation", found, "leave it out")


def _sampler(settings: RoundSettings, sampler: Sampler) -> Iterator[StudyProblem]:
    names = [model.name for model in settings.models]
    if sampler.scorer not in names:
        near = get_close_matches(sampler.scorer, names, n=1, cutoff=0.6)
        yield _contradiction(
            ("sampler", "scorer"),
            "no model of the round is called so",
            ", ".join(names) or "a table [[models]]",
            sampler.scorer,
            f'scorer = "{near[0]}"' if near else "add it to [[models]], or name one that stands there",
        )
    if sampler.judge == sampler.scorer:
        yield _contradiction(
            ("sampler", "judge"),
            "the judge is the scorer that chooses",
            "a model that has no part in choosing",
            sampler.scorer,
            "name another, or leave it out",
        )
    yield from _refusal(("sampler", "policy"), lambda: parse_address(sampler.policy, "policy"))
    yield from _refusal(("sampler",), lambda: sampling_of(sampler, settings.seed))
    if settings.next is not None:
        for text in settings.next.sources or ():
            yield from _refusal(("next", "sources"), partial(parse_address, text, "sources"))


def sampling_of(sampler: Sampler, seed: int) -> Sampling:
    """How replies are drawn.

    Raises:
        UsageError: a setting is out of its range.
    """
    return Sampling(sampler.temperature, sampler.top_p, sampler.top_k, sampler.max_tokens, seed)


def tables_json(settings: RoundSettings) -> Mapping[str, Any]:
    """What was said, as it stands in the manifest: settings that were left out are left out."""
    told: dict[str, Any] = settings.model_dump(mode="json", exclude_unset=True)
    return told
