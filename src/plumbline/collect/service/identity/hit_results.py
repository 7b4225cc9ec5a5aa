"""What MTurk says was handed in for HITs: CSV, or the JSON of ListAssignmentsForHIT, whose answers are XML.

Forms: Amazon Mechanical Turk API reference, "ListAssignmentsForHIT" and "QuestionFormAnswers", schema of 2005-10-01. What
workers typed stands in it: nothing is believed. XML that declares a document type is refused, so that nothing expands.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from xml.parsers import expat

import msgspec

from plumbline.collect.service.failures import ServiceError
from plumbline.collect.service.identity.hit_codes import Given

ASSIGNMENT_COLUMN, CODE_COLUMN = "AssignmentId", "Answer.code"
"""Of a CSV file; the second is what MTurk calls the field ``code`` of our form."""
MOST_BYTES = 64 << 20
"""Of a file: some 50,000 assignments."""
_CODE = "code"
_SPACE = " "  # between the namespace and the name of an element
_MOST_CHARACTERS = 64 << 10  # of one answer; a form of ours has two short fields


class _Assignment(msgspec.Struct, rename="pascal"):
    """One of ListAssignmentsForHIT; the ids of the HIT and the worker are passed over."""

    assignment_id: str
    answer: str = ""


class _Assignments(msgspec.Struct, rename="pascal"):
    """What ``aws mturk list-assignments-for-hit`` prints."""

    assignments: list[_Assignment]


def read_results(file: Path) -> list[Given]:
    """Codes and assignments of a file of MTurk's results, in either form.

    Raises:
        ServiceError: PL-ARR-004, it cannot be opened, is too long, or is neither of them.
    """
    try:
        with file.open("rb") as opened:
            data = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise _not_results(file.name, f"it cannot be opened: {error.strerror}") from None
    if len(data) > MOST_BYTES:
        raise _not_results(file.name, f"it is longer than {MOST_BYTES >> 20} MiB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _not_results(file.name, "it is not in UTF-8") from None
    if text.lstrip().startswith("{"):
        return parse_assignments(text, file.name)
    return list(parse_csv(io.StringIO(text, newline=""), file.name))


def parse_csv(lines: Iterable[str], place: str) -> Iterator[Given]:
    """CSV with the columns ``AssignmentId`` and ``Answer.code``, others beside them.

    Raises:
        ServiceError: PL-ARR-004, a column is missing, or it is no CSV.
    """
    reader = csv.DictReader(lines)
    try:
        names = reader.fieldnames or ()
        missing = [name for name in (ASSIGNMENT_COLUMN, CODE_COLUMN) if name not in names]
        if missing:
            raise _not_results(place, f"there is no column {missing[0]}")
        for row in reader:
            yield Given(row[CODE_COLUMN] or "", row[ASSIGNMENT_COLUMN] or "")
    except csv.Error:
        raise _not_results(place, "it cannot be read as CSV") from None


def parse_assignments(text: str, place: str) -> list[Given]:
    """The JSON of ListAssignmentsForHIT. An assignment without a code has an empty one.

    Raises:
        ServiceError: PL-ARR-004, it is other JSON or none, or an answer is not the XML that MTurk writes.
    """
    try:
        found = msgspec.json.decode(text, type=_Assignments).assignments
    except (msgspec.DecodeError, RecursionError):
        raise _not_results(place, "it is no JSON of list-assignments-for-hit") from None
    given = []
    for number, assignment in enumerate(found, start=1):
        try:
            given.append(Given(parse_answer(assignment.answer), assignment.assignment_id))
        except ValueError as error:
            raise _not_results(place, f"the answer of assignment {number:,}: {error}") from None
    return given


def parse_answer(text: str) -> str:
    """The field ``code`` of a QuestionFormAnswers document; empty where it has none.

    Raises:
        ValueError: it is no XML, too long, or declares a document type.
    """
    if not text.strip():
        return ""
    if len(text) > _MOST_CHARACTERS:
        raise ValueError(f"more than {_MOST_CHARACTERS:,} characters")
    answers = _Answers()
    parser = expat.ParserCreate(namespace_separator=_SPACE)
    parser.buffer_text = True  # one call for a text, whatever it is made of
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = answers.begin
    parser.EndElementHandler = answers.end
    parser.CharacterDataHandler = answers.text
    try:
        # Text, whatever encoding a declaration in it may name.
        parser.Parse(text, True)
    except expat.ExpatError:
        raise ValueError("no well-formed XML") from None
    return answers.fields.get(_CODE, "")


class _Answers:
    """Hears a document: each Answer has a QuestionIdentifier and, of a form of ours, a FreeText."""

    def __init__(self) -> None:
        self.fields: dict[str, str] = {}
        self._heard: dict[str, str] = {}
        self._within = ""

    def begin(self, name: str, _attributes: object) -> None:
        """An element begins."""
        self._within = _local(name)
        if self._within == "Answer":
            self._heard = {}

    def text(self, data: str) -> None:
        """Some of an element's text."""
        self._heard[self._within] = self._heard.get(self._within, "") + data

    def end(self, name: str) -> None:
        """An element ends; of two answers to one question the first stands."""
        self._within = ""
        if _local(name) == "Answer" and "QuestionIdentifier" in self._heard:
            self.fields.setdefault(self._heard["QuestionIdentifier"].strip(), self._heard.get("FreeText", "").strip())


def _local(name: str) -> str:
    return name.rpartition(_SPACE)[2]


def _refuse_doctype(*_: object) -> None:
    raise ValueError("it declares a document type")


def _not_results(place: str, problem: str) -> ServiceError:
    return ServiceError(
        "PL-ARR-004",
        place,
        problem,
        expected=f"what aws mturk list-assignments-for-hit prints, or CSV with {ASSIGNMENT_COLUMN} and {CODE_COLUMN}",
        advice="aws mturk list-assignments-for-hit --hit-id HIT > results.json",
    )
