"""What a setting says that it cannot, in plain words: from pydantic's errors to what was wanted and what stands there."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pydantic_core import ErrorDetails

_SHOWN = 40
"""Characters of a value that an error shows at most: a number or a word, never a text."""
_MOST = 1000
FOUND = "found"
"""Under this key an error of a validator of ours says what stands there."""
_WORD = re.compile(r"[\w.+-]+")

_LIMITS = {
    "greater_than": ("gt", "a number above {}"),
    "greater_than_equal": ("ge", "a number of at least {}"),
    "less_than": ("lt", "a number below {}"),
    "less_than_equal": ("le", "a number of at most {}"),
    "too_short": ("min_length", "at least {} of them"),
    "too_long": ("max_length", "at most {} of them"),
    "string_too_long": ("max_length", "at most {} characters"),
    "literal_error": ("expected", "{}"),
    "enum": ("expected", "{}"),
}
_PLAIN = {
    "int_type": "a whole number, without quotes",
    "int_from_float": "a whole number",
    "int_parsing_size": "a smaller number",
    "float_type": "a number, without quotes",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "a text in quotes",
    "tuple_type": "a list in brackets",
    "list_type": "a list",
    "dict_type": "a table such as { train = 0.9, test = 0.1 }",
}
NAME_PATTERN = r"^[a-z0-9][a-z0-9.+-]{0,99}$"
"""What recipes and policies are called."""
NAME_WORDS = "small letters, digits and . + - with a letter or digit first, at most 100"
_DIGEST_WORDS = "64 digits of a SHA-256"
_PATTERNS = {"name": NAME_WORDS, "sha256": _DIGEST_WORDS, "model_digest": _DIGEST_WORDS}


def expected_of(fault: ErrorDetails) -> str:
    """What should stand there, of one of pydantic's errors."""
    kind, location = fault["type"], fault["loc"]
    if kind in _LIMITS:
        key, words = _LIMITS[kind]
        return words.format(_number(fault["ctx"][key]))
    if kind == "missing":
        return f"a line {location[-1]} = …"
    if kind == "string_pattern_mismatch":
        return _PATTERNS.get(str(location[-1]), "another spelling")
    told = _PLAIN.get(kind) or fault["msg"].removeprefix("Value error, ")
    return told[:_MOST]


def found_of(fault: ErrorDetails) -> str:
    """What stands there: a number, a short word, or of what sort it is; nothing where there is nothing to say."""
    value, context = fault["input"], fault.get("ctx", {})
    if FOUND in context:
        return str(context[FOUND])
    if fault["type"] == "missing" or (fault["type"] == "value_error" and not isinstance(value, str)):
        return ""
    for type_, words in _SORTS:
        if isinstance(value, type_):
            return words(value)
    return ""


def shortened(word: str) -> str:
    """A word of a file as an error shows it."""
    return word if len(word) <= _SHOWN else word[:_SHOWN] + "…"


def _number(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{int(value):,}" if value == int(value) else f"{value:g}"


def _text(value: str) -> str:
    return f'"{value}"' if len(value) <= _SHOWN and _WORD.fullmatch(value) else "a text"


_SORTS: tuple[tuple[type, Callable[[Any], str]], ...] = (
    (bool, lambda value: str(value).lower()),
    (int, lambda value: shortened(str(value))),
    (float, lambda value: shortened(repr(value))),
    (str, _text),
    (list, lambda value: "an empty list" if not value else "a list"),
)
