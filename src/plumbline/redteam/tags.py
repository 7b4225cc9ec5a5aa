"""Tags of attempts: how often each was given, with which others, and how often such attempts succeeded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plumbline.measure import Bootstrap, Figure
from plumbline.redteam.attempts import Attempts, Floats
from plumbline.redteam.by_model import rate_or_why

MOST_TOGETHER = 12
"""Tags whose occurrence together is counted: a picture holds no more."""


@dataclass(frozen=True)
class TagFigures:
    """One tag: attempts that have it, their share of those that were tagged, the share of them that succeeded."""

    tag: str
    attempts: int
    share: Figure
    success: Figure


@dataclass(frozen=True)
class Tags:
    """The tags of n attempts.

    Attributes:
        tagged: attempts that somebody looked at for tags, also those that got none.
        tags: of each tag, the commonest first.
        together: names of the commonest, at most `MOST_TOGETHER`.
        counts: shape (together, together); attempts that have both, on the diagonal those that have the one.
    """

    tagged: int
    tags: tuple[TagFigures, ...]
    together: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


def tags_of(attempts: Attempts, success: Floats, bootstrap: Bootstrap) -> Tags:
    """Count tags.

    Args:
        attempts: n of them; a tag of the attempt and the same tag of a reviewer count once.
        success: shape (n,), see `successes`.
        bootstrap: of the intervals; attempts of one worker are drawn together.
    Source: Ganguli et al. 2022, §3.4 and fig. 9.
    """
    clusters = np.array(attempts.clusters, object)
    tagged = np.array([place for place, names in enumerate(attempts.tags) if names is not None], np.int64)
    holding: dict[str, list[int]] = {}
    for place in tagged:
        for name in attempts.tags[place] or ():
            holding.setdefault(name, []).append(int(place))
    order = sorted(holding, key=lambda name: (-len(holding[name]), name))
    together = order[:MOST_TOGETHER]
    figures = []
    for name in order:
        has, rows = np.isin(tagged, holding[name]), np.array(holding[name], np.int64)
        judged = rows[~np.isnan(success[rows])]
        share = rate_or_why(
            has.astype(np.float64), list(clusters[tagged]), bootstrap, len(tagged), "nothing was tagged"
        )
        rate = rate_or_why(success[judged], list(clusters[judged]), bootstrap, len(rows), _NOT_JUDGED)
        figures.append(TagFigures(name, len(rows), share, rate))
    sets = {name: set(holding[name]) for name in together}
    return Tags(
        len(tagged),
        tuple(figures),
        tuple(together),
        tuple(tuple(len(sets[one] & sets[other]) for other in together) for one in together),
    )


_NOT_JUDGED = "of no attempt with this tag anybody says whether it succeeded"
