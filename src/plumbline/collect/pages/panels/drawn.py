"""Figures as a picture, or why there is none: said once where none of them is defined."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from plumbline.collect.pages.panels.wordings import sentence
from plumbline.collect.pages.pictures.points import Named, Points, points
from plumbline.collect.pages.pictures.scales import Axis
from plumbline.collect.pages.wording import reason


def drawn_points(
    title: str,
    named: Sequence[Named],
    axis: Axis,
    words: Callable[[float], str],
    *,
    mark: float | None = None,
    why_none: str = "",
) -> tuple[Points | None, str]:
    """The picture, or why there is none.

    Args:
        mark: a value that a line stands at.
        why_none: a sentence for where there is no figure at all.
    """
    if not named:
        return None, why_none
    if all(each.figure.value is None for each in named):
        return None, sentence("; ".join(dict.fromkeys(reason(each.figure.why_undefined or "") for each in named)))
    return points(title, named, axis, words, mark=mark), ""
