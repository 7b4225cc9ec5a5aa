"""What stands around every page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who looks at a page.

    Attributes:
        pseudonym: what they are called in everything that leaves the store.
        name: of their account; None where they came without one.
        role: worker, reviewer, manager or owner.
        manages: whether the page of all people is for them: a manager of the whole store.
    """

    pseudonym: str
    name: str | None
    role: str
    manages: bool


@dataclass(frozen=True, slots=True)
class Crumb:
    """One step of the way to a page; the page itself is the last, and has no address."""

    label: str
    address: str | None = None


HOME = Crumb("Studies", "/")
"""Where every way begins."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around every page.

    Attributes:
        title: of the page; the window's name begins with it.
        static: where stylesheets and modules are, without a slash at the end.
        csrf_token: goes with every change that the page asks for; empty where nobody is logged in.
        visitor: None where nobody is logged in.
        crumbs: the way here.
        help_link: where a worker finds help, where the study says so.
        script: the module that brings the page to life; None where there is nothing to bring.
    """

    title: str
    static: str
    csrf_token: str = ""
    visitor: Visitor | None = None
    crumbs: tuple[Crumb, ...] = ()
    help_link: str | None = None
    script: str | None = None
