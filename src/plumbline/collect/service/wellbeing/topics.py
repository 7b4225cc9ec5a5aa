"""The topics of an item, as the worker who has it is told them.

Gold and attention items have only those that items for work bring too: where the work has no categories and the gold has,
they would tell one from the other.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from pydantic import JsonValue

from plumbline.collect.kinds import Ask, Purpose, Step
from plumbline.collect.kinds.topics import TOPICS, topics_in
from plumbline.collect.service.catalogue import KnownStudy
from plumbline.collect.service.collecting import Collecting
from plumbline.collect.store.items import count_items
from plumbline.collect.store.studies import list_studies
from plumbline.records import PlumblineError

LOG = logging.getLogger("plumbline.collect")
StepT = TypeVar("StepT", bound=Step)


def topics_of(collecting: Collecting, study: KnownStudy, payload: Mapping[str, JsonValue]) -> frozenset[str]:
    """What a worker may know of an item's topics; nothing, and at no cost, in a study without them."""
    if not study.settings.has_topics:
        return frozenset()
    found = topics_in(payload)
    return collecting.topics.known_among(collecting.store, study.id, found) if found else found


def with_topics(
    collecting: Collecting, study: KnownStudy, payload: Mapping[str, JsonValue], step: StepT
) -> StepT | Ask:
    """A question with the topics of its item among its fields, where it has any."""
    if not isinstance(step, Ask):
        return step
    topics: list[JsonValue] = [*sorted(topics_of(collecting, study, payload))]
    return replace(step, fields={**step.fields, TOPICS: topics}) if topics else step


async def read_all_topics(collecting: Collecting) -> None:
    """Goes through the items of every study with topics when a server starts, so that no worker waits for it.

    A failure is logged: the topics are read all the same when they are asked for.
    """
    try:
        await collecting.long_calls.run(_read_all, collecting)
    except PlumblineError as error:
        LOG.warning("the topics of studies were not read: %s", error.code)


def _read_all(collecting: Collecting) -> None:
    for row in list_studies(collecting.store):
        study = collecting.catalogue.named(row.name)
        if not study.settings.has_topics or collecting.topics.of_study(collecting.store, study.id):
            continue
        if count_items(collecting.store, study.id, Purpose.WORK):
            LOG.warning("study %s lets workers leave out topics, and none of its items names any", row.name)
