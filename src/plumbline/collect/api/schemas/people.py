"""People and their tokens."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from plumbline.collect.api.schemas.base import Body, RoleName


class NewPerson(Body):
    """Somebody new; a pseudonym is drawn."""

    role: RoleName = "worker"
    token_days: Annotated[int, Meta(ge=1, le=3650)] = 90


class NewToken(Body):
    """Another token."""

    token_days: Annotated[int, Meta(ge=1, le=3650)] = 90


class Blocked(Body):
    """Blocked or not."""

    blocked: bool


class PersonAnswer(Struct):
    """Somebody, by pseudonym."""

    pseudonym: str
    role: RoleName
    created_at: datetime
    blocked: bool
    erased: bool


class People(Struct):
    """`after` is where the next page begins, null at the end."""

    people: list[PersonAnswer]
    after: str | None


class TokenAnswer(Struct):
    """A token; it cannot be read again."""

    pseudonym: str
    role: RoleName
    token: str
    expires_at: datetime


class Revoked(Struct):
    """How many tokens were ended."""

    revoked: int
