"""What becomes of webhooks in a restore: nobody is told the same thing twice, and who is told is as it was before.

What a backup had not delivered yet may have been delivered since, or be delivered by the store that was backed up, which
may still be there. So it is given up in the copy that is restored; whoever wants it sends it again.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from plumbline.collect.store.tables import IS_UNDELIVERED, deliveries, people, studies, webhooks

Rows = list[dict[str, Any]]


def give_up_undelivered(connection: Connection, now: datetime) -> int:
    """Gives up every delivery that is still to be made, within the transaction at hand; how many there were."""
    ended = {"given_up_at": now, "claimed_until": None}
    return connection.execute(update(deliveries).where(IS_UNDELIVERED).values(**ended)).rowcount


def webhooks_now(target: Connection) -> Rows:
    """Webhooks of the store that a restore is about to replace."""
    return [dict(row) for row in target.execute(select(webhooks)).mappings()]


def carry_webhooks(target: Connection, before: Rows, now: datetime) -> None:
    """Writes over the backup's rows the webhooks of before: one removed since stays so, one made since stays.

    One for a study that the backup does not have is removed: without a study it would be told of all.
    """
    known = set(target.execute(select(webhooks.c.id)).scalars())
    persons = set(target.execute(select(people.c.id)).scalars())
    stay = set(target.execute(select(studies.c.id)).scalars())
    for webhook in before:
        if webhook["id"] in known:
            same = update(webhooks).where(webhooks.c.id == webhook["id"])
            target.execute(same.values(revoked_at=webhook["revoked_at"]))
            continue
        kept = {**webhook, "created_by": webhook["created_by"] if webhook["created_by"] in persons else None}
        if webhook["study_id"] is not None and webhook["study_id"] not in stay:
            kept |= {"study_id": None, "revoked_at": webhook["revoked_at"] or now}
        target.execute(insert(webhooks), kept)
