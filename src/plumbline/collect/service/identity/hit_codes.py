"""Completion codes of HITs: one for each assignment of MTurk, made under the study's secret; and which of them are good."""

from __future__ import annotations

import base64
import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from plumbline.collect.service.failures import ServiceError
from plumbline.collect.store.database import Store
from plumbline.collect.store.failures import not_found
from plumbline.collect.store.identity.hit_visits import hit_tokens, visit_token
from plumbline.collect.store.rows import Study
from plumbline.collect.study_file import parse_study_file

ASSIGNMENT_COLUMN, CODE_COLUMN = "AssignmentId", "Answer.code"
"""Of the file of results; the second is what MTurk calls the field ``code`` of our form."""
_LETTERS = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "0123456789ABCDEFGHJKMNPQRSTVWXYZ")
"""Base 32 in the letters of Crockford's, in which 0 and O, 1 and I and L are one."""
_MISREAD = str.maketrans("OIL", "011", " -\t\u00a0")
_BYTES = 10
_MOST_TYPED = 64


class Verdict(StrEnum):
    """What a code shows: the work of its visit is done, is not, there is no such visit; or it is another visit's code."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    UNKNOWN = "unknown"
    WRONG_CODE = "wrong code"


@dataclass(frozen=True, slots=True)
class Given:
    """What somebody handed in: a code, and the assignment it was handed in with where that is known."""

    code: str
    assignment: str | None = None


def completion_code(token: str) -> str:
    """The code of a visit: 80 bits of its token, as four groups of four letters and digits.

    Args:
        token: from `store.identity.hit_visits`.
    """
    letters = base64.b32encode(bytes.fromhex(token)[:_BYTES]).decode().translate(_LETTERS)
    return "-".join(letters[at : at + 4] for at in range(0, len(letters), 4))


def check_codes(store: Store, study: Study, given: Iterable[Given]) -> list[Verdict]:
    """Of each code whether its work is done. With an assignment, the code has to be that assignment's.

    Raises:
        NotFoundError: PL-COL-010, the study takes nobody from MTurk.
    """
    if study.secret is None or parse_study_file(study.file).mturk is None:
        raise not_found("study", f"{study.name} of MTurk")
    by_token = hit_tokens(store, study.id)
    by_code = {_plain(completion_code(token)): is_complete for token, is_complete in by_token.items()}
    return [_verdict(each, study.secret, by_token, by_code) for each in given]


def read_results(lines: Iterable[str], place: str) -> Iterator[Given]:
    """Codes and assignments of a file of MTurk's results, CSV with the columns ``AssignmentId`` and ``Answer.code``.

    Raises:
        ServiceError: PL-ARR-004, a column is missing, or it is no CSV.
    """
    reader = csv.DictReader(lines)
    try:
        names: Sequence[str] = reader.fieldnames or ()
        missing = [name for name in (ASSIGNMENT_COLUMN, CODE_COLUMN) if name not in names]
        if missing:
            raise _not_results(place, f"there is no column {missing[0]}")
        for row in reader:
            yield Given(row[CODE_COLUMN] or "", row[ASSIGNMENT_COLUMN] or "")
    except (csv.Error, UnicodeDecodeError):
        raise _not_results(place, "it cannot be read as CSV in UTF-8") from None


def given_results(file: Path) -> list[Given]:
    """The same of a file.

    Raises:
        ServiceError: PL-ARR-004, as `read_results`, or it cannot be opened.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            return list(read_results(lines, file.name))
    except OSError as error:
        raise _not_results(file.name, f"it cannot be opened: {error.strerror}") from None


def _verdict(given: Given, secret: str, by_token: Mapping[str, bool], by_code: Mapping[str, bool]) -> Verdict:
    if given.assignment is None:
        is_complete = by_code.get(_plain(given.code))
    else:
        token = visit_token(secret, given.assignment)
        is_complete = by_token.get(token)
        if is_complete and _plain(given.code) != _plain(completion_code(token)):
            return Verdict.WRONG_CODE
    if is_complete is None:
        return Verdict.UNKNOWN
    return Verdict.COMPLETE if is_complete else Verdict.INCOMPLETE


def _plain(code: str) -> str:
    """A code however it was typed."""
    return code[:_MOST_TYPED].upper().translate(_MISREAD)


def _not_results(place: str, problem: str) -> ServiceError:
    return ServiceError(
        "PL-ARR-004",
        place,
        problem,
        expected=f"CSV with the columns {ASSIGNMENT_COLUMN} and {CODE_COLUMN}",
        advice="the results of the HIT, a line for each assignment",
    )
