"""What the OpenAPI document says of a route: its body, its answer, and that errors are problem documents."""

from __future__ import annotations

from typing import Any, TypedDict

REFERENCE = "#/components/schemas/{name}"
KEY_PARAMETER: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "drawn by the client once per act; the same key and body again give the first answer",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{8,128}$"},
}


class Documented(TypedDict):
    """Arguments of a route's decorator."""

    response_model: None
    status_code: int
    responses: dict[int | str, dict[str, Any]]
    openapi_extra: dict[str, Any]


def documented(
    answer: type[Any], body: type[Any] | None = None, *, status: int = 200, keyed: bool = False, data: bool = False
) -> Documented:
    """How a route is documented.

    Args:
        answer, body: structs of `schemas`.
        status: where it went well.
        keyed: whether it takes an ``Idempotency-Key``.
        data: whether its body is a file.
    """
    extra: dict[str, Any] = {"parameters": [KEY_PARAMETER]} if keyed else {}
    if body is not None:
        extra["requestBody"] = {"required": True, "content": _content(body)}
    if data:
        binary = {"schema": {"type": "string", "format": "binary"}}
        extra["requestBody"] = {"required": True, "content": {"application/octet-stream": binary}}
    return {
        "response_model": None,
        "status_code": status,
        "responses": {
            status: {"description": (answer.__doc__ or "").strip(), "content": _content(answer)},
            "default": problems_documented(),
        },
        "openapi_extra": extra,
    }


def problems_documented() -> dict[str, Any]:
    """What every route answers where it refuses."""
    return {
        "description": "a problem document (RFC 9457)",
        "content": {"application/problem+json": {"schema": {"$ref": REFERENCE.format(name="ProblemAnswer")}}},
    }


def _content(kind: type[Any]) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": REFERENCE.format(name=kind.__name__)}}}
