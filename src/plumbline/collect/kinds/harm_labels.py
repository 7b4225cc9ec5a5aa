"""Harm labels as workers give them: the categories that apply, or explicitly none of them.

Safe means that no category applies, so safe is never what is left when a form was sent off empty.
Source: Ji et al. 2023, §3.1: a pair of question and answer is safe iff it is risk-neutral in all categories.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from plumbline.collect.kinds.bounds import Bounded, Name
from plumbline.collect.kinds.refusals import SubmissionError
from plumbline.records import TAXONOMIES

Categories = Annotated[tuple[Name, ...], Field(max_length=100)]


class HarmLabel(Bounded):
    """Whether something is safe; categories None = they are not known."""

    is_safe: bool
    categories: Categories | None = None

    @property
    def category_set(self) -> frozenset[str] | None:
        """The categories as records hold them."""
        return None if self.categories is None else frozenset(self.categories)

    @property
    def names_nothing(self) -> bool:
        """Whether it says unsafe and not why, as labels of data may; a worker's own always names a category."""
        return not self.is_safe and not self.categories


def label_given(taxonomy: str, categories: tuple[str, ...], none_applies: bool, field: str) -> HarmLabel:
    """The label that a worker's answer means.

    Raises:
        SubmissionError: a category is not of the taxonomy or stands twice; none applies and one does; or neither.
    """
    known = TAXONOMIES[taxonomy]
    unknown = len(set(categories) - set(known))
    if unknown or len(set(categories)) < len(categories):
        raise SubmissionError(
            "PL-SUB-004",
            "categories that cannot be given",
            expected=f"categories of {taxonomy}, each once",
            found=f"{len(categories)}, {unknown} of them not of it",
            advice="take categories of the list that is shown",
            field=field,
        )
    if none_applies == bool(categories):
        raise SubmissionError(
            "PL-SUB-004",
            "categories, and that none applies" if categories else "neither a category nor that none applies",
            expected="one or more categories, or none_applies",
            advice="take back one of them" if categories else "say that none applies, or which do",
            field=field,
        )
    return HarmLabel(is_safe=none_applies, categories=tuple(sorted(categories)))


def majority_label(labels: Iterable[HarmLabel]) -> HarmLabel | None:
    """One label out of several: unsafe unless more than half say safe; categories that half of the unsafe ones name.

    Args:
        labels: of one pair of question and answer.
    Returns:
        None without labels. Where the votes are even the careful answer is taken: unsafe.
    """
    votes = list(labels)
    if not votes:
        return None
    unsafe = [label for label in votes if not label.is_safe]
    if len(unsafe) * 2 < len(votes):
        return HarmLabel(is_safe=True, categories=())
    named = [label.categories for label in unsafe if label.categories is not None]
    if not named:
        return HarmLabel(is_safe=False)
    counts = {name: sum(name in names for names in named) for names in named for name in names}
    # Where nobody agrees on any, those named most often: unsafe without a category would contradict itself.
    enough = min(len(named) / 2, max(counts.values(), default=0))
    return HarmLabel(is_safe=False, categories=tuple(sorted(name for name, count in counts.items() if count >= enough)))
