"""The answers file (TOML): what only people know of a data set, for its card, its datasheet and its metadata."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from plumbline.records import UsageError
from plumbline.records.strict_toml import parse_toml, read_small_text, validated
from plumbline.release.texts.questions import QUESTIONS

Line = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=20_000)]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]

_MOST_BYTES = 1 << 20


class Answers(BaseModel):
    """What somebody says of a data set.

    Attributes:
        title: the card's heading; by default the folder's name.
        summary: what it is, a paragraph.
        language: ISO 639 codes, as the hub takes them.
        authors: names, for the citation and the metadata.
        contact: how to reach whoever answers for it.
        address: where it will be found.
        citation: BibTeX; made from title, authors, version and year by default.
        content_warning: in place of the usual one.
        limits: what should be known before using it, a sentence each.
        datasheet: answers by the keys of `questions.QUESTIONS`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: Line | None = None
    summary: Text | None = None
    language: list[Language] = Field(default_factory=list)
    authors: list[Line] = Field(default_factory=list)
    contact: Line | None = None
    address: Line | None = None
    citation: Text | None = None
    content_warning: Text | None = None
    limits: list[Text] = Field(default_factory=list)
    datasheet: dict[str, Text] = Field(default_factory=dict)


def read_answers(path: Path) -> Answers:
    """The answers in a file.

    Raises:
        UsageError: it is no TOML, has a key that there is not (the nearest is named), or a value of another type.
    """
    try:
        found = parse_toml(read_small_text(path, _MOST_BYTES))
    except (OSError, ValueError) as error:
        told = (error.strerror or type(error).__name__) if isinstance(error, OSError) else str(error)
        raise _refused(
            path, "this is no TOML that can be read", told, "mend the file, or leave --answers out"
        ) from error
    sheet = found.get("datasheet")
    _refuse_unknown(path, found, list(Answers.model_fields), "")
    if isinstance(sheet, dict):
        _refuse_unknown(path, sheet, [each.key for each in QUESTIONS], "datasheet.")
    try:
        return validated(Answers, found)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise _refused(path, f"the value of {where} cannot be taken", str(first["msg"]), f"mend {where}") from error


def _refuse_unknown(path: Path, found: dict[str, object], known: list[str], above: str) -> None:
    for key in found:
        if key not in known:
            near = get_close_matches(key.lower(), known, n=1, cutoff=0.5)
            advice = f'"{above}{near[0]}" in its place' if near else f"one of {', '.join(known)}"
            raise _refused(path, f'there is no key "{above}{key[:60]}"', "", advice)


def _refused(path: Path, problem: str, found: str, advice: str) -> UsageError:
    return UsageError("PL-REL-002", str(path), problem, found=found, advice=advice)
