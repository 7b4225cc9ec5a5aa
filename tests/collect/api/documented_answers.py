"""Every answer that any test of the API gets is held against the document: status, content type, schema."""

from functools import cache

import schemathesis
from starlette.routing import Match

from plumbline.collect.api.app import api_routes

_found = {}


def check_answer(app, response):
    """Raises where the document does not know of such an answer; of paths that are no route it says nothing."""
    method, path = response.request.method, response.request.url.path
    scope = {"type": "http", "method": method, "path": path}
    route = next((each for each in api_routes() if each.matches(scope)[0] is Match.FULL), None)
    if route is not None:
        if "document" not in _found:
            _found["document"] = app.openapi()
        _operations()[route.path_format][method].validate_response(response)


@cache
def _operations():
    """The document as schemathesis reads it: once, since it is the same for every app."""
    return schemathesis.openapi.from_dict(_found["document"])
