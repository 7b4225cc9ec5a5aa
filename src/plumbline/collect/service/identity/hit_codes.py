"""Completion codes of HITs: one for each assignment of MTurk, made under the study's secret; and which of them are good."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from plumbline.collect.store.database import Store
from plumbline.collect.store.failures import not_found
from plumbline.collect.store.identity.hit_visits import hit_tokens, visit_token
from plumbline.collect.store.rows import Study
from plumbline.collect.study_file import parse_study_file

_LETTERS = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "0123456789ABCDEFGHJKMNPQRSTVWXYZ")
"""Base 32 in the letters of Crockford's, in which 0 and O, 1 and I and L are one."""
_MISREAD = str.maketrans("OIL", "011", " -\t\u00a0")
_BYTES = 10
_MOST_TYPED = 64


class Verdict(StrEnum):
    """What a code shows: the work of its visit is done, is not, there is no such visit; it is another visit's code; or it came
    before, so that two people hand one in."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    UNKNOWN = "unknown"
    WRONG_CODE = "wrong code"
    GIVEN_TWICE = "given twice"


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
    """Of each code whether its work is done. With an assignment, the code has to be that assignment's; without, it counts once.

    Raises:
        NotFoundError: PL-COL-010, the study takes nobody from MTurk.
    """
    if study.secret is None or parse_study_file(study.file).mturk is None:
        raise not_found("study", f"{study.name} of MTurk")
    by_token = hit_tokens(store, study.id)
    by_code = {_plain(completion_code(token)): is_complete for token, is_complete in by_token.items()}
    seen: set[str] = set()
    verdicts = []
    for each in given:
        verdict, plain = _verdict(each, study.secret, by_token, by_code), _plain(each.code)
        is_again = each.assignment is None and verdict is not Verdict.UNKNOWN and plain in seen
        verdicts.append(Verdict.GIVEN_TWICE if is_again else verdict)
        seen.add(plain)
    return verdicts


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
