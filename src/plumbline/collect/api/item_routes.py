"""Items: entered from a file that is sent, and looked at."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from plumbline.collect.api import schemas, shown
from plumbline.collect.api.documented import documented
from plumbline.collect.api.parameters import PREFIX, AfterId, Limit, StudyName, serving_of
from plumbline.collect.api.serving import Asked
from plumbline.collect.kinds import Purpose
from plumbline.collect.service.entering import enter_uploaded
from plumbline.collect.store.items import read_items

router = APIRouter(prefix=PREFIX, tags=["items"])

ITEMS_PATH = rf"{PREFIX}/studies/[^/]+/items"
MOST_ITEMS_BYTES = 32 << 20
"""Larger data is entered on the server's machine, where nothing has to hold it in memory."""

EnteredPurpose = Annotated[Literal["work", "training", "gold", "attention"], Query()]
DataForm = Annotated[Literal["jsonl", "jsonl.gz", "parquet"], Query()]


@router.post("/studies/{study}/items", **documented(schemas.EnteredAnswer, data=True))
async def enter_items(
    request: Request, study: StudyName, purpose: EnteredPurpose = "work", form: DataForm = "jsonl"
) -> Response:
    """Enters the items in a file of any format that Plumbline reads; sending it again enters what is missing."""
    serving = serving_of(request)

    def enter(asked: Asked) -> schemas.EnteredAnswer:
        """In a thread: the items entered."""
        known = serving.collecting.catalogue.named(study)
        return shown.entered(enter_uploaded(serving.collecting, known, asked.raw, form, Purpose(purpose)))

    return await serving.answer(request, enter)


@router.get("/studies/{study}/items", **documented(schemas.Items))
async def list_items(
    request: Request, study: StudyName, purpose: Purpose | None = None, after: AfterId = 0, limit: Limit = 100
) -> Response:
    """Items in the order of entry, with known answers: for managers only."""
    serving = serving_of(request)
    collecting = serving.collecting

    def items(_: Asked) -> schemas.Items:
        """In a thread: one page."""
        known = collecting.catalogue.named(study)
        rows = read_items(collecting.store, known.id, purpose=purpose, after=after, limit=limit)
        return shown.items(rows, limit)

    return await serving.answer(request, items)
