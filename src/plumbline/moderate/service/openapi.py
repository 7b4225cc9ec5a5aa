"""The service described as OpenAPI; the requests from the very types that they are read by."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from plumbline import __version__
from plumbline.moderate.requests import ModerationRequest, ScoreRequest

Json = dict[str, Any]

_REF = "#/components/schemas/{name}"
_NUMBER_OR_NULL: Json = {"type": ["number", "null"]}
_ERROR: Json = {
    "type": ["object", "null"],
    "required": ["code", "message"],
    "properties": {
        "code": {"type": "string"},
        "message": {"type": "string"},
        "messages": {"type": "array", "items": {"type": "integer"}},
    },
    "additionalProperties": False,
}


def _object(properties: Json, *, optional: tuple[str, ...] = ()) -> Json:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _map(value: Json) -> Json:
    return {"type": "object", "additionalProperties": value}


_TURN = _object(
    {
        "message": {"type": "integer"},
        "role": {"enum": ["user", "assistant"]},
        "flagged": {"type": "boolean"},
        "controversial": {"type": "boolean"},
        "category_scores": _map({"type": "number"}),
        "answered_by": {"type": "string"},
    },
    optional=("answered_by",),
)
_RESULT = _object(
    {
        "flagged": {"type": "boolean"},
        "categories": _map({"type": ["boolean", "null"]}),
        "category_scores": _map(_NUMBER_OR_NULL),
        "category_applied_input_types": _map({"type": "array", "items": {"const": "text"}}),
        "controversial": {"type": "boolean"},
        "controversial_categories": {"type": "array", "items": {"type": "string"}},
        "truncated": {"type": "boolean"},
        "error": _ERROR,
        "judged_by": _map({"type": "string"}),
        "answered_by": {"type": ["string", "null"]},
        "turns": {"type": "array", "items": _TURN},
    },
    optional=("answered_by", "turns"),
)
_MODERATION = _object(
    {"id": {"type": "string"}, "model": {"type": "string"}, "results": {"type": "array", "items": _RESULT}}
)
_REPLY = _object(
    {
        "reward": _NUMBER_OR_NULL,
        "best_probability": _NUMBER_OR_NULL,
        "cost": _NUMBER_OR_NULL,
        "unsafe_probability": _NUMBER_OR_NULL,
        "truncated": {"type": "boolean"},
        "error": _ERROR,
    },
    optional=("reward", "best_probability", "cost", "unsafe_probability"),
)
_DESCRIBED: Json = {
    "name": {"type": "string"},
    "task": {"enum": ["preference", "cost", "moderation"]},
    "axis": {"type": ["string", "null"]},
    "heads": {"type": "array", "items": {"type": "string"}},
    "digest": {"type": "string"},
    "data_digest": {"type": "string"},
    "is_synthetic": {"type": "boolean"},
}
_CONVERSATIONS = _object({"replies": {"type": "array", "items": _REPLY}})
_SCORES = _object(
    {
        "id": {"type": "string"},
        "object": {"const": "list"},
        "models": {
            "type": "array",
            "items": _object({**_DESCRIBED, "conversations": {"type": "array", "items": _CONVERSATIONS}}),
        },
    }
)
_LIST = _object({"object": {"const": "list"}, "data": {"type": "array", "items": {"type": "object"}}})
_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "advice", "error"],
    "properties": {
        **{name: {"type": "string"} for name in ("type", "title", "detail", "code", "advice", "request_id")},
        "status": {"type": "integer"},
        "error": _object(
            {
                **{name: {"type": "string"} for name in ("message", "type", "code")},
                "param": {"type": ["string", "null"]},
            }
        ),
    },
}
_REFUSALS = {
    "400": "it is no JSON, or nested too deep",
    "401": "keys are asked for, and none that is good came with it",
    "403": "no key is asked for, and the Host header names somebody else",
    "404": "no model or policy of this name is served",
    "405": "the route does not take this method",
    "408": "the body did not come in time",
    "413": "the body, or its texts, are too long",
    "415": "the body is of another type",
    "422": "a field is missing, unknown or of another type",
    "429": "too many requests, or too much waits; Retry-After says how long",
    "500": "the service failed",
    "503": "the service is being stopped",
}


@cache
def openapi_document() -> Json:
    """The whole document."""
    _, requests = msgspec.json.schema_components([ModerationRequest, ScoreRequest], ref_template=_REF)
    requests["ModerationRequest"]["oneOf"] = [
        {"required": list(names), "properties": {name: {"not": {"type": "null"}} for name in names}}
        for names in (("input",), ("messages",), ("question", "answer"))
    ]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Plumbline moderation",
            "version": __version__,
            "description": "OpenAI's moderation contract and beyond it: whole conversations, policies, rewards and costs.",
        },
        "paths": {
            "/v1/moderations": _post(
                "Judge texts, conversations, or an answer to a question", "ModerationRequest", "Moderation"
            ),
            "/v1/score": _post("Rewards and costs of replies", "ScoreRequest", "Scores"),
            "/v1/models": _get("Which models are served", "List"),
            "/v1/policies": _get("By which policies they decide", "List"),
            "/healthz": _get("Whether the process is alive", None),
            "/readyz": _get("Whether requests are welcome", None),
            "/metrics": _get("Counters, as Prometheus reads them", None, "text/plain"),
            "/openapi.json": _get("This document", None),
        },
        "components": {
            "schemas": {**requests, "Moderation": _MODERATION, "Scores": _SCORES, "List": _LIST, "Problem": _PROBLEM},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"key": []}, {}],
    }


def _post(summary: str, asked: str, answered: str) -> Json:
    body = {"required": True, "content": {"application/json": {"schema": {"$ref": _REF.format(name=asked)}}}}
    return {"post": {"summary": summary, "requestBody": body, "responses": _responses(answered, "application/json")}}


def _get(summary: str, answered: str | None, content_type: str = "application/json") -> Json:
    return {"get": {"summary": summary, "responses": _responses(answered, content_type)}}


def _responses(answered: str | None, content_type: str) -> Json:
    schema = {} if answered is None else {"$ref": _REF.format(name=answered)}
    refused = {"application/problem+json": {"schema": {"$ref": _REF.format(name="Problem")}}}
    return {
        "200": {"description": "the answer", "content": {content_type: {"schema": schema}}},
        **{status: {"description": why, "content": refused} for status, why in _REFUSALS.items()},
    }
