"""Webhooks: owners say which addresses are told of what, and try them; they and managers see what became of it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from plumbline.collect.api import schemas
from plumbline.collect.api.documented import documented
from plumbline.collect.api.parameters import PREFIX, BeforeId, Limit, serving_of
from plumbline.collect.api.serving import Asked
from plumbline.collect.service.webhooks.managing import OFFERED, Told, new_webhook, told_of
from plumbline.collect.service.webhooks.seeing import require_seen, webhooks_for
from plumbline.collect.store import deliveries as stored
from plumbline.collect.store import webhooks as standing
from plumbline.collect.store.webhooks import ListedWebhook

router = APIRouter(prefix=PREFIX, tags=["webhooks"])
WebhookId = Annotated[int, Path(ge=1, le=2**62)]
DeliveryId = Annotated[int, Path(ge=1, le=2**62)]


@router.post("/webhooks", **documented(schemas.WebhookMade, schemas.NewWebhook, status=201))
async def create_webhook(request: Request) -> Response:
    """Tells an address what happens from now on. The secret is shown once."""
    serving = serving_of(request)

    def made(asked: Asked) -> schemas.WebhookMade:
        """In a thread: the webhook with its secret."""
        body, permitted = asked.body(schemas.NewWebhook), serving.rules.allow_private
        wanted = (body.url, body.events, body.study)
        row = new_webhook(serving.collecting, asked.person, *wanted, allow_private=permitted)
        return schemas.WebhookMade(row.id, row.url, row.events, body.study, row.secret, row.created_at)

    return await serving.answer(request, made, 201)


@router.get("/webhooks", **documented(schemas.Webhooks))
async def list_webhooks(request: Request) -> Response:
    """Those that stand, without their secrets.

    Managers see them too, who is of one study those of that study; `url` is scheme and host alone for them.
    """
    serving = serving_of(request)

    def listed(asked: Asked) -> schemas.Webhooks:
        """In a thread: all that they see; there are few."""
        lines = [_line(row) for row in webhooks_for(serving.collecting, asked.person)]
        return schemas.Webhooks(lines, [event.value for event in OFFERED])

    return await serving.answer(request, listed)


@router.delete("/webhooks/{webhook}", **documented(schemas.WebhookRemoved))
async def remove_webhook(request: Request, webhook: WebhookId) -> Response:
    """Tells an address nothing more; what it was still to be told is given up."""
    serving = serving_of(request)

    def removed(asked: Asked) -> schemas.WebhookRemoved:
        """In a thread: whether it stood."""
        store, now = serving.collecting.store, serving.collecting.clock()
        return schemas.WebhookRemoved(standing.remove_webhook(store, webhook, by=asked.person.id, now=now))

    return await serving.answer(request, removed)


@router.post("/webhooks/{webhook}/test", **documented(schemas.WebhookQueued, status=202))
async def try_webhook(request: Request, webhook: WebhookId) -> Response:
    """Sends a `ping`, as everything is sent: through the outbox."""
    serving = serving_of(request)

    def queued(asked: Asked) -> schemas.WebhookQueued:  # noqa: ARG001 - who asks may try all
        """In a thread: the message put where the sender finds it."""
        standing.ping(serving.collecting.store, webhook, now=serving.collecting.clock())
        return schemas.WebhookQueued(queued=True)

    return await serving.answer(request, queued, 202)


@router.get("/webhooks/{webhook}/deliveries", **documented(schemas.Deliveries))
async def list_deliveries(
    request: Request, webhook: WebhookId, before: BeforeId | None = None, limit: Limit = 100
) -> Response:
    """What a webhook was told in the last 30 days, and is still to be told; for managers too, of webhooks that they see."""
    serving = serving_of(request)

    def listed(asked: Asked) -> schemas.Deliveries:
        """In a thread: one page."""
        store = serving.collecting.store
        require_seen(serving.collecting, asked.person, webhook)
        rows = [told_of(row) for row in stored.list_deliveries(store, webhook, before=before, limit=limit)]
        return schemas.Deliveries([_delivery(row) for row in rows], rows[-1].id if len(rows) == limit else None)

    return await serving.answer(request, listed)


@router.post("/webhooks/{webhook}/deliveries/{delivery}/again", **documented(schemas.WebhookQueued, status=202))
async def deliver_again(request: Request, webhook: WebhookId, delivery: DeliveryId) -> Response:
    """Sends a message now, under the id that it has: a receiver that got it before knows it again."""
    serving = serving_of(request)

    def queued(asked: Asked) -> schemas.WebhookQueued:  # noqa: ARG001 - who asks may send all
        """In a thread: due now, or put into the outbox once more."""
        stored.send_again(serving.collecting.store, webhook, delivery, now=serving.collecting.clock())
        return schemas.WebhookQueued(queued=True)

    return await serving.answer(request, queued, 202)


def _line(row: ListedWebhook) -> schemas.WebhookLine:
    webhook = row.webhook
    named = (webhook.id, webhook.url, webhook.events, row.study, row.created_by, webhook.created_at)
    return schemas.WebhookLine(*named, row.waiting, row.given_up)


def _delivery(told: Told) -> schemas.DeliveryLine:
    return schemas.DeliveryLine(
        id=told.id,
        message=told.message,
        event=told.event,
        state=told.state,
        attempts=told.attempts,
        status=told.status,
        trouble=told.trouble,
        created_at=told.created_at,
        next_at=told.next_at,
        ended_at=told.ended_at,
    )
