"""Pages for people who are not logged in: log in, join by an invitation, arrive from a platform."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from plumbline.collect.pages.contexts.frame import Frame


@dataclass(frozen=True, slots=True)
class LoginPage:
    """Name and password.

    Attributes:
        frame: around it.
        goes_on_to: the page to show afterwards; a path of ours.
    """

    template: ClassVar[str] = "login.html"
    frame: Frame
    goes_on_to: str


@dataclass(frozen=True, slots=True)
class JoinPage:
    """An invitation is taken up: its code stands behind the ``#`` of the address, where no server and no log sees it.

    Attributes:
        frame: around it.
    """

    template: ClassVar[str] = "join.html"
    frame: Frame


@dataclass(frozen=True, slots=True)
class ArrivalPage:
    """Somebody comes from a platform.

    Attributes:
        frame: around it.
        provider: the platform, as it is called.
        study: the study's name.
        complete: whether the address holds what the platform has to say; where not, the page tells so.
    """

    template: ClassVar[str] = "arrive.html"
    frame: Frame
    provider: str
    study: str
    complete: bool
