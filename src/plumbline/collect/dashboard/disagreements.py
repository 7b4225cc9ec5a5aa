"""Items whose judgements contradict each other, those furthest apart first.

How far apart answers are lies in (0, 1]. Two outcomes on an axis: the distance of the strongest on either side, of the
largest that the scale has; in a ranking, and for safe or unsafe, the share of pairs of answers that contradict each other.
Ratings: the distance of the highest and the lowest, of the largest there can be, from half of it on. Categories of harm: the
mean distance of the pairs of unsafe labels, from half of the largest on; two that name the same are 0 apart, two with
nothing in common 1 (Jaccard's distance).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Literal, get_args

import numpy as np

from plumbline.collect.dashboard.answers import AXES, RATING
from plumbline.collect.dashboard.columns import Frozen
from plumbline.collect.dashboard.counted import MOST_PLACES, Counted, Ints, Reals, moment, those
from plumbline.collect.dashboard.narrowed import about_items
from plumbline.collect.dashboard.questions import IS_SAFE, REVIEW_RATING
from plumbline.collect.kinds import Purpose
from plumbline.collect.kinds.blind_review import MOST_RATING
from plumbline.collect.study_settings import StudyFile, StudyKind
from plumbline.records import TAXONOMIES

DisagreementOrder = Literal["apart", "newest"]
DisagreementQuestion = Literal["helpfulness", "harmlessness", "is_safe", "rating", "categories"]
QUESTIONS: tuple[str, ...] = get_args(DisagreementQuestion)
"""The axes first, in the order of `AXES`."""
CATEGORIES: DisagreementQuestion = "categories"
_FAR_APART = 0.5
_SCALE = 1_000_000


@dataclass(frozen=True, eq=False)
class Disagreements:
    """Items by question: how far apart the answers are, and when the last of them came. Rows belong together."""

    item: Ints
    question: Ints
    apart: Reals
    at: Ints

    @cached_property
    def items(self) -> int:
        """How many items there are; one may be answered differently on several questions."""
        return len(np.unique(self.item))

    def ranks(self, order: DisagreementOrder) -> Ints:
        """By what an order sorts, the largest first."""
        return np.round(self.apart * _SCALE).astype(np.int64) if order == "apart" else self.at

    def ordered(self, order: DisagreementOrder, numbers: Ints) -> Ints:
        """Row numbers in this order; sorted once.

        Args:
            numbers: of the items, which tell those of the same rank apart.
        """
        if order not in self._orders:
            self._orders[order] = np.lexsort((self.question, numbers, -self.ranks(order)))
        return self._orders[order]

    @cached_property
    def _orders(self) -> dict[DisagreementOrder, Ints]:
        return {}


@dataclass(frozen=True, slots=True)
class Answer:
    """What one person answered.

    Attributes:
        judgement: its number.
        value: on an axis 1 = the first stored side is better, 0 the second, 0.5 a tie; of labels 1 safe, 0 unsafe; a rating.
            None for rankings, whose pairs are read where the item is opened.
        strength: where the study asks for one.
        categories: that a label names; None where no label is asked for.
    """

    judgement: int
    pseudonym: str
    value: float | None
    strength: int | None
    at: datetime
    categories: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Disagreement:
    """An item that people answer differently.

    Attributes:
        item: its number; opened, it tells texts.
        question: which answers contradict each other.
        apart: how far, in (0, 1].
        last: when the newest answer came.
        after: where the next page goes on.
    """

    item: int
    question: str
    apart: float
    last: datetime
    answers: tuple[Answer, ...]
    after: str


def disagreements_of(counted: Counted) -> Disagreements:
    """All of a study."""
    found = [_none()]
    if counted.study.kind in (StudyKind.PAIRS, StudyKind.TWO_AXIS_RANKING):
        rows = counted.rows(counted.view.choices, Purpose.WORK)
        for axis in counted.study.judged_axes:
            of_axis = those(rows, rows["axis"] == AXES.index(axis))
            question = QUESTIONS.index(axis.value)
            if counted.study.kind is StudyKind.PAIRS:
                signed = np.where(of_axis["first_better"] == 1.0, 1.0, -1.0) * of_axis["strength"]
                found.append(_by_range(of_axis, signed, question, float(counted.study.strengths)))
            else:
                found.append(_by_pairs(of_axis, of_axis["first_better"], question))
    if counted.study.kind is StudyKind.SAFETY_LABELS:
        rows = counted.rows(counted.view.labels, Purpose.WORK)
        found.append(_by_pairs(rows, rows["is_safe"].astype(np.float64), QUESTIONS.index(IS_SAFE)))
        found.append(_by_categories(those(rows, rows["is_safe"] == 0), QUESTIONS.index(CATEGORIES)))
    if counted.study.kind is StudyKind.RED_TEAM_CHAT:
        rows = counted.rows(counted.view.grades, Purpose.REVIEW)
        rows = those(rows, rows["question"] == RATING)
        ratings = rows["value"].astype(np.float64)
        found.append(_by_range(rows, ratings, QUESTIONS.index(REVIEW_RATING), float(MOST_RATING), least=_FAR_APART))
    return Disagreements(*(np.concatenate([part[name] for part in found]) for name in _NAMES))


_NAMES = ("item", "question", "apart", "at")


def page_of(
    counted: Counted,
    found: Disagreements,
    *,
    question: str | None,
    order: DisagreementOrder,
    after: tuple[int, ...] | None,
    limit: int,
) -> list[Disagreement]:
    """A page in a stable order: also where more came meanwhile, what stands after a line stands after it.

    Args:
        question: one of `QUESTIONS`; None = all.
        order: furthest apart first, or newest first.
        after: of the last line of the page before, the three numbers of its `after`.
        limit: lines.
    """
    rank, numbers = found.ranks(order), counted.view.items["id"][found.item]
    ordered = found.ordered(order, numbers)
    if question is not None:
        ordered = ordered[found.question[ordered] == QUESTIONS.index(question)]
    if after is not None:
        key = np.stack([-rank[ordered], numbers[ordered], found.question[ordered]], axis=1)
        limits = np.array([-after[0], after[1], after[2]])
        differs = key != limits
        first = differs.argmax(axis=1)
        beyond = key[np.arange(len(key)), first] > limits[first]
        ordered = ordered[beyond & differs.any(axis=1)]
    page = ordered[:limit]
    part = about_items(counted, found.item[page])
    answers = {
        number: _answers(part, found.item[page[found.question[page] == number]], QUESTIONS[number])
        for number in np.unique(found.question[page]).tolist()
    }
    return [
        Disagreement(
            item=int(numbers[row]),
            question=QUESTIONS[found.question[row]],
            apart=float(found.apart[row]),
            last=moment(found.at[row]),
            answers=answers[int(found.question[row])][int(found.item[row])],
            after=f"{rank[row]}-{numbers[row]}-{found.question[row]}",
        )
        for row in page
    ]


def _by_range(rows: Frozen, values: Reals, question: int, widest: float, *, least: float = 0.0) -> Frozen:
    """Items whose highest and lowest answers are of two signs, or at least so far apart where `least` says."""
    if not len(values):
        return _none()
    items, units = np.unique(rows["item"], return_inverse=True)
    low, high = np.full(len(items), np.inf), np.full(len(items), -np.inf)
    np.minimum.at(low, units, values)
    np.maximum.at(high, units, values)
    apart = (high - low) / widest
    kept = np.flatnonzero(apart >= least if least else (low < 0) & (high > 0))
    return _found(items, units, rows, question, apart, kept)


def _by_pairs(rows: Frozen, values: Reals, question: int) -> Frozen:
    """Items in which some pairs of answers about the same contradict each other: better against worse, safe against not."""
    if not len(values):
        return _none()
    place = rows.get("place", np.zeros(len(values), dtype=np.int64))
    units, of_row, n = np.unique(rows["item"] * MOST_PLACES + place, return_inverse=True, return_counts=True)
    yes = np.bincount(of_row, weights=values == 1.0)
    no = np.bincount(of_row, weights=values == 0.0)
    items, unit_items = np.unique(units // MOST_PLACES, return_inverse=True)
    pairs = np.bincount(unit_items, weights=n * (n - 1) / 2)
    apart = np.divide(np.bincount(unit_items, weights=yes * no), pairs, out=np.zeros(len(items)), where=pairs > 0)
    return _found(items, unit_items[of_row], rows, question, apart, np.flatnonzero(apart > 0))


def _by_categories(rows: Frozen, question: int) -> Frozen:
    """Items whose unsafe labels name categories that are far apart, in the mean of their pairs."""
    if not len(rows["item"]):
        return _none()
    order = np.argsort(rows["item"], kind="stable")
    items, units, n = np.unique(rows["item"][order], return_inverse=True, return_counts=True)
    named = rows["categories"][order]
    distance = np.zeros(len(items))
    # Rows of an item stand together: the pairs that are so many rows apart, for every distance that an item has.
    for step in range(1, int(n.max())):
        first = np.flatnonzero(units[:-step] == units[step:])
        one, other = named[first], named[first + step]
        union = np.bitwise_count(one | other).astype(np.float64)
        shared = np.divide(np.bitwise_count(one & other), union, out=np.ones(len(first)), where=union > 0)
        distance += np.bincount(units[first], weights=1.0 - shared, minlength=len(items))
    pairs = n * (n - 1) / 2
    apart = np.divide(distance, pairs, out=np.zeros(len(items)), where=pairs > 0)
    ordered = {name: column[order] for name, column in rows.items()}
    return _found(items, units, ordered, question, apart, np.flatnonzero(apart >= _FAR_APART))


def _found(items: Ints, units: Ints, rows: Frozen, question: int, apart: Reals, kept: Ints) -> Frozen:
    last = np.zeros(len(items), dtype=np.int64)
    np.maximum.at(last, units, rows["at"])
    return {
        "item": items[kept],
        "question": np.full(len(kept), question, dtype=np.int64),
        "apart": apart[kept],
        "at": last[kept],
    }


def _none() -> Frozen:
    whole = np.zeros(0, dtype=np.int64)
    return {"item": whole, "question": whole, "apart": np.zeros(0), "at": whole}


def _answers(counted: Counted, items: Ints, name: str) -> dict[int, tuple[Answer, ...]]:
    """Of some items, by the item's row number, oldest first."""
    labels = name in (IS_SAFE, CATEGORIES)
    table = counted.view.labels if labels else counted.view.grades if name == REVIEW_RATING else counted.view.choices
    acts, assignments = counted.view.acts, counted.view.assignments
    item_of_row = assignments["item"][acts["assignment"][table["act"]]]
    kept = np.isin(item_of_row, items) & counted.stands[table["act"]]
    if name == REVIEW_RATING:
        kept &= table["question"] == RATING
    elif not labels:
        kept &= table["axis"] == QUESTIONS.index(name)
    is_ranking = counted.study.kind is StudyKind.TWO_AXIS_RANKING
    found: dict[int, dict[int, Answer]] = {}
    for row in np.flatnonzero(kept).tolist():
        act = int(table["act"][row])
        value = None if is_ranking else float(table[_VALUE[name]][row])
        strength = int(table["strength"][row]) if "strength" in table and not is_ranking else None
        pseudonym = counted.pseudonyms[assignments["worker"][acts["assignment"][act]]]
        named = _named(int(table["categories"][row]), counted.study) if labels else None
        answer = Answer(int(acts["id"][act]), pseudonym, value, strength, moment(acts["at"][act]), named)
        found.setdefault(int(item_of_row[row]), {})[act] = answer
    return {item: tuple(answers.values()) for item, answers in found.items()}


def _named(categories: int, study: StudyFile) -> tuple[str, ...]:
    """The categories of a label's bits, see `answers.Label`."""
    return tuple(name for place, name in enumerate(TAXONOMIES[study.taxonomy]) if categories >> place & 1)


_VALUE = {
    IS_SAFE: "is_safe",
    CATEGORIES: "is_safe",
    REVIEW_RATING: "value",
    **{axis.value: "first_better" for axis in AXES},
}
