"""Strict JSON: typed, no unknown fields, no key twice, no NaN, no half of a surrogate pair; nothing sent is quoted."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, NoReturn, TypeVar, cast

import msgspec

from plumbline.web.failures import FieldFault, InvalidBodyError, WebError, not_json

ValueT = TypeVar("ValueT")

_PLACE = re.compile(r" - at `\$\.?([A-Za-z0-9_.\[\]]*)`$")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
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
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
        raise not_json("the body is no JSON in UTF-8") from None
    _refuse_repeated_keys(body)
    return value


@lru_cache(maxsize=64)
def _decoder(kind: Hashable) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind, strict=True)


def _told(message: str, kind: type[Any]) -> FieldFault:
    place = _PLACE.search(message)
    field = place[1] if place else ""
    problem = message[: place.start()] if place else message
    unknown = _UNKNOWN.fullmatch(problem)
    if unknown:
        # The name is the sender's text: a near name of ours is told instead.
        near = get_close_matches(unknown[1][:100].lower(), _names(kind), n=1)
        hint = f"; is {near[0]} meant?" if near else f"; known are {', '.join(_names(kind))}"
        return FieldFault(field, f"an unknown field{'' if field else hint}")
    if not _OURS.fullmatch(problem):
        return FieldFault(field, "not a value that this field takes")
    return FieldFault(field, problem[:1].lower() + problem[1:].replace("`", ""))


def _names(kind: type[Any]) -> list[str]:
    return [each.encode_name for each in msgspec.structs.fields(kind)]


def _refuse_repeated_keys(body: bytes) -> None:
    """Decoders keep the last of two equal keys without a word; what another reader kept would be another."""
    try:
        _WITHOUT_REPEATS.decode(body.decode())
    except WebError:
        raise
    except (ValueError, RecursionError):
        raise not_json("the body is no JSON in UTF-8") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise not_json("an object names a key twice")
    return value


def _refuse_constant(name: str) -> NoReturn:  # noqa: ARG001 - json's signature
    raise not_json("NaN and infinity are no JSON")


_WITHOUT_REPEATS = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_refuse_constant)
