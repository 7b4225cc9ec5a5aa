"""Items that a worker does not want to see, given back for them before they see them."""

from __future__ import annotations

from plumbline.collect.kinds import Purpose
from plumbline.collect.service.collecting import Collecting
from plumbline.collect.service.held_work import Held
from plumbline.collect.service.wellbeing.preferences import opted_out
from plumbline.collect.service.wellbeing.topics import topics_of
from plumbline.collect.store.failures import ConflictError
from plumbline.collect.store.leasing import release
from plumbline.collect.store.rows import Person

MOST_SKIPPED = 20
"""At one request for an item; each is a lease given back."""
REASON = "topic"


def give_back_unwanted(collecting: Collecting, worker: Person, held: Held) -> bool:
    """Gives the item back where the worker opted out of one of its topics; whether it did.

    Nobody sees such an item, so nothing counts against anybody. Training items are shown all the same: who could leave some
    out would pass by that. So is what the worker has begun: they may give it back themselves.
    """
    if held.item.purpose is Purpose.TRAINING or held.work.judgements or held.work.turns:
        return False
    topics = topics_of(collecting, held.study, held.item.payload)
    if not topics or topics.isdisjoint(opted_out(collecting, worker, held.study)):
        return False
    try:
        lease = held.assignment
        release(collecting.store, lease.id, worker.id, lease.fence, now=collecting.clock(), reason=REASON)
    except ConflictError:
        pass  # another request of theirs was at it at the same moment
    return True
