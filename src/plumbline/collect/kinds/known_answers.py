"""Items with known answers: qualification, gold and attention checks, and how many of their answers were right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import Field

from plumbline.collect.kinds.bounds import Bounded, Name
from plumbline.collect.study_settings import Qualification
from plumbline.records import Axis

Index = Annotated[int, Field(ge=0, lt=10)]


class KnownOrder(Bounded):
    """Of two replies, by stored side or place, which is better on an axis."""

    axis: Axis
    better: Index
    worse: Index


class OrderTruth(Bounded):
    """What is known of the replies of a pair or a ranking."""

    orders: Annotated[tuple[KnownOrder, ...], Field(min_length=1, max_length=200)]

    def merged(self, other: Self) -> Self | None:
        """What both say together; None where they contradict each other."""
        both = {(order.axis, order.better, order.worse): order for order in (*self.orders, *other.orders)}
        if any((axis, worse, better) in both for axis, better, worse in both):
            return None
        return type(self)(orders=tuple(both[key] for key in sorted(both)))


class LabelTruth(Bounded):
    """What is known of a question and its answer; categories None = only whether it is safe."""

    is_safe: bool
    categories: Annotated[tuple[Name, ...], Field(max_length=100)] | None = None

    def merged(self, other: Self) -> Self | None:
        """What both say together; None where one says safe and the other unsafe."""
        if self.is_safe != other.is_safe:
            return None
        names = {*(self.categories or ()), *(other.categories or ())}
        known = self.categories is not None or other.categories is not None
        return type(self)(is_safe=self.is_safe, categories=tuple(sorted(names)) if known else None)


Truth = OrderTruth | LabelTruth


def merged_truths(truths: Iterable[Truth | None]) -> Truth | None:
    """What several records say of one item together; None where none says anything or two contradict each other."""
    known = [truth for truth in truths if truth is not None]
    if not known:
        return None
    merged = known[0]
    for truth in known[1:]:
        both = _merged(merged, truth)
        if both is None:
            return None
        merged = both
    return merged


def _merged(first: Truth, second: Truth) -> Truth | None:
    if isinstance(first, OrderTruth) and isinstance(second, OrderTruth):
        return first.merged(second)
    if isinstance(first, LabelTruth) and isinstance(second, LabelTruth):
        return first.merged(second)
    return None


@dataclass(frozen=True, slots=True)
class Score:
    """How many of the answers asked for were right."""

    right: int
    asked: int

    @property
    def share(self) -> float | None:
        """In [0, 1]; None where nothing was asked."""
        return self.right / self.asked if self.asked else None

    @property
    def passed(self) -> bool:
        """Whether every answer was right, and there was one: what an attention check asks for."""
        return self.asked > 0 and self.right == self.asked


def total(scores: Iterable[Score]) -> Score:
    """The scores of several items as one."""
    listed = list(scores)
    return Score(sum(score.right for score in listed), sum(score.asked for score in listed))


def score_orders(truth: OrderTruth, ranks: Mapping[Axis, Sequence[int]]) -> Score:
    """Right where the better one stands above the worse; a tie is wrong; axes that were not judged are not asked.

    Args:
        truth: what is known.
        ranks: by axis, the rank of each side or reply, 1 = best.
    """
    asked = [order for order in truth.orders if order.axis in ranks]
    right = sum(ranks[order.axis][order.better] < ranks[order.axis][order.worse] for order in asked)
    return Score(right, len(asked))


def score_label(truth: LabelTruth, is_safe: bool, categories: frozenset[str]) -> Score:
    """Right where safe is called safe, and unsafe unsafe with at least one of the known categories, if any is known.

    Which categories else are given is left to judgement: reasonable people differ on the second and third.
    """
    right = is_safe == truth.is_safe
    if right and not is_safe and truth.categories:
        right = not categories.isdisjoint(truth.categories)
    return Score(int(right), 1)


@dataclass(frozen=True, slots=True)
class QualificationResult:
    """How a worker stands with a study's training set; `passed` None = not done yet."""

    score: Score
    passed: bool | None
    items_left: int


def qualification_result(qualification: Qualification, scores: Iterable[Score], item_count: int) -> QualificationResult:
    """Whether a worker is qualified: all of the training items done, and the share of right answers reached.

    Args:
        qualification: the study's.
        scores: of the training items that the worker has done, each once.
        item_count: training items of the study; 0 = none were entered, and nobody can pass.
    """
    done = list(scores)
    left = max(0, item_count - len(done))
    share = total(done).share
    passed = None if left or share is None else share >= qualification.pass_share
    return QualificationResult(total(done), passed, left)
