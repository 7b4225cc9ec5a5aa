"""Logging in, invitations, who one is."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from plumbline.collect.api.schemas.base import Body, RoleName

Name = Annotated[str, Meta(min_length=1, max_length=200)]
GivenPassword = Annotated[str, Meta(min_length=1, max_length=1024)]
Code = Annotated[str, Meta(min_length=1, max_length=200)]


# --- bodies ---


class LogIn(Body):
    """A name and a password."""

    name: Name
    password: GivenPassword


class Accept(Body):
    """An invitation's code, and what to log in with from now on; `name` may be left out by who has one."""

    code: Code
    password: GivenPassword
    name: Name | None = None


class ReadCode(Body):
    """An invitation's code."""

    code: Code


class NewInvitation(Body):
    """Whom to let in: somebody new in a role, into one study or the whole store; or somebody who is there, by pseudonym.

    `note` says whom it is for, to managers and owners alone.
    """

    role: RoleName | None = None
    study: Annotated[str, Meta(min_length=1, max_length=63)] | None = None
    pseudonym: Annotated[str, Meta(min_length=1, max_length=40)] | None = None
    days: Annotated[int, Meta(ge=1, le=90)] = 7
    uses: Annotated[int, Meta(ge=1, le=1000)] = 1
    note: Annotated[str, Meta(max_length=200)] | None = None


class NewPassword(Body):
    """The password that one has, and another; `disconnect` ends logging in with an organisation's account, too."""

    old: GivenPassword
    new: GivenPassword
    disconnect: bool = False


# --- answers ---


class LoggedInAnswer(Struct):
    """Who logged in. The session is a cookie; `csrf_token` goes into X-CSRF-Token with all that is not a GET."""

    pseudonym: str
    role: RoleName
    csrf_token: str


class LoggedOut(Struct):
    """Whether there was a session to end."""

    ended: bool


class InvitationRead(Struct):
    """What an invitation is for; `ends_others`: it is for somebody whose other ways in end by it."""

    role: RoleName
    study: str | None
    for_somebody: bool
    has_account: bool
    ends_others: bool
    expires_at: datetime


class InvitationMade(Struct):
    """An invitation; its code, which stands behind the # of the link, cannot be read again."""

    id: int
    code: str
    link_path: str
    role: RoleName
    study: str | None
    pseudonym: str | None
    expires_at: datetime
    uses: int
    note: str | None


class InvitationLine(Struct):
    """An invitation without its code."""

    id: int
    role: RoleName
    study: str | None
    pseudonym: str | None
    created_by: str | None
    created_at: datetime
    expires_at: datetime
    uses_left: int
    revoked: bool
    note: str | None


class Invitations(Struct):
    """By number; `after` is where the next page begins, null at the end."""

    invitations: list[InvitationLine]
    after: int | None


class InvitationRevoked(Struct):
    """Whether it was still standing."""

    revoked: bool


class PasswordChanged(Struct):
    """How many other sessions ended by it; `outside_connected`: one still logs in with an organisation's account, too."""

    sessions_ended: int
    outside_connected: bool


class MeAnswer(Struct):
    """Whose token or session it is: `name` where they log in with one, `only_study` where they are of one study."""

    pseudonym: str
    role: RoleName
    created_at: datetime
    blocked: bool
    erased: bool
    name: str | None
    only_study: str | None
