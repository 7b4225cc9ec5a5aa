"""Everybody whom the store knows, and invitations; for managers of the whole store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from plumbline.collect.pages.contexts.frame import Frame


@dataclass(frozen=True, slots=True)
class PersonRow:
    """Somebody.

    Attributes:
        pseudonym: what they are called everywhere else.
        name: that they log in with; empty for who has no account.
        role: worker, reviewer, manager or owner.
        study: the one that they are of; empty for the whole store.
        finished: items of the work itself, in all studies.
        came_by: what was noted of the invitation that they came by; empty for nothing.
        tags: blocked, erased.
        blocked: whether they are.
        in_reach: whether who looks may do something about them.
    """

    pseudonym: str
    name: str
    came_by: str
    role: str
    study: str
    finished: int
    tags: tuple[str, ...]
    blocked: bool
    in_reach: bool


@dataclass(frozen=True, slots=True)
class InvitationRow:
    """An invitation that is still good.

    Attributes:
        number: of it.
        whom: in words: a role with its study, or somebody by pseudonym.
        note: what who made it wrote of whom it is for; empty for nothing.
        created_by: pseudonym; empty where it was made at the command line.
        expires_at: when it ends.
        uses_left: how often it still lets somebody in.
        in_reach: whether who looks may revoke it.
    """

    number: int
    whom: str
    note: str
    created_by: str
    expires_at: datetime
    uses_left: int
    in_reach: bool


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """Everybody.

    Attributes:
        frame: around it.
        people: in the order in which they came; at most so many as a page holds.
        count: how many there are in all.
        invitations: open ones.
        roles: that who looks may invite into.
        studies: by name.
        more: the next part of the list; None at the end.
        more_invitations: whether there are more open invitations than are shown.
    """

    template: ClassVar[str] = "manage/people.html"
    frame: Frame
    people: tuple[PersonRow, ...]
    count: int
    invitations: tuple[InvitationRow, ...]
    roles: tuple[str, ...]
    studies: tuple[str, ...]
    more: str | None
    more_invitations: bool
