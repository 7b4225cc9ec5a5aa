"""Answers of routes: a status, headers and a body."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from plumbline.web.asgi import Send

_JSON = b"application/json"


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    body: bytes
    status: int = 200
    content_type: bytes = _JSON

    async def send(self, send: Send) -> None:
        """Sends it."""
        headers = [(b"content-type", self.content_type), (b"content-length", str(len(self.body)).encode())]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


_ENCODER = msgspec.json.Encoder()


def json_answer(value: Any, status: int = 200) -> Answer:
    """A value as JSON."""
    return Answer(_ENCODER.encode(value), status)
