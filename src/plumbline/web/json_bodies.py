"""Strict JSON: typed, no unknown fields, no key twice, no NaN, no half of a surrogate pair.

Nothing sent is quoted but the name of an unknown field, where it is one plain word.
"""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Iterator
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, NoReturn, TypeVar, cast

import msgspec
from msgspec import inspect

from plumbline.web.failures import FieldFault, InvalidBodyError, WebError, not_json

ValueT = TypeVar("ValueT")

_PLACE = re.compile(r" - at `\$\.?([A-Za-z0-9_.\[\]]*)`$")
_STEP = re.compile(r"\w+|\[[^\]]*\]")
_BYTE = re.compile(r"\(byte (\d+)\)$")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_PLAIN_WORD = re.compile(r"[A-Za-z0-9_]{1,40}")
_OURS = re.compile(
    r"Expected `[a-z |]+`(?:, got `[a-z]+`)?"
    r"|Object missing required field `[a-z_]+`"
    r"|Expected `[a-z]+` (?:of length )?(?:<|>|<=|>=|==) [\d.e+-]+"
)
"""Messages of the decoder that name types and fields of ours; the others quote values."""


def decode_json(body: bytes, kind: type[ValueT]) -> ValueT:
    """The body as a value of a type.

    Args:
        body: as it came.
        kind: a ``msgspec.Struct`` with ``forbid_unknown_fields``.
    Raises:
        WebError: PL-WEB-004, it is no strict JSON.
        InvalidBodyError: it is not of this type.
    """
    try:
        value: ValueT = _decoder(cast(Hashable, kind)).decode(body)
    except msgspec.ValidationError as error:
        raise InvalidBodyError([_told(str(error), kind)]) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise _no_json(body, error) from None
    _refuse_repeated_keys(body)
    return value


def _no_json(body: bytes, error: Exception) -> WebError:
    """With the byte where the reading ended, counted from 0, where that is told; never what stands there."""
    place = found[1] if (found := _BYTE.search(str(error))) else ""
    try:
        body.decode()
    except UnicodeDecodeError as no_text:  # the decoder counts from the start of the string alone
        place = str(no_text.start)
    return not_json("the body is no JSON in UTF-8" + (f": see byte {int(place):,}, counted from 0" if place else ""))


@lru_cache(maxsize=64)
def _decoder(kind: Hashable) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind, strict=True)


def _told(message: str, kind: type[Any]) -> FieldFault:
    place = _PLACE.search(message)
    field = place[1] if place else ""
    problem = message[: place.start()] if place else message
    if field and not _types_at(kind, field):  # what looks like a place stands in the name of an unknown field
        return FieldFault("", _told_unknown("", _names(_types_at(kind, ""))))
    unknown = _UNKNOWN.fullmatch(problem)
    if unknown:
        return FieldFault(field, _told_unknown(unknown[1], _names(_types_at(kind, field))))
    if not _OURS.fullmatch(problem):
        taken = _fixed_values(_types_at(kind, field))
        return FieldFault(field, "not a value that this field takes" + (f"; it takes {taken}" if taken else ""))
    return FieldFault(field, problem[:1].lower() + problem[1:].replace("`", ""))


def _told_unknown(name: str, known: list[str]) -> str:
    """The name is the sender's text: it is told where it is one plain word, which no sentence of somebody's is."""
    told = f"an unknown field{f' {name}' if _PLAIN_WORD.fullmatch(name) else ''}"
    if near := get_close_matches(name[:100].lower(), known, n=1):
        return f"{told}; is {near[0]} meant?"
    return f"{told}; known are {', '.join(known)}" if known else told


@lru_cache(maxsize=64)
def _type_of(kind: Hashable) -> inspect.Type:
    return inspect.type_info(kind)


def _types_at(kind: type[Any], field: str) -> list[inspect.Type]:
    """What a field may hold, by its place in the body; none where the place leads nowhere."""
    found = list(_members(_type_of(cast(Hashable, kind))))
    for step in _STEP.findall(field):
        found = [each for outer in found for inner in _inside(outer, step) for each in _members(inner)]
    return found


def _members(kind: inspect.Type) -> Iterator[inspect.Type]:
    """The types that a value may be of."""
    if isinstance(kind, inspect.UnionType):
        for each in kind.types:
            yield from _members(each)
    elif isinstance(kind, inspect.Metadata):
        yield from _members(kind.type)
    else:
        yield kind


def _inside(kind: inspect.Type, step: str) -> Iterator[inspect.Type]:
    """One step inwards: the field of that name, or whatever a list or an object of free keys holds."""
    if isinstance(kind, inspect.StructType):
        yield from (each.type for each in kind.fields if each.encode_name == step)
        if kind.tag_field == step:
            yield inspect.LiteralType((kind.tag,))
    elif isinstance(kind, inspect.ListType) and step.startswith("["):
        yield kind.item_type
    elif isinstance(kind, inspect.DictType) and step.startswith("["):
        yield kind.value_type


def _names(kinds: list[inspect.Type]) -> list[str]:
    """Of the fields of an object; none where it may be one of several."""
    objects = [each for each in kinds if isinstance(each, inspect.StructType)]
    return [each.encode_name for each in objects[0].fields] if len(objects) == 1 else []


def _fixed_values(kinds: list[inspect.Type]) -> str:
    """The words that a field takes; nothing where it takes others too."""
    if not all(isinstance(each, inspect.LiteralType | inspect.NoneType) for each in kinds):
        return ""
    return ", ".join(str(value) for each in kinds if isinstance(each, inspect.LiteralType) for value in each.values)


def _refuse_repeated_keys(body: bytes) -> None:
    """Decoders keep the last of two equal keys without a word; what another reader kept would be another."""
    try:
        _WITHOUT_REPEATS.decode(body.decode())
    except WebError:
        raise
    except (ValueError, RecursionError) as error:
        raise _no_json(body, error) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise not_json("an object names a key twice")
    return value


def _refuse_constant(name: str) -> NoReturn:  # noqa: ARG001 - json's signature
    raise not_json("NaN and infinity are no JSON")


_WITHOUT_REPEATS = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_refuse_constant)
