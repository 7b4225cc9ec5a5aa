"""The OpenAPI document: FastAPI's paths, with the schemas of our structs and of everything that can be submitted."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter

from plumbline.collect.api import schemas
from plumbline.collect.api.documented import REFERENCE
from plumbline.collect.api.links import add_links
from plumbline.collect.api.permissions import PERMITTED
from plumbline.collect.kinds import SUBMISSIONS

_NOT_OURS = ("HTTPValidationError", "ValidationError")
_BASES = (schemas.Body,)


def openapi_of(app: FastAPI) -> dict[str, Any]:
    """The document; made once."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        components = document.setdefault("components", {})
        of_parameters = components.get("schemas", {})
        components["schemas"] = {
            name: of_parameters[name] for name in of_parameters if name not in _NOT_OURS
        } | _schemas()
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        for operations in document["paths"].values():
            for operation in operations.values():
                _mend(operation)
        app.openapi_schema = document
    return app.openapi_schema


def _mend(operation: dict[str, Any]) -> None:
    """Tokens where they are wanted; not FastAPI's own form of errors, which nothing here gives."""
    operation["responses"].pop("422", None)
    name = operation["operationId"].split("_api_v1")[0]
    operation["operationId"] = name
    add_links(operation)
    if PERMITTED[name] is not None:
        operation["security"] = [{"token": []}]
        operation["x-least-role"] = str(PERMITTED[name])


def _schemas() -> dict[str, Any]:
    structs = [
        value
        for value in vars(schemas).values()
        if isinstance(value, type) and issubclass(value, msgspec.Struct) and value not in (*_BASES, msgspec.Struct)
    ]
    _, found = msgspec.json.schema_components(structs, ref_template=REFERENCE)
    submissions = TypeAdapter(reduce(or_, SUBMISSIONS.values())).json_schema(
        ref_template="#/components/schemas/{model}"
    )
    defined = submissions.pop("$defs")
    # What the decoder takes for granted and only the kinds look at.
    for name in ("Submit", "Correct"):
        found[name]["properties"]["submission"] = {
            "oneOf": submissions["anyOf"],
            "discriminator": {
                "propertyName": "act",
                "mapping": {act: REFERENCE.format(name=model.__name__) for act, model in SUBMISSIONS.items()},
            },
        }
    for act, model in SUBMISSIONS.items():
        required = defined[model.__name__].setdefault("required", [])
        if "act" not in required:
            required.append("act")
        defined[model.__name__]["properties"]["act"] = {"const": act, "type": "string"}
    clash = found.keys() & defined.keys()
    if clash:
        raise RuntimeError(f"two schemas of one name: {', '.join(sorted(clash))}")
    return {**found, **defined}
