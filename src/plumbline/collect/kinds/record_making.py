"""Stored judgements → rows of `plumbline.records`, ids and all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from plumbline.collect.study_settings import StudyFile, hh_subset
from plumbline.records import Axis, Comparison, Conversation, Outcome, SafetyLabel
from plumbline.records.identity import comparison_ids, safety_label_ids


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a record comes from.

    Attributes:
        study: its settings.
        assignment_id, judgement_id: in the store; they stand in `extra`. None where the item brought the answer along:
            that is nobody's act.
        worker: pseudonym; None there too.
        row: number of the row among the study's; both axes of one pair share it.
        parents: ids of the records that the item was made of.
    """

    study: StudyFile
    assignment_id: str | None
    judgement_id: str | None
    worker: str | None
    row: int
    parents: tuple[str, ...] = ()

    def trail(self, more: Mapping[str, JsonValue] | None = None) -> str:
        """JSON that leads from the row back to the act."""
        names = {"study": self.study.name, "assignment": self.assignment_id, "judgement": self.judgement_id}
        known = {name: value for name, value in names.items() if value is not None}
        return _ENCODER.encode({"collect": {**known, **(more or {})}})


_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Two continuations of one context, and what is known of each; by stored side."""

    context: Conversation
    continuations: tuple[Conversation, Conversation]
    models: tuple[str, str] | None = None
    is_safe: tuple[bool, bool] | None = None
    categories: tuple[frozenset[str], frozenset[str]] | None = None
    conversation_id: str | None = None


def comparison_record(
    sides: Sides,
    axis: Axis,
    outcome: Outcome,
    strength: int | None,
    origin: Origin,
    more: Mapping[str, JsonValue] | None = None,
) -> Comparison:
    """A comparison of the study's tranche; `outcome` is the better side on its axis."""
    identity, item_id, group_id = comparison_ids(
        sides.context, sides.continuations, axis, outcome=outcome, strength=strength, worker=origin.worker
    )
    return Comparison(
        id=identity,
        item_id=item_id,
        group_id=group_id,
        conversation_id=sides.conversation_id,
        context=sides.context,
        continuations=sides.continuations,
        axis=axis,
        outcome=outcome,
        strength=strength,
        is_safe=sides.is_safe,
        categories=sides.categories,
        models=sides.models,
        worker=origin.worker,
        parents=origin.parents,
        source=origin.study.name,
        row=origin.row,
        subset=hh_subset(axis, origin.study.tranche),
        tranche=origin.study.tranche.value,
        extra=origin.trail(more),
    )


def safety_label_record(
    conversation: Conversation,
    is_safe: bool,
    categories: frozenset[str] | None,
    origin: Origin,
    *,
    confidence: int | None = None,
    side: int | None = None,
    more: Mapping[str, JsonValue] | None = None,
) -> SafetyLabel:
    """A label under the study's taxonomy."""
    identity, item_id, group_id = safety_label_ids(
        conversation,
        origin.study.taxonomy,
        categories=categories,
        is_safe=is_safe,
        confidence=confidence,
        worker=origin.worker,
    )
    return SafetyLabel(
        id=identity,
        item_id=item_id,
        group_id=group_id,
        conversation=conversation,
        taxonomy=origin.study.taxonomy,
        categories=categories,
        is_safe=is_safe,
        confidence=confidence,
        worker=origin.worker,
        parents=origin.parents,
        source=origin.study.name,
        row=origin.row,
        side=side,
        extra=origin.trail(more),
    )
