"""What any server answers."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType


class Health(Struct):
    """The database answers."""

    status: str = "ok"


class ProblemAnswer(Struct):
    """RFC 9457. `fields` says what a form should mark; some problems have members of their own."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    advice: str
    request_id: str | UnsetType = UNSET
    fields: list[dict[str, str]] | UnsetType = UNSET
