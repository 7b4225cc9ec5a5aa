"""The page of what went wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from plumbline.collect.pages.contexts.frame import Frame


@dataclass(frozen=True, slots=True)
class ProblemPage:
    """Something cannot be shown.

    Attributes:
        frame: around it.
        status: HTTP status.
        heading: what is wrong, in a few words.
        detail: where, what was expected and found.
        advice: what to do next.
        code: stable, see ``docs/errors.md``.
        request_id: names the request in the server's log.
    """

    template: ClassVar[str] = "problem.html"
    frame: Frame
    status: int
    heading: str
    detail: str
    advice: str
    code: str
    request_id: str
