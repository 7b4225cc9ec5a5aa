"""Strict decoding of one JSON object: duplicate keys, NaN, lone surrogates and wrong types are refused.

A decoder alone is lenient somewhere: most keep the last of two equal keys. The fast path here proves the line instead:
a line that msgspec decodes into the format's fields and formats back to the same bytes holds these keys, once each,
and nothing else. Any other line goes through a slower decoder that looks at each key, and its raw text is kept, so that
writing it back is exact.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, NoReturn, TypeVar

import msgspec

from plumbline.formats.line_blocks import Intake

_BLANK = b" \t\r"
_ENCODER = msgspec.json.Encoder(decimal_format="number")


RowT = TypeVar("RowT", bound=msgspec.Struct)


class Refusal(Exception):
    """Why a line was refused; caught by the readers and turned into a fault."""

    def __init__(self, code: str, problem: str, expected: str = "", found: str = "") -> None:
        super().__init__(code, problem)
        self.code = code
        self.problem = problem
        self.expected = expected
        self.found = found


@dataclass(frozen=True, slots=True)
class DecodedRow(Generic[RowT]):
    """A decoded line.

    Attributes:
        row: 0-based.
        values: the typed fields.
        raw: the line where formatting the values again would not give its bytes; else None.
    """

    row: int
    values: RowT
    raw: str | None

    def line(self) -> str:
        """The line as it came, for readers that turn its values into others."""
        return canonical_line(self.values).decode() if self.raw is None else self.raw


def canonical_line(value: object) -> bytes:
    """JSON as the public sets write it: ``, `` and ``: `` as separators, non-ASCII kept, no newline.

    Decimals are numbers with all their digits. Numbers that are not finite must not come here: they would be null.
    """
    return msgspec.json.format(_ENCODER.encode(value), indent=0)


def decode_carefully(line: bytes) -> dict[str, Any]:
    """One line as an object, key by key.

    Raises:
        Refusal: the line is not strict JSON or no object.
    """
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refusal(
            "PL-IO-010", "the line is not valid UTF-8", "UTF-8", f"another byte at offset {error.start} of the line"
        ) from error
    try:
        value = json.loads(
            text, object_pairs_hook=_object_of_single_keys, parse_constant=_refuse_constant, parse_float=_finite
        )
    except json.JSONDecodeError as error:
        raise Refusal(
            "PL-JSON-001", "the line is no JSON", "one JSON object", f"an error at character {error.pos}"
        ) from error
    except RecursionError as error:
        raise _too_deep() from error
    except ValueError as error:  # integers of thousands of digits
        raise Refusal(
            "PL-JSON-005", "a number is too long", "a number of usual length", "thousands of digits"
        ) from error
    if not isinstance(value, dict):
        raise Refusal("PL-JSON-002", "the line is no object", "an object", _json_type(value))
    if "\\u" in text and _has_lone_surrogate(value):
        raise Refusal("PL-JSON-007", "a text holds half of a surrogate pair", "whole characters", "a lone surrogate")
    return value


def _too_deep() -> Refusal:
    return Refusal("PL-JSON-006", "the JSON is nested too deep", "a flat object", "hundreds of levels")


def _object_of_single_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise Refusal("PL-JSON-003", "an object names a key twice", "each key once", f"{len(pairs) - len(value)} again")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise Refusal("PL-JSON-008", "a number is not finite", "a finite number", name)


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _refuse_constant("a number beyond the range of doubles")


def _has_lone_surrogate(value: object) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return True
    except RecursionError as error:
        raise _too_deep() from error
    return False


def _json_type(value: object) -> str:
    names: dict[type, str] = {list: "an array", str: "a string", int: "a number", float: "a number", bool: "a boolean"}
    return names.get(type(value), "null")


def decode_rows(
    lines: Iterable[tuple[int, bytes]],
    row_type: type[RowT],
    intake: Intake,
    *,
    prepare: Callable[[dict[str, Any]], None] | None = None,
) -> list[DecodedRow[RowT]]:
    """Numbered lines as typed values; what cannot be read becomes a fault of the intake.

    Args:
        lines: (row, line without its newline).
        row_type: a Struct whose fields are the format's keys, in the order the format writes them.
        intake: collects faults and findings.
        prepare: changes an object before its types are checked, to accept a second spelling of a key.
    Returns:
        The readable rows, in order; blank lines are left out and counted.
    """
    decoder = msgspec.json.Decoder(row_type)
    rows: list[DecodedRow[RowT]] = []
    for row, line in lines:
        if not line.strip(_BLANK):
            intake.blank()
            continue
        try:
            rows.append(_decode(row, line, decoder) or _decode_checked(row, line, row_type, prepare))
        except Refusal as refusal:
            set_aside(row, refusal, intake)
    return rows


def set_aside(row: int, refusal: Refusal, intake: Intake) -> None:
    """Make a refusal a fault of the intake."""
    intake.fault(refusal.code, row, refusal.problem, expected=refusal.expected, found=refusal.found)


def without_nulls(*keys: str) -> Callable[[dict[str, Any]], None]:
    """A `prepare` that reads a null under one of these keys as if the key were absent, as Parquet copies have it."""

    def prepare(value: dict[str, Any]) -> None:
        """Take out the keys that hold a null."""
        for key in keys:
            if key in value and value[key] is None:
                del value[key]

    return prepare


def _decode(row: int, line: bytes, decoder: msgspec.json.Decoder[RowT]) -> DecodedRow[RowT] | None:
    try:
        values = decoder.decode(line)
        return DecodedRow(row, values, None) if canonical_line(values) == line else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None  # the careful decoder says what is wrong


def _decode_checked(
    row: int, line: bytes, row_type: type[RowT], prepare: Callable[[dict[str, Any]], None] | None
) -> DecodedRow[RowT]:
    value = decode_carefully(line)
    if prepare:
        prepare(value)
    return DecodedRow(row, typed(value, row_type), line.decode())


def typed(value: dict[str, Any], row_type: type[RowT]) -> RowT:
    """An object as a Struct, without conversions.

    Raises:
        Refusal: a key is missing, or a value is of another type.
    """
    try:
        return msgspec.convert(value, row_type, strict=True)
    except RecursionError as error:
        raise _too_deep() from error
    except msgspec.ValidationError as error:
        message = str(error)  # names keys and types, never values
        if "missing required field" in message:
            raise Refusal("PL-JSON-004", "a key is missing", found=message) from error
        if message.startswith("Expected `bool`"):
            message += "; write true or false, not 0 or 1"
        raise Refusal("PL-JSON-005", "a value is of another type", found=message) from error
