"""Success and harmlessness by the model attacked: its size and its type."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plumbline.measure import Bootstrap, Figure, mean_figure, rate_figure
from plumbline.redteam.attempts import Attempts, Floats, size_order

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_LEAST_BINS, _MOST_BINS = 5, 40
_NO_SCORES = "no transcript of it has a score"
_NOT_JUDGED = "of no attempt on it anybody says whether it succeeded"


@dataclass(frozen=True)
class ScoreDistribution:
    """Least harmlessness of transcripts.

    Attributes:
        mean: with its interval.
        quantiles: at `QUANTILES`; none where there is no score.
        counts: shape (bins,), of the edges that all models share.
    """

    mean: Figure
    quantiles: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class ModelFigures:
    """What is known of one model attacked.

    Attributes:
        type, size: as the attempts name it; None where they do not.
        attempts: on it.
        success: share of those of which anybody says whether they succeeded.
        scores: of its transcripts.
    """

    type: str | None
    size: str | None
    attempts: int
    success: Figure
    scores: ScoreDistribution


@dataclass(frozen=True)
class ByModel:
    """All models attacked, by type and then by size.

    Attributes:
        models: of each.
        everything: of all attempts together.
        edges: of the bins, shape (bins + 1,); none where there is no score.
    """

    models: tuple[ModelFigures, ...]
    everything: ModelFigures
    edges: tuple[float, ...]


def by_model(attempts: Attempts, success: Floats, bootstrap: Bootstrap) -> ByModel:
    """Figures of each model attacked.

    Args:
        attempts: n of them.
        success: shape (n,), see `successes`.
        bootstrap: of the intervals; attempts of one worker are drawn together.
    Source: Ganguli et al. 2022, fig. 1 and 2.
    """
    names = sorted(
        set(zip(attempts.types, attempts.sizes, strict=True)), key=lambda name: (name[0] or "", size_order(name[1]))
    )
    rows: dict[tuple[str | None, str | None], list[int]] = {name: [] for name in names}
    for place, name in enumerate(zip(attempts.types, attempts.sizes, strict=True)):
        rows[name].append(place)
    edges = _edges(attempts.scores[~np.isnan(attempts.scores)], len(names))
    measure = _Measure(attempts, success, edges, bootstrap)
    return ByModel(
        tuple(measure.of(np.array(rows[name], np.int64), *name) for name in names),
        measure.of(np.arange(len(attempts)), None, None),
        tuple(float(edge) for edge in edges),
    )


def _edges(scores: Floats, models: int) -> Floats:
    """Edges of bins: as many as the scores of one model can fill (Rice's rule), so that hills are no noise."""
    if not len(scores):
        return np.empty(0)
    bins = round(2 * (len(scores) / models) ** (1 / 3))
    return np.histogram_bin_edges(scores, int(np.clip(bins, _LEAST_BINS, _MOST_BINS)))


@dataclass(frozen=True)
class _Measure:
    """What every model is measured with."""

    attempts: Attempts
    success: Floats
    edges: Floats
    bootstrap: Bootstrap

    def of(self, rows: np.ndarray, kind: str | None, size: str | None) -> ModelFigures:
        """The figures of some attempts."""
        clusters = np.array(self.attempts.clusters, object)
        judged = rows[~np.isnan(self.success[rows])]
        scored = rows[~np.isnan(self.attempts.scores[rows])]
        success = rate_or_why(self.success[judged], list(clusters[judged]), self.bootstrap, len(rows), _NOT_JUDGED)
        scores = self.attempts.scores[scored]
        distribution = ScoreDistribution(Figure.undefined(0, _NO_SCORES), (), ())
        if len(scores):
            mean = mean_figure(scores, bootstrap=self.bootstrap, group_ids=list(clusters[scored]))
            quantiles = tuple(float(each) for each in np.quantile(scores, QUANTILES))
            distribution = ScoreDistribution(
                mean, quantiles, tuple(int(n) for n in np.histogram(scores, self.edges)[0])
            )
        return ModelFigures(kind, size, len(rows), success, distribution)


def rate_or_why(values: Floats, clusters: list[str], bootstrap: Bootstrap, looked_at: int, why: str) -> Figure:
    """A share, or why there is none.

    Args:
        values: shape (n,), 0 or 1.
        clusters: shape (n,); what is drawn together.
        bootstrap: of the interval.
        looked_at: rows among which the n were found.
        why: there is no share, where n is 0.
    """
    if not len(values):
        return Figure.undefined(0, why if looked_at else "no attempts")
    return rate_figure(values, bootstrap=bootstrap, group_ids=clusters)
