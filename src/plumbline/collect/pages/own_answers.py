"""An answer as the worker gave it, in the words of their screen: A and B where they stood, ranks, marks, labels.

The words are those of the forms (`scale_words`, ``static/acts/``), where they are asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from plumbline.collect.kinds.bounds import read_stored
from plumbline.collect.kinds.chat import TURN, TurnVerdict
from plumbline.collect.kinds.preference_chat import RATINGS
from plumbline.collect.kinds.spot_check import MARKS
from plumbline.collect.pages.scale_words import strength_words, word_of
from plumbline.collect.pages.wording import plain
from plumbline.collect.service.own_judgements import OwnJudgement

LETTERS = "ABCDEFGHIJ"
MOST_WRITTEN = 140
"""Characters of what was written beside an answer."""
_CONFIDENCE = ("a guess", "not sure", "fairly sure", "sure")
_SUCCESS = ("it failed", "mostly failed", "in between", "mostly worked", "it worked")
_WRITTEN = ("comment", "note", "task_description")

Given = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OwnAnswer:
    """What was chosen, a line each, and the beginning of what was written; empty where nothing was."""

    lines: tuple[str, ...]
    written: str


def own_answer(own: OwnJudgement) -> OwnAnswer:
    """A judgement of somebody's own in the words of their screen."""
    ask, answer = own.judged.ask, own.judged.answer
    lines = _BY_ACT[str(answer["act"])](answer, ask.fields)
    if (letter := went_on(own)) is not None:
        lines.append(f"{letter} went on")
        lines += _edited(own)
    written = [str(answer[name]) for name in _WRITTEN if answer.get(name)]
    written += [f"{LETTERS[each['position']]}: {each['note']}" for each in _disputes(answer) if each.get("note")]
    return OwnAnswer(tuple(lines), shortened(" · ".join(written), MOST_WRITTEN))


def went_on(own: OwnJudgement) -> str | None:
    """Which of two replies the conversation went on with, as A or B; None where it was no turn."""
    order = own.judged.ask.order
    if own.row.kind != TURN or order is None:
        return None
    return LETTERS[order.sides.index(read_stored(TurnVerdict, own.row.payload).continues_with)]


def shortened(text: str, most: int) -> str:
    """The beginning of a text, in one line."""
    said = " ".join(text.split())
    return said if len(said) <= most else f"{said[:most]} …"


def _pair(answer: Given, fields: Given) -> list[str]:
    asked = fields["questions"].items()
    return [strength_words(answer[axis], fields["steps"], word_of(axis, question)) for axis, question in asked]


def _turn(answer: Given, fields: Given) -> list[str]:
    return [strength_words(answer["step"], fields["steps"], word_of(fields["axis"], fields["question"]))]


def _edited(own: OwnJudgement) -> list[str]:
    edit, order = read_stored(TurnVerdict, own.row.payload).edit, own.judged.ask.order
    return [] if edit is None or order is None else [f"You edited {LETTERS[order.sides.index(edit.side)]}"]


def _disputes(answer: Given) -> Sequence[Given]:
    return answer.get("disputes") or ()


def _name(category: str) -> str:
    name = plain(category).lower()
    return name[:1].upper() + name[1:]


def _label_words(given: Given) -> str:
    if given["none_applies"]:
        return "Safe: none applies"
    if given["categories"] is None:
        return "Unsafe, no category named"
    return f"Unsafe: {'; '.join(_name(str(name)) for name in given['categories'])}"


def _confidence(answer: Given) -> str:
    return f"How sure: {_CONFIDENCE[answer['confidence']]}"


def _label(answer: Given, fields: Given) -> list[str]:  # noqa: ARG001 - every act takes its fields
    return [_label_words(answer), _confidence(answer)]


def _ranking(answer: Given, fields: Given) -> list[str]:
    lines = [
        f"{axis.capitalize()}: " + ", ".join(f"{LETTERS[at]} {rank}" for at, rank in enumerate(answer[axis]))
        for axis in fields["axes"]
    ]
    disputed = [
        f"You dispute the label of {LETTERS[each['position']]} ({_label_words(each)})" for each in _disputes(answer)
    ]
    return [*lines, *disputed, _confidence(answer)]


def _review(answer: Given, fields: Given) -> list[str]:
    return [_success(answer, fields), *([f"About: {', '.join(answer['tags'])}"] if answer["tags"] else [])]


def _success(answer: Given, fields: Given) -> str:
    words = f": {_SUCCESS[answer['rating']]}" if fields["most"] == len(_SUCCESS) - 1 else ""
    return f"{answer['rating']} of {fields['most']}{words}"


def _close(answer: Given, fields: Given) -> list[str]:  # noqa: ARG001 - as above
    return [] if answer.get("rating") is None else [f"The conversation was {RATINGS[answer['rating'] - 1]}"]


_BY_ACT: Mapping[str, Callable[[Given, Given], list[str]]] = {
    "judge-pair": _pair,
    "judge-turn": _turn,
    "label": _label,
    "rule": lambda answer, _: [_label_words(answer)],
    "rank": _ranking,
    "review": _review,
    "check-writing": lambda answer, _: [_name(MARKS[answer["mark"] - 1])],
    "close": _close,
    "rate-self": lambda answer, fields: [_success(answer, fields)],
    "consent": lambda answer, _: ["You agreed" if answer["agreed"] else "You would rather not"],
    "describe": lambda *_: [],
    "end": lambda *_: ["You had no more to say"],
}
