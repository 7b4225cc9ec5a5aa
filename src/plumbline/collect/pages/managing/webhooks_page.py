"""Which addresses are told what happens, and what became of it."""

from __future__ import annotations

from plumbline.collect.pages.contexts.frame import HOME, Crumb
from plumbline.collect.pages.contexts.webhooks import DeliveryRow, OfferedEvent, WebhookRow, WebhooksPage
from plumbline.collect.pages.visiting import Visit
from plumbline.collect.pages.wording import counted
from plumbline.collect.service.webhooks.managing import OFFERED, Told, told_of
from plumbline.collect.service.webhooks.seeing import webhooks_for
from plumbline.collect.store.database import Store
from plumbline.collect.store.deliveries import list_deliveries
from plumbline.collect.store.outbox import MEANINGS, WebhookEvent
from plumbline.collect.store.rows import Role
from plumbline.collect.store.studies import list_studies
from plumbline.collect.store.webhooks import ListedWebhook

REFRESH_SECONDS = 5
SHOWN = 10
"""Deliveries of each webhook; the API lists all."""
_USUAL = (WebhookEvent.STUDY_FINISHED, WebhookEvent.ITEM_DISPUTED)
_TROUBLES = {
    "unreachable": "nobody answers at the address",
    "too_slow": "no answer in time",
    "broke_off": "the connection broke off",
    "not_permitted": "the address is private, or reached unencrypted, and this server speaks to no such address",
}


def webhooks_page(visit: Visit) -> WebhooksPage:
    """Those that who looks may see; only owners change them."""
    store, may_change = visit.collecting.store, visit.worker.role is Role.OWNER
    return WebhooksPage(
        frame=visit.frame("Webhooks", crumbs=(HOME, Crumb("Webhooks")), script="manage/webhooks.js"),
        may_change=may_change,
        permits_private=visit.serving.rules.allow_private,
        refresh_seconds=REFRESH_SECONDS,
        webhooks=tuple(_row(store, each) for each in webhooks_for(visit.collecting, visit.worker)),
        offered=tuple(OfferedEvent(event.value, MEANINGS[event][0], event in _USUAL) for event in OFFERED),
        studies=tuple(row.name for row in list_studies(store)) if may_change else (),
    )


def _row(store: Store, each: ListedWebhook) -> WebhookRow:
    webhook = each.webhook
    told = [told_of(row) for row in list_deliveries(store, webhook.id, limit=SHOWN)]
    return WebhookRow(
        number=webhook.id,
        url=webhook.url,
        events=tuple(webhook.events),
        study=each.study or "",
        created_by=each.created_by or "",
        created_at=webhook.created_at,
        waiting=each.waiting,
        given_up=each.given_up,
        deliveries=tuple(_delivery(row) for row in told),
    )


def in_words(told: Told) -> str:
    """What became of a message; that it was given up is said beside it."""
    if told.attempts == 0:
        return "before it was sent" if told.state == "given_up" else "waits to be sent"
    tries = counted(told.attempts, "attempt")
    if told.state == "delivered":
        return f"delivered, {tries}"
    said = "no answer yet" if told.status is None else f"the answer was {told.status}"
    said = said if told.trouble is None else _TROUBLES[told.trouble]
    if told.state == "given_up":
        return f"after {tries}: {said}"
    return f"{tries}, {said}; it is tried again"


def _delivery(told: Told) -> DeliveryRow:
    tag = "given up" if told.state == "given_up" else ""
    return DeliveryRow(told.id, told.event, in_words(told), tag, told.created_at)
