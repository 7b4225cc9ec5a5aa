"""Fitting a cascade of two models to labelled rows that neither has seen, and measuring it on others.

Prompts are dealt to two halves. On one the band is chosen: of all bands that lose at most so much AUPRC against the second
model alone, the one for which the second is asked least. On the other half everything is measured that a reader is
told: figures of rows on which something was chosen flatter it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from plumbline.measure import (
    Bootstrap,
    Figure,
    assign_folds,
    auprc,
    auprc_difference,
    average_precision,
    rate_figure,
    recall_at_fpr,
)
from plumbline.models.calibration import choose_threshold, safe_rows_needed
from plumbline.models.cascade.model import Band, Bools, Positions
from plumbline.models.figures.measured_rows import Json, figures_json
from plumbline.models.rows.training_rows import LabelRows
from plumbline.models.scored_model import Floats
from plumbline.records import NoDataError

LEAST_GAIN = 0.01
"""So much more AUPRC the second model must have than the first, or the first alone is the better choice."""
FIRST, SECOND, CASCADE = "first", "second", "cascade"
_PARTS = 3
"""A band must keep to the loss in each of so many parts of the rows."""
_LEVELS = 20
"""Ends of bands are tried at so many quantiles of the first model's probabilities."""
_ROWS_NEEDED = 10
"""Safe rows, and unsafe ones, in each half; of fewer, what is chosen or measured is chance."""


@dataclass(frozen=True, slots=True)
class CascadeSettings:
    """What to fit.

    Attributes:
        most_loss: of AUPRC against the second model alone, on the rows that the band is chosen on; at least 0.
        max_false_positive_rate: where each head's threshold lies, on the same rows; in (0, 1).
        seed: of the deal of prompts, and of the bootstrap.
    """

    most_loss: float = 0.005
    max_false_positive_rate: float = 0.05
    seed: int = 0


@dataclass(frozen=True)
class FittedCascade:
    """What was chosen, and what it is worth.

    Attributes:
        band: where the first model is not sure.
        thresholds: of each head.
        figures: of the rows that nothing was chosen on, see `cascade_figures`.
        notes: what a reader must know, a sentence each.
    """

    band: Band
    thresholds: dict[str, float | None]
    figures: Json
    notes: tuple[str, ...]

    @property
    def gain(self) -> float:
        """AUPRC of the second model above the first's."""
        return float(self.figures["gain"]["value"])


@dataclass(frozen=True)
class Judged:
    """What two models say of n labelled rows.

    Attributes:
        heads: k names, the main one first.
        first, second: shape (n, k); probabilities.
    """

    heads: tuple[str, ...]
    first: Floats
    second: Floats
    rows: LabelRows

    def take(self, positions: Positions) -> Judged:
        """Those at these positions."""
        return Judged(self.heads, self.first[positions], self.second[positions], self.rows.take(positions))

    def cascaded(self, band: Band) -> Floats:
        """What a cascade says, shape (n, k)."""
        return np.where(band.sure(self.first[:, 0])[:, None], self.first, self.second)


def fit_cascade(
    judged: Judged, own_thresholds: Mapping[str, Sequence[float | None]], settings: CascadeSettings, *, place: str
) -> FittedCascade:
    """Choose band and thresholds on one half of the prompts, and measure them on the other.

    Args:
        judged: rows that neither model was trained on; every probability a number.
        own_thresholds: head → those of both models; the higher one holds where too few rows say anything of a head.
        place: what errors call the rows.
    Raises:
        NoDataError: there are too few rows of either kind in a half.
    """
    choosing, measuring = _halves(judged, settings.seed, place)
    band = choose_band(choosing.first[:, 0], choosing.second[:, 0], choosing.rows, settings.most_loss)
    thresholds = _thresholds(choosing, band, own_thresholds, settings.max_false_positive_rate)
    figures = cascade_figures(measuring, band, Bootstrap(seed=settings.seed))
    figures["chosen_on"] = len(choosing.rows)
    notes = [*_notes(figures, settings), *_told_few_safe(int((~choosing.rows.is_unsafe).sum()), settings)]
    return FittedCascade(band, thresholds, figures, tuple(notes))


def choose_band(first: Floats, second: Floats, rows: LabelRows, most_loss: float) -> Band:
    """The band for which the second model is asked least, of those that lose at most so much AUPRC against it alone.

    A band must keep to that on all rows and in each third of the prompts: of many bands tried on few rows the luckiest would
    keep to it on all of them, and lose several times as much on others (docs/design/moderation-service.md).

    Args:
        first, second: shape (n,); probabilities of the main head.
        rows: n labelled rows, of both kinds.
        most_loss: at least 0.
    Returns:
        Ends at quantiles of `first`; of bands of one share the one that ranks best. The widest, (0, 1), always qualifies.
    """
    parts = _parts(rows)
    needed = [_ranked_rows(second, rows, part) - most_loss for part in parts]
    levels = np.unique(np.quantile(first, np.linspace(0, 1, _LEVELS + 1), method="inverted_cdf")).tolist()
    bands = [Band(low, high) for low in [0.0, *levels] for high in [*levels, 1.0] if low <= high]
    shares = np.array([(~band.sure(first)).mean() for band in bands])
    best: tuple[float, Band] | None = None
    last = -1.0
    for place in np.argsort(shares, kind="stable").tolist():
        if best is not None and shares[place] > last:
            break
        last = float(shares[place])
        mixed = np.where(bands[place].sure(first), first, second)
        ranked = [_ranked_rows(mixed, rows, part) for part in parts]
        if all(found >= least for found, least in zip(ranked, needed, strict=True)):
            best = max(best or (-1.0, bands[place]), (ranked[0], bands[place]), key=lambda each: each[0])
    return Band(0.0, 1.0) if best is None else best[1]


def _parts(rows: LabelRows) -> list[Positions]:
    """All rows, and each third of their prompts."""
    groups = rows.places.group_ids
    count = min(_PARTS, len(np.unique(groups)))
    folds = assign_folds(groups, count, seed=0) if count > 1 else np.zeros(0, np.int64)
    return [np.arange(len(rows)), *(np.flatnonzero(folds == fold) for fold in range(count if count > 1 else 0))]


def _ranked_rows(scores: Floats, rows: LabelRows, part: Positions) -> float:
    """Average precision of some rows; 0 where they are of one kind, which then decide nothing."""
    return average_precision(scores[part], rows.is_unsafe[part]) or 0.0


def cascade_figures(judged: Judged, band: Band, bootstrap: Bootstrap) -> Json:
    """What a cascade is worth beside its two models, on rows that nothing was chosen on.

    Returns:
        ``measured_on``: how many rows. ``asked``: the share of rows for which the second model is asked. ``models``: of
        ``first``, ``second`` and ``cascade`` ``auprc``, ``recall_at_fpr_01`` and ``recall_at_fpr_05`` of the main head. ``gain``:
        AUPRC of the second above the first's; ``loss``: of the second above the cascade's; both paired. ``by_category``:
        ``auprc`` of the three for each further head that the rows know of, and how many rows have it.
    """
    rows, groups = judged.rows, judged.rows.places.group_ids
    how: Any = {"bootstrap": bootstrap, "group_ids": groups}
    said = {FIRST: judged.first, SECOND: judged.second, CASCADE: judged.cascaded(band)}
    main = {name: probabilities[:, 0] for name, probabilities in said.items()}
    return {
        "measured_on": len(rows),
        "asked": rate_figure((~band.sure(main[FIRST])).astype(float), **how).to_json(),
        "models": {name: figures_json(_ranked(scores, rows.is_unsafe, how)) for name, scores in main.items()},
        "gain": auprc_difference(main[SECOND], main[FIRST], rows.is_unsafe, **how).to_json(),
        "loss": auprc_difference(main[SECOND], main[CASCADE], rows.is_unsafe, **how).to_json(),
        "by_category": _by_category(judged.heads, said, rows, bootstrap),
    }


def _ranked(scores: Floats, labels: Bools, how: Any) -> dict[str, Figure]:
    return {
        "auprc": auprc(scores, labels, **how),
        "recall_at_fpr_01": recall_at_fpr(scores, labels, 0.01, **how),
        "recall_at_fpr_05": recall_at_fpr(scores, labels, 0.05, **how),
    }


def _by_category(heads: Sequence[str], said: Mapping[str, Floats], rows: LabelRows, bootstrap: Bootstrap) -> Json:
    found: Json = {}
    for column, name in enumerate(heads[1:], 1):
        if name not in rows.categories:
            continue
        known = rows.knows(name)
        applies = rows.categories[name][known]
        how: Any = {"bootstrap": bootstrap, "group_ids": rows.places.group_ids[known]}
        found[name] = {
            "positives": int(applies.sum()),
            **figures_json({each: auprc(scores[known, column], applies, **how) for each, scores in said.items()}),
        }
    return found


def _halves(judged: Judged, seed: int, place: str) -> tuple[Judged, Judged]:
    """Rows to choose on, and rows to measure on; those of one prompt stay together."""
    groups = judged.rows.places.group_ids
    halves = assign_folds(groups, 2, seed=seed) if len(np.unique(groups)) > 1 else np.zeros(len(groups), np.int64)
    parts = [np.flatnonzero(halves == half) for half in (0, 1)]
    counts = [int((judged.rows.is_unsafe[part] == kind).sum()) for part in parts for kind in (True, False)]
    if min(counts) < _ROWS_NEEDED:
        raise NoDataError(
            "PL-CAS-004",
            place,
            "too few labelled rows to choose a cascade on one half of the prompts and to measure it on the other",
            expected=f"at least {_ROWS_NEEDED} unsafe and {_ROWS_NEEDED} safe rows in each half",
            found=f"{counts[0]} and {counts[1]} in one, {counts[2]} and {counts[3]} in the other",
            advice="name more labelled rows that neither model was trained on",
        )
    return judged.take(parts[0]), judged.take(parts[1])


def _thresholds(
    choosing: Judged, band: Band, own: Mapping[str, Sequence[float | None]], max_false_positive_rate: float
) -> dict[str, float | None]:
    """Where each head flags at most so many of the rows without its harm; see `choose_threshold`."""
    rows, probabilities = choosing.rows, choosing.cascaded(band)
    found: dict[str, float | None] = {}
    for column, name in enumerate(choosing.heads):
        is_main = column == 0
        known = np.ones(len(rows), bool) if is_main else rows.knows(name)
        applies = rows.is_unsafe if is_main else rows.categories.get(name, np.zeros(len(rows), bool))
        if min((applies & known).sum(), (~applies & known).sum()) < _ROWS_NEEDED:
            of_models = [threshold for threshold in own[name] if threshold is not None]
            found[name] = max(of_models) if len(of_models) == len(own[name]) else None
            continue
        one_deal = np.zeros(int(known.sum()), np.int64)
        found[name] = choose_threshold(
            probabilities[known, column], applies[known], max_false_positive_rate, deals=one_deal
        )
    return found


def _told_few_safe(safe_count: int, settings: CascadeSettings) -> list[str]:
    """That the threshold of `unsafe` promises its rate of false positives on too few rows."""
    needed = safe_rows_needed(settings.max_false_positive_rate)
    if safe_count >= needed:
        return []
    return [
        f"the threshold of unsafe rests on only {safe_count:,} safe rows: {100 * settings.max_false_positive_rate:g} % false "
        f"positives is no promise for other rows; it takes at least {needed:,}"
    ]


def _notes(figures: Json, settings: CascadeSettings) -> list[str]:
    """What the figures do not say by themselves."""
    loss, asked, gain = figures["loss"], figures["asked"], figures["gain"]
    told = []
    if gain["low"] is None or gain["low"] <= 0:
        told.append(
            f"that the second model is better than the first is not beyond chance on {figures['measured_on']:,} rows"
        )
    if loss["value"] > settings.most_loss:
        told.append(
            f"the loss measured, {loss['value']:.3f}, is above the {settings.most_loss:g} that the band was chosen for on "
            f"{figures['chosen_on']:,} other rows; the more rows, the nearer the two come"
        )
    if asked["value"] == 1:
        told.append("the first model is sure of nothing: the second alone says the same and costs less")
    elif asked["value"] == 0:
        told.append("the second model is never asked: the first alone says the same")
    return told
