"""What in stored payloads is a worker's own words: what ``erase`` takes away. Choices, ratings, labels and times stay.

Every field that can hold text is classified here, and a test walks all stored models: a field that nobody classified
fails it. What is left after the words are gone can still be read as the same model.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from plumbline.collect.kinds import (
    adjudication,
    blind_review,
    chat,
    harm_labels,
    pairs,
    preference_chat,
    ranking_items,
    red_team_chat,
    safety_labels,
    spot_check,
    topics,
    two_axis_ranking,
)
from plumbline.collect.kinds.bounds import Bounded, JsonObject, MessageJson
from plumbline.collect.kinds.known_answers import LabelTruth
from plumbline.collect.kinds.work import Purpose


class Words(StrEnum):
    """Whose words a field holds."""

    OWN = "own"
    """A worker's: they go."""
    DATA = "data"
    """Those of the study's data: they are nobody's here, and stay."""
    NAME = "name"
    """None: an id, a digest, a category of a list."""


CLASSIFIED: Mapping[type[Bounded], Mapping[str, Words]] = {
    # --- judgements ---
    chat.StoredEdit: {"text": Words.OWN},
    chat.TurnVerdict: {"replies": Words.NAME},
    preference_chat.Closing: {"comment": Words.OWN},
    red_team_chat.SelfRating: {"comment": Words.OWN},
    harm_labels.HarmLabel: {"categories": Words.NAME},
    safety_labels.StoredLabel: {"categories": Words.NAME, "taxonomy": Words.NAME, "comment": Words.OWN},
    two_axis_ranking.StoredDispute: {"note": Words.OWN},
    two_axis_ranking.StoredRanking: {"comment": Words.OWN},
    pairs.PairVerdict: {"comment": Words.OWN},
    blind_review.StoredReview: {"tags": Words.NAME},
    adjudication.StoredRuling: {"categories": Words.NAME, "taxonomy": Words.NAME, "note": Words.OWN},
    spot_check.StoredCheck: {"note": Words.OWN},
    # --- items ---
    MessageJson: {"text": Words.DATA},  # what a field of messages holds is said by that field
    topics.Topical: {"topics": Words.NAME},
    chat.ChatItem: {"topics": Words.NAME, "opening": Words.DATA, "parents": Words.NAME},
    pairs.PairSide: {"messages": Words.DATA, "model": Words.NAME},
    pairs.PairItem: {"topics": Words.NAME, "context": Words.DATA, "parents": Words.NAME},
    ranking_items.RankedReply: {"text": Words.DATA, "model": Words.NAME},
    ranking_items.RankingItem: {"topics": Words.NAME, "prompt": Words.DATA, "parents": Words.NAME},
    safety_labels.LabelItem: {"conversation": Words.DATA, "parents": Words.NAME},
    blind_review.ReviewItem: {"attempt": Words.NAME, "transcript": Words.OWN, "task_description": Words.OWN},
    adjudication.DisputedItem: {
        "conversation": Words.DATA,
        "note": Words.OWN,
        "item_key": Words.NAME,
        "assignment": Words.NAME,
    },
    spot_check.EditedReply: {"original": Words.DATA, "text": Words.OWN},
    spot_check.WritingItem: {"assignment": Words.NAME, "conversation": Words.OWN, "task_description": Words.OWN},
    LabelTruth: {"categories": Words.NAME},
}
"""By model and field, whose words they are; fields that cannot hold text are left out."""

JUDGEMENTS: Mapping[str, Mapping[str, Any]] = {
    chat.TURN: {"edit": None},
    chat.ENDED: {},
    preference_chat.CLOSING: {"comment": None},
    red_team_chat.CONSENT: {},
    red_team_chat.INTENT: {"task_description": ""},
    red_team_chat.SELF_RATING: {"comment": None},
    safety_labels.LABEL: {"comment": None},
    two_axis_ranking.RANKING: {"comment": None, "disputes": {"note": None}},
    pairs.PAIR: {"comment": None},
    blind_review.REVIEW: {},
    adjudication.RULING: {"note": None},
    spot_check.WRITING: {"note": None},
}
"""By the kind of a judgement, what takes the place of the words in its payload; in lists, of those in each part."""

_ITEMS: Mapping[Purpose, Mapping[str, Any]] = {
    Purpose.REVIEW: {"transcript": [], "task_description": None},
    Purpose.SPOT_CHECK: {"conversation": [], "edited": [], "task_description": None},
    # What is disputed is of the study's data; only the note is the worker's.
    Purpose.ADJUDICATION: {"note": None},
}

MADE_OF_WORDS = (Purpose.REVIEW, Purpose.SPOT_CHECK)
"""Items that there is nothing left to ask about, once the words of the worker whose they are have gone."""


def judgement_without_words(kind: str, payload: JsonObject) -> dict[str, Any]:
    """The payload of a judgement, its worker's words gone; all of it where the kind is not known here."""
    return _without(payload, JUDGEMENTS[kind]) if kind in JUDGEMENTS else {}


def item_without_words(purpose: Purpose, payload: JsonObject) -> dict[str, Any]:
    """The payload of an item that followed from a worker's work, their words gone; all of it for other purposes."""
    return _without(payload, _ITEMS[purpose]) if purpose in _ITEMS else {}


def _without(payload: JsonObject, replaced: Mapping[str, Any]) -> dict[str, Any]:
    cleared: dict[str, Any] = dict(payload)
    for name, instead in replaced.items():
        found = cleared.get(name)
        if isinstance(instead, dict) and isinstance(found, list):
            cleared[name] = [_without(part, instead) for part in found if isinstance(part, Mapping)]
        elif name in cleared:
            cleared[name] = instead
    return cleared
