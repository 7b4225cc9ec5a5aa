"""Where another house's log-in sends browsers back to. A page changes nothing: its module finishes what it began."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from plumbline.collect.pages.contexts.entrance import CallbackPage
from plumbline.collect.pages.visiting import Visit, page
from plumbline.collect.service.identity.openid.failures import not_configured
from plumbline.collect.service.identity.openid.settings import CALLBACK_PATH

router = APIRouter(include_in_schema=False)


@router.get(CALLBACK_PATH)
async def openid_page(request: Request) -> Response:
    """Somebody comes back. What the address says stays in it: the module reads it there."""

    def back(visit: Visit) -> CallbackPage:
        """In a thread: the page."""
        openid = visit.serving.openid
        if openid is None:
            raise not_configured()
        return CallbackPage(visit.frame("Logging in", script="openid.js"), openid.label)

    return await page(request, back)
