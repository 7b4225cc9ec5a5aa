"""TOML that people write, read strictly: bounded in size and depth, no text for a number, no key that nobody knows.

Who reads a file says in words and codes of its own what is wrong with it; here is what all of them have in common.
"""

from __future__ import annotations

import errno
import json
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from plumbline.records.errors import SourceError, UsageError

_SUFFIX = ".toml"
_MOST_RECIPE_BYTES = 1 << 20
_SHOWN = 60
"""Characters of what somebody typed that an error shows at most."""
_MOST_DEPTH = 20
"""Tables and lists in each other; a right file has four."""
_TOO_DEEP = "tables and lists in each other without end"

Model = TypeVar("Model", bound=BaseModel)


def read_small_text(path: Path, most_bytes: int) -> str:
    """The text of a file in UTF-8.

    Args:
        most_bytes: that it may have; no more of it is read.
    Raises:
        OSError: it cannot be read, has more, or is no UTF-8; `strerror` says which.
    """
    try:
        with path.open("rb") as file:
            content = file.read(most_bytes + 1)
        if len(content) > most_bytes:
            raise OSError(errno.EFBIG, f"more than {most_bytes:,} bytes")
        return content.decode()
    except UnicodeDecodeError as error:
        raise OSError(errno.EILSEQ, "another encoding") from error
    except ValueError as error:  # a path with NUL
        raise OSError(errno.EINVAL, str(error)) from error


def shipped_toml(package: str, folder: str) -> dict[str, str]:
    """Name → text of the TOML files in a folder of a package, by name."""
    found = [entry for entry in (resources.files(package) / folder).iterdir() if entry.name.endswith(_SUFFIX)]
    return dict(sorted((entry.name.removesuffix(_SUFFIX), entry.read_text(encoding="utf-8")) for entry in found))


def recipe_text(
    name: str, shipped: Mapping[str, str], *, called: str, unknown: str, unreadable: str, how_to: str
) -> str:
    """The text of a recipe that comes along, or of a file.

    Args:
        name: of one that comes along, or a path that ends in .toml.
        shipped: name → text, see `shipped_toml`.
        called: what errors call such a recipe.
        unknown, unreadable: codes of the two errors.
        how_to: the page that shows what a recipe looks like.
    Raises:
        UsageError: there is no such recipe.
        SourceError: the file cannot be read.
    """
    if name in shipped:
        return shipped[name]
    path = Path(name)
    if path.suffix != _SUFFIX:
        near = get_close_matches(name, shipped, n=1)
        raise UsageError(
            unknown,
            "recipe (--recipe)",
            f'there is no {called} "{name[:_SHOWN]}"',
            expected=f"one of {', '.join(shipped)}, or a file that ends in .toml",
            advice=f"--recipe {near[0]}" if near else "--recipe with one of these",
        )
    try:
        return read_small_text(path, _MOST_RECIPE_BYTES)
    except OSError as error:
        raise SourceError(
            unreadable,
            name,
            f"the {called} cannot be read",
            expected=f"a TOML file in UTF-8 of at most {_MOST_RECIPE_BYTES:,} bytes",
            found=error.strerror or type(error).__name__,
            advice=f"check the path; {how_to} shows what a recipe looks like",
        ) from error


def parse_toml(text: str) -> dict[str, Any]:
    """The tables of a text, none of it deeper or longer than can be looked at.

    Raises:
        ValueError: it is no TOML, and where (`tomllib.TOMLDecodeError`), or cannot be looked at; the message quotes none of
            its values.
    """
    try:
        values = tomllib.loads(text)
        json.dumps(values, default=str)  # refuses what cannot be written: a hexadecimal number is read at any length
    except tomllib.TOMLDecodeError:
        raise
    except RecursionError as error:
        raise ValueError(_TOO_DEEP) from error
    except ValueError as error:  # of Python's own bound on numbers that are read and written
        raise ValueError("a number of digits without end") from error
    if _is_deeper_than(_MOST_DEPTH, values):
        raise ValueError(_TOO_DEEP)
    return values


def _is_deeper_than(most: int, value: object) -> bool:
    layer = [value]
    for _ in range(most):
        layer = [
            child
            for each in layer
            if isinstance(each, dict | list)
            for child in (each.values() if isinstance(each, dict) else each)
        ]
    return bool(layer)


def validated(model: type[Model], values: dict[str, Any]) -> Model:
    """Tables of TOML as a model.

    Raises:
        ValidationError: a value is none that the model takes.
    """
    # As JSON, whose strict reading takes a list for a tuple and a word for an enum, but no text or bool for a number. A date
    # is nothing that any setting is.
    return model.model_validate_json(json.dumps(values, default=lambda _: {}), strict=True)


def first_fault(error: ValidationError) -> ErrorDetails:
    """What to tell of it first: a key that nobody knows, since it may be why another is missing."""
    faults = error.errors(include_url=False)
    return next((each for each in faults if each["type"] == "extra_forbidden"), faults[0])
