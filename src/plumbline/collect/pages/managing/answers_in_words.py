"""A stored answer in words: sides as they are stored, and what people wrote apart from what they chose.

What is stored was checked when it came; still, nothing here fails on what it does not know: that is shown as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from plumbline.collect.pages.wording import plain

Answers = list[tuple[str, str]]
_SIDES = {"first": "side 1 is better", "second": "side 2 is better", "tie": "a tie"}
_WRITTEN = ("comment", "note")


@dataclass(frozen=True, slots=True)
class AnswerWords:
    """What was chosen, by name, and what was written; empty where nothing was."""

    answers: tuple[tuple[str, str], ...]
    comment: str


def answer_words(kind: str, answer: Mapping[str, Any]) -> AnswerWords:
    """A stored payload in words."""
    comment = next((str(answer[name]) for name in _WRITTEN if answer.get(name)), "")
    try:
        words = _BY_KIND.get(kind, _as_stored)(answer)
    except (KeyError, TypeError, AttributeError, ValueError, IndexError):
        words = _as_stored(answer)
    return AnswerWords(tuple(words), comment)


def short_answer(kind: str, answer: Mapping[str, Any]) -> str:
    """What was chosen, in a few words for a list: of each kind what stands here, and nothing that anybody wrote.

    Empty for kinds that choose nothing, and for what is none of ours.
    """
    tell = _SHORT.get(kind)
    try:
        return "" if tell is None else tell(answer)
    except (KeyError, TypeError, AttributeError, ValueError, IndexError):
        return ""


def _as_stored(answer: Mapping[str, Any]) -> Answers:
    return [(plain(str(name)), _plainly(value)) for name, value in answer.items() if name not in _WRITTEN]


def _plainly(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _outcome(verdict: Mapping[str, Any]) -> str:
    strength = f", strength {int(verdict['strength'])}" if verdict.get("strength") else ""
    return f"{_SIDES[verdict['outcome']]}{strength} (step {int(verdict['step'])} on the screen)"


def _shown(answer: Mapping[str, Any]) -> str:
    return ", ".join(f"{chr(65 + place)} was side {int(side) + 1}" for place, side in enumerate(answer["shown"]))


def _pair(answer: Mapping[str, Any]) -> Answers:
    verdicts = [(plain(str(verdict["axis"])), _outcome(verdict)) for verdict in answer["verdicts"]]
    return [*verdicts, ("shown", _shown(answer))]


def _turn(answer: Mapping[str, Any]) -> Answers:
    return [
        ("turn", str(int(answer["turn"]))),
        (plain(str(answer["axis"])), _outcome(answer)),
        ("goes on with", f"side {int(answer['continues_with']) + 1}{', edited' if answer.get('edit') else ''}"),
        ("shown", _shown(answer)),
    ]


def harm_words(is_safe: bool, categories: Sequence[str], most: int | None = None) -> str:
    """``safe``, ``unsafe: animal abuse; self harm``; of more than `most` categories the first, and how many more.

    Names of categories have commas of their own.
    """
    shown = [plain(name) for name in categories[:most]]
    more = [f"{len(categories) - len(shown)} more"] if len(categories) > len(shown) else []
    return "safe" if is_safe else "unsafe: " + "; ".join(shown + more) if shown else "unsafe"


def _harms(label: Mapping[str, Any], most: int | None = None) -> str:
    return harm_words(label["is_safe"], [str(name) for name in label.get("categories") or ()], most)


def _label(answer: Mapping[str, Any]) -> Answers:
    confidence = [("confidence", f"{int(answer['confidence'])} of 3")] if answer.get("confidence") is not None else []
    return [("label", _harms(answer)), *confidence]


def _review(answer: Mapping[str, Any]) -> Answers:
    tags = ", ".join(map(str, answer["tags"])) or "none"
    return [("rating", f"{int(answer['rating'])} of 4"), ("tags", tags)]


def _ranking(answer: Mapping[str, Any]) -> Answers:
    words = [
        (axis, ", ".join(f"side {side + 1}: rank {int(rank)}" for side, rank in enumerate(answer[axis])))
        for axis in ("helpfulness", "harmlessness")
    ]
    for dispute in answer.get("disputes") or ():
        note = f" ({dispute['note']})" if dispute.get("note") else ""
        words.append((f"disputes side {int(dispute['reply']) + 1}", f"{_harms(dispute['label'])}{note}"))
    return [*words, ("confidence", f"{int(answer['confidence'])} of 3"), ("shown", _shown(answer))]


def _short_outcome(verdict: Mapping[str, Any]) -> str:
    better = {"first": "side 1", "second": "side 2", "tie": "a tie"}[verdict["outcome"]]
    strength = f", strength {int(verdict['strength'])}" if verdict.get("strength") else ""
    return f"{_AXES[verdict['axis']]}: {better}{strength}"


def _short_ranking(answer: Mapping[str, Any]) -> str:
    return " · ".join(f"{axis}: ranks {', '.join(str(int(rank)) for rank in answer[axis])}" for axis in _AXES)


_AXES = {"helpfulness": "helpfulness", "harmlessness": "harmlessness"}
_MOST_CATEGORIES = 3
_SHORT: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "pair": lambda answer: " · ".join(map(_short_outcome, answer["verdicts"])),
    "turn": _short_outcome,
    "label": lambda answer: _harms(answer, _MOST_CATEGORIES),
    "ruling": lambda answer: _harms(answer, _MOST_CATEGORIES),
    "review": lambda answer: f"rating {int(answer['rating'])} of 4",
    "ranking": _short_ranking,
    "writing": lambda answer: f"mark {int(answer['mark'])} of 4",
    "closing": lambda answer: f"rating {int(answer['rating'])} of 4",
    "self-rating": lambda answer: f"rating {int(answer['rating'])} of 4",
}
_BY_KIND: Mapping[str, Callable[[Mapping[str, Any]], Answers]] = {
    "pair": _pair,
    "turn": _turn,
    "label": _label,
    "ruling": _label,
    "review": _review,
    "ranking": _ranking,
}
