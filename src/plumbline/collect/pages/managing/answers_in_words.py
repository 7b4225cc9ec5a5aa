"""A stored answer in words: sides as they are stored, and what people wrote apart from what they chose.

What is stored was checked when it came; still, nothing here fails on what it does not know: that is shown as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from plumbline.collect.pages.scale_words import better_word, strength_words, word_of
from plumbline.collect.pages.wording import counted, plain

Answers = list[tuple[str, str]]
_SIDES = {"first": 1, "second": 2}
_WRITTEN = ("comment", "note", "task_description")


@dataclass(frozen=True, slots=True)
class AnswerWords:
    """What was chosen, by name, and what was written: a comment, a note, an aim. Empty where nothing was.

    The two stand apart because texts are blurred where a study blurs them, and choices are not.
    """

    answers: tuple[tuple[str, str], ...]
    written: tuple[str, ...]


def answer_words(kind: str, answer: Mapping[str, Any], steps: int) -> AnswerWords:
    """A stored payload in words.

    Args:
        steps: of the study's scale.
    """
    try:
        words = _ON_A_SCALE[kind](answer, steps) if kind in _ON_A_SCALE else _BY_KIND.get(kind, _as_stored)(answer)
    except (KeyError, TypeError, AttributeError, ValueError, IndexError):
        words = _as_stored(answer)
    return AnswerWords(tuple(words), (*(str(answer[name]) for name in _WRITTEN if answer.get(name)), *_notes(answer)))


def short_answer(kind: str, answer: Mapping[str, Any]) -> str:
    """What was chosen, in a few words for a list: of each kind what stands here, and nothing that anybody wrote.

    Empty for kinds that choose nothing, and for what is none of ours.
    """
    tell = _SHORT.get(kind)
    try:
        return "" if tell is None else tell(answer)
    except (KeyError, TypeError, AttributeError, ValueError, IndexError):
        return ""


def _notes(answer: Mapping[str, Any]) -> list[str]:
    """What was written beside labels that are disputed."""
    disputes = answer.get("disputes")
    found = [each for each in disputes if isinstance(each, Mapping)] if isinstance(disputes, list) else []
    return [str(each["note"]) for each in found if each.get("note")]


def _as_stored(answer: Mapping[str, Any]) -> Answers:
    return [(plain(str(name)), _plainly(value)) for name, value in answer.items() if name not in _WRITTEN]


def _plainly(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def side_words(axis: str, side: int, strength: int | None) -> str:
    """``side 2 is less harmful, strength 3``: the better stored side, whatever was asked.

    Args:
        side: from 1.
        strength: none where the study asks for none.
    """
    return f"side {side} is {better_word(axis)}{f', strength {strength}' if strength else ''}"


def _ruled(verdict: Mapping[str, Any]) -> str:
    """Which stored side is the better one on its axis."""
    axis, outcome = str(verdict["axis"]), verdict["outcome"]
    if outcome == "tie":
        return f"{plain(axis)}: a tie"
    return side_words(axis, _SIDES[outcome], int(verdict["strength"]) if verdict.get("strength") else None)


def _on_the_screen(verdict: Mapping[str, Any], steps: int) -> str:
    """A step as it stood there, where the worse reply may be the one that is named."""
    step = int(verdict["step"])
    word = word_of(str(verdict["axis"]), str(verdict["question"]))
    return f"{strength_words(step, steps, word)} (step {step} of {steps})"


def _shown(answer: Mapping[str, Any]) -> str:
    return ", ".join(f"{chr(65 + place)} was side {int(side) + 1}" for place, side in enumerate(answer["shown"]))


def _pair(answer: Mapping[str, Any], steps: int) -> Answers:
    told = [
        line
        for verdict in answer["verdicts"]
        for line in ((plain(str(verdict["axis"])), _ruled(verdict)), (_SCREEN, _on_the_screen(verdict, steps)))
    ]
    return [*told, ("shown", _shown(answer))]


def _turn(answer: Mapping[str, Any], steps: int) -> Answers:
    return [
        ("turn", str(int(answer["turn"]))),
        (plain(str(answer["axis"])), _ruled(answer)),
        (_SCREEN, _on_the_screen(answer, steps)),
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


def _rated(answer: Mapping[str, Any]) -> Answers:
    return [("rating", f"{int(answer['rating'])} of 4")]


def _review(answer: Mapping[str, Any]) -> Answers:
    tags = ", ".join(map(str, answer["tags"])) or "none"
    return [("rating", f"{int(answer['rating'])} of 4"), ("tags", tags)]


def _ranking(answer: Mapping[str, Any]) -> Answers:
    words = [
        (axis, ", ".join(f"side {side + 1}: rank {int(rank)}" for side, rank in enumerate(answer[axis])))
        for axis in ("helpfulness", "harmlessness")
    ]
    for dispute in answer.get("disputes") or ():
        words.append((f"disputes side {int(dispute['reply']) + 1}", _harms(dispute["label"])))
    return [*words, ("confidence", f"{int(answer['confidence'])} of 3"), ("shown", _shown(answer))]


def _short_outcome(verdict: Mapping[str, Any]) -> str:
    if verdict["axis"] not in _AXES:
        raise ValueError("none of ours")
    return _ruled(verdict)


def _short_ranking(answer: Mapping[str, Any]) -> str:
    return " · ".join(f"{axis}: {_best_first(answer[axis])}" for axis in _AXES)


def _best_first(ranks: Sequence[Any]) -> str:
    """``side 3, then 1 and 2``: sides as they are stored, those of equal rank together."""
    by_rank: dict[int, list[str]] = {}
    for side, rank in enumerate(ranks, start=1):
        by_rank.setdefault(int(rank), []).append(str(side))
    first, *others = (by_rank[rank] for rank in sorted(by_rank))
    said = f"{'side' if len(first) == 1 else 'sides'} {' and '.join(first)}"
    return ", then ".join([said, *(" and ".join(sides) for sides in others)])


_SCREEN = "on the worker’s screen"
_AXES = ("helpfulness", "harmlessness")
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
_ON_A_SCALE: Mapping[str, Callable[[Mapping[str, Any], int], Answers]] = {"pair": _pair, "turn": _turn}
"""Two replies compared: the better side, and apart from it the step in the words of the screen."""
_BY_KIND: Mapping[str, Callable[[Mapping[str, Any]], Answers]] = {
    "label": _label,
    "ruling": _label,
    "review": _review,
    "ranking": _ranking,
    "writing": lambda answer: [("mark", f"{int(answer['mark'])} of 4")],
    "self-rating": _rated,
    "closing": lambda answer: _rated(answer) if answer["rating"] is not None else [],
    "consent": lambda answer: [("agreed", "yes" if answer["agreed"] else "no")],
    "end": lambda answer: [("after", counted(int(answer["turns"]), "turn"))],
    "intent": lambda _: [],
}
