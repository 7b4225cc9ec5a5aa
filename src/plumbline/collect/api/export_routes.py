"""Export: what was collected, as a zip archive that leaves while it is made."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from plumbline.collect.api.documented import problems_documented
from plumbline.collect.api.parameters import PREFIX, StudyName, serving_of
from plumbline.collect.api.serving import Asked
from plumbline.collect.export import Form, archive_name, stream_export
from plumbline.lineage import StatedTerms, Use
from plumbline.web.bounded_calls import BoundedCalls

router = APIRouter(prefix=PREFIX, tags=["studies"])

ToForm = Annotated[Form, Query(description="what it is to be")]
Licence = Annotated[str | None, Query(max_length=100, description="SPDX name; loosens nothing that is known")]
Uses = Annotated[list[Use] | None, Query(max_length=20, description="permitted uses; loosens nothing that is known")]
TestShare = Annotated[float, Query(ge=0, lt=1, description="share of the groups of rows for the split test")]

_ARCHIVE: dict[str, Any] = {
    "response_model": None,
    "response_class": Response,
    "responses": {
        200: {
            "description": "a zip archive: one folder, called as the archive is, with the files, manifest.json the last",
            "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
        },
        "default": problems_documented(),
    },
}


@router.get("/studies/{study}/export", **_ARCHIVE)
async def export_study(
    request: Request,
    study: StudyName,
    to: ToForm = Form.PARQUET,
    licence: Licence = None,
    uses: Uses = None,
    test_share: TestShare = 0.0,
) -> Response:
    """What was collected up to now. An archive that broke off has no list of its files, and is no archive."""
    serving = serving_of(request)
    collecting = serving.collecting

    def begun(asked: Asked) -> tuple[_Pieces, bytes | None]:
        """In a thread: everything that can be refused is refused before the first byte."""
        pieces = _Pieces(
            stream_export(
                collecting.store,
                study,
                to,
                stated=StatedTerms.of(licence, uses),
                now=collecting.clock(),
                command=["GET", f"/studies/{study}/export?to={to}"],
                test_share=test_share,
                by=asked.person.id,
            )
        )
        first: bytes | None = b""
        while first == b"":
            first = pieces.next()
        return pieces, first

    pieces, first = await serving.done(request, begun)
    return _Archive(f"{archive_name(study, to)}.zip", collecting.long_calls, pieces, first)


class _Pieces:
    """A generator that one thread at a time goes on with, or ends."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._lock = threading.Lock()

    def next(self) -> bytes | None:
        """The next piece; None at the end."""
        with self._lock:
            return next(self._pieces, None)

    def close(self) -> None:
        """Ends it, once the piece under way is made."""
        with self._lock:
            getattr(self._pieces, "close", lambda: None)()


class _Archive(StreamingResponse):
    """The pieces, each made in a thread, none before the one before it is sent; ended with the client."""

    def __init__(self, name: str, calls: BoundedCalls, pieces: _Pieces, first: bytes | None) -> None:
        self._calls = calls
        self._pieces = pieces
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        super().__init__(self._all(first), media_type="application/zip", headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            # A piece under way has to be made first: nothing here may wait for that, the client may be gone.
            threading.Thread(target=self._pieces.close, daemon=True).start()

    async def _all(self, first: bytes | None) -> AsyncIterator[bytes]:
        data = first
        while data is not None:
            if data:
                yield data
            data = await self._calls.run(self._pieces.next)
