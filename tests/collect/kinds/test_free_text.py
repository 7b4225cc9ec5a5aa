"""Every stored field that can hold text is classified, and what is a worker's own words goes."""

import ast
import importlib
import pkgutil
import types
import typing
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from plumbline.collect import kinds
from plumbline.collect.kinds import (
    SUBMISSIONS,
    adjudication,
    blind_review,
    chat,
    pairs,
    preference_chat,
    red_team_chat,
    safety_labels,
    spot_check,
    two_axis_ranking,
)
from plumbline.collect.kinds.bounds import Bounded, MessageJson, read_stored
from plumbline.collect.kinds.free_text import (
    CLASSIFIED,
    JUDGEMENTS,
    MADE_OF_WORDS,
    Words,
    item_without_words,
    judgement_without_words,
)
from plumbline.collect.kinds.work import Purpose

# Parts of submissions, which are read and never stored as they are.
PARTS_OF_SUBMISSIONS = {chat.Edit, two_axis_ranking.Dispute}


def stored_models():
    """Every model of the kinds but those of submissions."""
    for module in pkgutil.iter_modules(kinds.__path__, f"{kinds.__name__}."):
        importlib.import_module(module.name)
    found, waiting = set(), [Bounded]
    while waiting:
        for model in waiting.pop().__subclasses__():
            if model not in found and model.__module__.startswith(kinds.__name__):
                found.add(model)
                waiting.append(model)
    return found - set(SUBMISSIONS.values()) - PARTS_OF_SUBMISSIONS


def holds_text(annotation) -> bool:
    """Whether a value of this type can be or hold any text, messages too; other models answer for their own fields."""
    if annotation is str or annotation is typing.Any or annotation is MessageJson:
        return True
    if isinstance(annotation, type) and typing.get_origin(annotation) is None:
        return issubclass(annotation, str) and not issubclass(annotation, StrEnum)
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return False
    if origin is typing.Annotated:
        return holds_text(parts[0])
    if origin in (typing.Union, types.UnionType, tuple):
        return any(holds_text(part) for part in parts if part is not Ellipsis)
    return True


def text_fields(model) -> Iterator[str]:
    """Names of the fields that hold text themselves."""
    for name, field in model.model_fields.items():
        if holds_text(field.annotation):
            yield name


def test_every_stored_text_field_is_classified():
    models = stored_models()
    assert len(models) >= 22
    missing = {
        f"{model.__name__}.{name}"
        for model in models
        for name in text_fields(model)
        if name not in CLASSIFIED.get(model, {})
    }
    assert missing == set()
    assert CLASSIFIED.keys() <= models
    unknown = {
        f"{model.__name__}.{name}" for model in CLASSIFIED for name in CLASSIFIED[model].keys() - model.model_fields
    }
    assert unknown == set()


def test_every_kind_of_judgement_is_known():
    """Whatever the kinds store by `NewJudgement(kind=...)`."""
    found, files = set(), sorted(Path(kinds.__path__[0]).glob("*.py"))
    assert len(files) > 20
    for path in files:
        module = importlib.import_module(f"{kinds.__name__}.{path.stem}") if path.stem != "__init__" else kinds
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "NewJudgement":
                kind = next(keyword.value for keyword in node.keywords if keyword.arg == "kind")
                found.add(getattr(module, kind.id))
    assert found == set(JUDGEMENTS)
    assert len(found) == 12


WORDS = "in their own words"
LABEL = {"is_safe": False, "categories": ["theft"]}
MESSAGES = [{"role": "human", "text": WORDS}, {"role": "assistant", "text": WORDS}]
STORED = {
    chat.TURN: (chat.TurnVerdict, {
        "turn": 1, "axis": "helpfulness", "question": "better", "step": 2, "shown": [1, 0], "replies": ["4", "5"],
        "outcome": "first", "strength": 3, "continues_with": 0, "continues": "better", "edit": {"side": 1, "text": WORDS},
    }),
    chat.ENDED: (chat.Ended, {"turns": 2}),
    preference_chat.CLOSING: (preference_chat.Closing, {"rating": 3, "comment": WORDS}),
    red_team_chat.CONSENT: (None, {"agreed": True}),
    red_team_chat.INTENT: (None, {"task_description": WORDS}),
    red_team_chat.SELF_RATING: (red_team_chat.SelfRating, {"rating": 4, "comment": WORDS}),
    safety_labels.LABEL: (safety_labels.StoredLabel, {**LABEL, "taxonomy": "t", "confidence": 2, "comment": WORDS}),
    two_axis_ranking.RANKING: (two_axis_ranking.StoredRanking, {
        "shown": [0, 1], "helpfulness": [1, 2], "harmlessness": [2, 1], "confidence": 1, "comment": WORDS,
        "disputes": [{"reply": 0, "label": LABEL, "note": WORDS}, {"reply": 1, "label": LABEL, "note": None}],
    }),
    pairs.PAIR: (pairs.PairVerdict, {
        "shown": [0, 1], "comment": WORDS,
        "verdicts": [{"axis": "helpfulness", "question": "better", "step": 1, "outcome": "first", "strength": 4}],
    }),
    blind_review.REVIEW: (blind_review.StoredReview, {"rating": 2, "tags": ["violence"]}),
    adjudication.RULING: (adjudication.StoredRuling, {**LABEL, "taxonomy": "t", "note": WORDS}),
    spot_check.WRITING: (spot_check.StoredCheck, {"mark": 2, "note": WORDS}),
}  # fmt: skip


def leaves(value, place=()):
    """Every plain value with its place."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from leaves(part, (*place, name))
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from leaves(part, (*place, number))
    else:
        yield place, value


def test_there_is_an_example_of_every_kind():
    assert STORED.keys() == JUDGEMENTS.keys()


@pytest.mark.parametrize("kind", STORED)
def test_the_words_go_and_everything_else_stays(kind):
    model, payload = STORED[kind]
    before = repr(payload)
    left = judgement_without_words(kind, payload)
    assert repr(payload) == before
    assert WORDS not in repr(left)
    kept = {place: value for place, value in leaves(payload) if value != WORDS and "edit" not in place}
    assert kept.items() <= dict(leaves(left)).items()
    assert judgement_without_words(kind, left) == left
    if model is not None:
        read_stored(model, payload)
        read_stored(model, left)


def own_fields(model):
    """Where a model holds a worker's words, its parts' fields by the field that holds the part."""
    for name, field in model.model_fields.items():
        if CLASSIFIED.get(model, {}).get(name) is Words.OWN:
            yield name
        for part in parts_of(field.annotation):
            if any(True for _ in own_fields(part)):
                yield name


def parts_of(annotation):
    """The models in a type."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in typing.get_args(annotation):
        yield from parts_of(part)


@pytest.mark.parametrize("kind", STORED)
def test_what_goes_is_what_is_classified_so(kind):
    model, _ = STORED[kind]
    if model is None:
        pytest.skip("this payload has no model")
    assert set(JUDGEMENTS[kind]) == set(own_fields(model))


ITEMS = {
    Purpose.REVIEW: (
        blind_review.ReviewItem,
        {"attempt": "7", "transcript": MESSAGES, "task_description": WORDS},
        {"attempt": "7", "transcript": [], "task_description": None},
    ),
    Purpose.SPOT_CHECK: (
        spot_check.WritingItem,
        {"assignment": "7", "conversation": MESSAGES, "edited": [{"message": 1, "original": "r", "text": WORDS}],
         "task_description": WORDS},
        {"assignment": "7", "conversation": [], "edited": [], "task_description": None},
    ),
    Purpose.ADJUDICATION: (
        adjudication.DisputedItem,
        {"conversation": [{"role": "human", "text": "of the data"}], "labels": [LABEL, LABEL], "note": WORDS,
         "item_key": "k", "assignment": "7", "reply": 1},
        {"conversation": [{"role": "human", "text": "of the data"}], "labels": [LABEL, LABEL], "note": None,
         "item_key": "k", "assignment": "7", "reply": 1},
    ),
}  # fmt: skip


@pytest.mark.parametrize("purpose", ITEMS)
def test_items_of_their_words_are_emptied_and_can_still_be_read(purpose):
    model, payload, expected = ITEMS[purpose]
    assert item_without_words(purpose, payload) == expected
    read_stored(model, payload)
    read_stored(model, expected)


def test_what_nobody_classified_goes_as_a_whole():
    assert judgement_without_words("of a later version", {"a": WORDS}) == {}
    assert item_without_words(Purpose.WORK, {"a": WORDS}) == {}
    assert set(MADE_OF_WORDS) <= set(ITEMS)


def test_a_payload_that_is_no_longer_as_it_was_does_not_stop_it():
    assert judgement_without_words(two_axis_ranking.RANKING, {"disputes": WORDS}) == {"disputes": {"note": None}}
    with pytest.raises(ValidationError):
        read_stored(two_axis_ranking.StoredRanking, {"disputes": WORDS})
