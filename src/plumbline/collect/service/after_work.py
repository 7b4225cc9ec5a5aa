"""What follows from finished work: items for review, adjudication and spot checks."""

from __future__ import annotations

from plumbline.collect.kinds import (
    Accepted,
    Purpose,
    described_for_checks,
    is_spot_checked,
    split_item,
    transcript_of,
    writing_item,
)
from plumbline.collect.kinds.adjudication import split_key
from plumbline.collect.kinds.bounds import conversation_of, read_stored
from plumbline.collect.kinds.safety_labels import LABEL, LabelItem, StoredLabel
from plumbline.collect.kinds.work import with_added
from plumbline.collect.service.catalogue import KnownStudy
from plumbline.collect.service.collecting import Collecting
from plumbline.collect.service.entering import row_of
from plumbline.collect.service.held_work import Held, is_chat
from plumbline.collect.store.items import enter_items, has_item, read_items
from plumbline.collect.store.judgements import judgements_of_item
from plumbline.collect.store.participation import submitted_counts
from plumbline.collect.store.rows import Item
from plumbline.collect.store.rows import NewItem as ItemRow
from plumbline.collect.store.splits import bring_split_up
from plumbline.collect.store.studies import list_studies
from plumbline.collect.study_settings import StudyKind

_BATCH = 1000


def follow_ups(collecting: Collecting, held: Held, accepted: Accepted) -> tuple[ItemRow, ...]:
    """The items to enter in the transaction that stores the work; none before it is finished.

    Their author is the worker: nobody reviews, checks or rules on their own. Splits have no author: the store keeps
    adjudications from everybody who had what they are about.
    """
    if not accepted.finished:
        return ()
    author_id = held.assignment.worker_id
    rows = [row_of(item, author_id) for item in accepted.new_items]
    if _is_looked_at(collecting, held):
        work = with_added(held.work, accepted.turn, accepted.judgements)
        described = described_for_checks(work, held.settings)
        rows.append(row_of(writing_item(work, transcript_of(work, held.settings), described), author_id))
    return tuple(rows)


def after_submission(collecting: Collecting, held: Held) -> None:
    """What only shows once the last judgement of an item stands: labels that are split go to adjudication.

    What a correction settles is not asked any more, and what it leaves split is asked with the labels that stand; a
    ruling stays.

    The item's key names what it is about, so that it is entered once however often this runs: also where a submission
    is repeated whose answer did not come. `enter_splits` makes good what a crash left out.
    """
    if held.settings.kind is StudyKind.SAFETY_LABELS and held.item.purpose is Purpose.WORK:
        _enter_split(collecting, held.study, held.item)


def enter_splits(collecting: Collecting, study: KnownStudy) -> None:
    """Looks at all items of a study of labels for splits that nobody was given yet; for the start of a server."""
    after = 0
    while items := read_items(collecting.store, study.id, purpose=Purpose.WORK, after=after, limit=_BATCH):
        for item in items:
            if item.open_slots == 0:
                _enter_split(collecting, study, item)
        after = items[-1].id


def enter_all_splits(collecting: Collecting) -> None:
    """`enter_splits` for every study of labels in the store."""
    for row in list_studies(collecting.store):
        if row.kind == StudyKind.SAFETY_LABELS.value:
            enter_splits(collecting, collecting.catalogue.of_id(row.id))


def _enter_split(collecting: Collecting, study: KnownStudy, item: Item) -> None:
    """Makes the item about an item's labels what these say; again where another correction came meanwhile."""
    store, before = collecting.store, list[int]()
    if item.overlap < 2:
        return
    while True:
        given = [each for each in judgements_of_item(store, item.id) if each.kind == LABEL]
        numbers = [judgement.id for judgement in given]
        if len(given) < item.overlap or numbers == before:
            return
        labels = [read_stored(StoredLabel, judgement.payload) for judgement in given]
        conversation = conversation_of(read_stored(LabelItem, item.payload).conversation)
        new = split_item(item.key, conversation, labels)
        if new is not None and not has_item(store, study.id, new.key):
            enter_items(store, study.id, [row_of(new)], now=collecting.clock())
        elif any(judgement.corrects is not None for judgement in given):
            payload = None if new is None else new.payload
            bring_split_up(store, study.id, split_key(item.key), payload, now=collecting.clock())
        else:
            return
        before = numbers


def _is_looked_at(collecting: Collecting, held: Held) -> bool:
    if held.settings.spot_check is None or held.item.purpose is not Purpose.WORK:
        return False
    if not is_chat(held.settings, Purpose.WORK):
        return False
    counts = submitted_counts(collecting.store, held.study.id, held.assignment.worker_id)
    return is_spot_checked(held.settings, held.work, counts.get(Purpose.WORK, 0))
