"""Who sees which webhooks: owners all of them; managers, without what only who sets one needs.

A manager of the whole store sees all, a manager of one study those of that study: it is their work that another system
is told of, or is not. Of an address they see scheme and host: with some receivers the path is the key.
"""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

from plumbline.collect.service.collecting import Collecting
from plumbline.collect.service.people import has_role
from plumbline.collect.store.failures import not_found
from plumbline.collect.store.rows import Person, Role
from plumbline.collect.store.webhooks import ListedWebhook, list_webhooks, read_webhook


def webhooks_for(collecting: Collecting, by: Person) -> list[ListedWebhook]:
    """Those that `by` sees, in the order in which they were made."""
    found = list_webhooks(collecting.store, only_study_id=by.only_study_id)
    if has_role(by, Role.OWNER):
        return found
    return [replace(each, webhook=replace(each.webhook, url=origin_of(each.webhook.url))) for each in found]


def require_seen(collecting: Collecting, by: Person, number: int) -> None:
    """Refuses a webhook that does not stand, or is of another study than theirs.

    Raises:
        NotFoundError: PL-COL-010.
    """
    webhook = read_webhook(collecting.store, number)
    if by.only_study_id is not None and webhook.study_id != by.only_study_id:
        raise not_found("webhook", number)


def origin_of(url: str) -> str:
    """``https://HOST`` of an address that was checked when it was set."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
