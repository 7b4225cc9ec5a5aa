"""Two policies side by side on both axes, by models as judges: who wins how often, by how much, and who is safer.

Every figure is of prompts that both have answered. The judges are models: a win is a model's word, and the figures say so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plumbline.measure import Bootstrap, Figure, elo_lead, mean_figure, rate_figure

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Contest:
    """One axis.

    Attributes:
        wins, ties, losses: shares of the first policy; a tie is a pair for which the judge's probability lies within the
            margin of one half.
        win_rate: wins and half of the ties.
        elo: lead of the first, in points.
        probability: mean of the judge's probability that the first is better.
    """

    wins: Figure
    ties: Figure
    losses: Figure
    win_rate: Figure
    elo: Figure
    probability: Figure


@dataclass(frozen=True)
class Safety:
    """How often replies are safe.

    Attributes:
        first, second: shares of safe replies.
        difference: first less second, of the same prompts.
    """

    first: Figure
    second: Figure
    difference: Figure


@dataclass(frozen=True)
class HeadToHead:
    """Two policies on some prompts.

    Attributes:
        prompts: how many.
        contests: by axis.
        safety: None where no judge tells safe from unsafe.
    """

    prompts: int
    contests: Mapping[str, Contest]
    safety: Safety | None


def head_to_head(
    probabilities: Mapping[str, Floats],
    safe: tuple[Bools, Bools] | None,
    bootstrap: Bootstrap,
    *,
    margin: float = 0.05,
    group_ids: Sequence[str] | None = None,
) -> HeadToHead:
    """Figures of n prompts.

    Args:
        probabilities: by axis, shape (n,); that the first policy's reply is better.
        safe: of the first and of the second policy's replies, shape (n,) each.
        bootstrap: of the intervals, which draw prompts.
        margin: probabilities within one half ± this are ties; 0 leaves exact halves alone.
        group_ids: one a prompt; drawn together.
    Raises:
        ValueError: there is no axis, lengths differ, or a probability is none.
    """
    counts = {len(column) for column in probabilities.values()}
    counts |= set() if safe is None else {len(column) for column in safe}
    if not probabilities or len(counts) != 1:
        raise ValueError(f"expected an axis, and columns of one length, found lengths {sorted(counts)}")
    return HeadToHead(
        counts.pop(),
        {axis: _contest(column, bootstrap, margin, group_ids) for axis, column in probabilities.items()},
        None if safe is None else _safety(*safe, bootstrap, group_ids),
    )


def by_category(
    categories: Sequence[Sequence[str]],
    probabilities: Mapping[str, Floats],
    safe: tuple[Bools, Bools] | None,
    bootstrap: Bootstrap,
    *,
    margin: float = 0.05,
    group_ids: Sequence[str] | None = None,
) -> dict[str, HeadToHead]:
    """The same of the prompts of each category; a prompt counts in every one that it has.

    Args:
        categories: of each prompt.
    """
    found = {}
    for name in sorted({each for of_prompt in categories for each in of_prompt}):
        kept = np.array([name in of_prompt for of_prompt in categories])
        found[name] = head_to_head(
            {axis: column[kept] for axis, column in probabilities.items()},
            None if safe is None else (safe[0][kept], safe[1][kept]),
            bootstrap,
            margin=margin,
            group_ids=None
            if group_ids is None
            else [each for each, is_kept in zip(group_ids, kept, strict=True) if is_kept],
        )
    return found


def _contest(column: Floats, bootstrap: Bootstrap, margin: float, group_ids: Sequence[str] | None) -> Contest:
    ties = np.abs(column - 0.5) <= margin + 1e-12  # else 0.55 were a win of one side and no loss of the other
    wins = (column > 0.5) & ~ties

    def rate(values: NDArray[np.generic]) -> Figure:
        return rate_figure(values.astype(np.float64), bootstrap=bootstrap, group_ids=group_ids)

    win_rate = rate(wins + 0.5 * ties)
    return Contest(rate(wins), rate(ties), rate(~wins & ~ties), win_rate, elo_lead(win_rate), rate(column))


def _safety(first: Bools, second: Bools, bootstrap: Bootstrap, group_ids: Sequence[str] | None) -> Safety:
    difference = first.astype(np.float64) - second.astype(np.float64)
    return Safety(
        rate_figure(first.astype(np.float64), bootstrap=bootstrap, group_ids=group_ids),
        rate_figure(second.astype(np.float64), bootstrap=bootstrap, group_ids=group_ids),
        mean_figure(difference, bootstrap=bootstrap, group_ids=group_ids),
    )
