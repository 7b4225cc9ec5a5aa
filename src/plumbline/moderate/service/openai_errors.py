"""Refusals in OpenAI's words too: its clients look for `error` in a body, and some say "no body" where they find none."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec

from plumbline.web.asgi import App, Message, Receive, Scope, Send
from plumbline.web.problems import CONTENT_TYPE


class OpenAIErrors:
    """Middleware: adds to each problem document the member `error` as OpenAI's API has it.

    Source: OpenAI's API reference, *Error codes*: message, type, param, code.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start: Message | None = None

        async def told(message: Message) -> None:
            """Holds the head of a problem back until its body is known; both come whole."""
            nonlocal start
            if message["type"] == "http.response.start" and (b"content-type", CONTENT_TYPE) in message["headers"]:
                start = message
                return
            if start is not None:
                body = _with_error(message["body"])
                others = [pair for pair in start["headers"] if pair[0] != b"content-length"]
                await send({**start, "headers": [*others, (b"content-length", str(len(body)).encode())]})
                start, message = None, {**message, "body": body}
            await send(message)

        await self._app(scope, receive, told)


def _with_error(body: bytes) -> bytes:
    document: dict[str, Any] = msgspec.json.decode(body)
    fields = document.get("fields", [])
    error = {
        "message": f"{document['detail']}. Try: {document['advice']}",
        "type": _type(document["status"]),
        "param": (fields[0]["field"] or None) if fields else None,
        "code": document["code"],
    }
    return msgspec.json.encode(document | {"error": error})


def _type(status: int) -> str:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "server_error"
    kinds = {HTTPStatus.UNAUTHORIZED: "authentication_error", HTTPStatus.TOO_MANY_REQUESTS: "rate_limit_error"}
    return kinds.get(HTTPStatus(status), "invalid_request_error")
