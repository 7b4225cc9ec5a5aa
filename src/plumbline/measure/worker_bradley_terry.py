"""Bradley–Terry with workers who differ in ability: scores of items and abilities of workers from the same comparisons.

Worker k says that item i is better than j with probability η_k σ(s_i − s_j) + (1 − η_k) σ(s_j − s_i): at η = 1 the
worker follows the Bradley–Terry model, at ½ tosses a coin, below ½ says the opposite. Put otherwise it is
½ + ½ (2η_k − 1)(2p − 1) with p = σ(s_i − s_j): per judgement, the fault of a worker and the closeness of a pair are one
product. Only where chains of comparisons close (i, j, m and i again) do the scores say what p must be, and so what η is.

What it reduces to where every pair has two items of its own, met nowhere else: p is then free in every pair, and all η
could be stretched and all p shrunk without a trace. Such comparisons are fitted with the truth taken as certain, p = 0
or 1, both as likely beforehand: the one-coin model of Dawid & Skene, exactly (`fit_dawid_skene` with `one_coin` and
`even_classes`).

A tie is half a judgement for each side. It says that the sides are close or the worker is guessing; it is not left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from plumbline.measure.arrays import FloatArray, IntArray, check_fraction, check_same_length, indices, one_of
from plumbline.measure.dawid_skene import DawidSkeneSettings, fit_dawid_skene
from plumbline.measure.figure import Figure
from plumbline.measure.worker_ability import (
    abilities_of_totals,
    ability_figure,
    normal_quantile,
)

Model: TypeAlias = Literal["bradley-terry", "one-coin"]

_FIRST_STEP = 100.0
"""Length over all scores and log odds together; the region grows where the steps hold what they promise."""
_STEEPNESS_NATS = 1e-3  # of the objective, where it counts as its top: a score is then off by less than the same

NO_CYCLE = "no chain of comparisons closes, so that a worker's ability cannot be told from close pairs"


@dataclass(frozen=True)
class WorkerBradleyTerrySettings:
    """How to fit.

    Attributes:
        score_deviation: standard deviation of the normal prior of the scores, log scale; 1e-100 … 1e100. It keeps
            scores finite and decides nothing where there are many judgements.
        prior_right, prior_wrong: imaginary judgements of each worker in favour of the truth and against it, > 0; more
            of the first than of the second, or else all scores could be turned round with all workers.
        confidence: of the intervals of abilities, strictly between 0 and 1.
        max_iterations: steps of Newton's method, or of EM, at most; >= 1.
    Raises:
        ValueError: a setting is out of its range.
    """

    score_deviation: float = 2.0
    prior_right: float = 4.0
    prior_wrong: float = 1.0
    confidence: float = 0.95
    max_iterations: int = 1000

    def __post_init__(self) -> None:
        """Refuse settings without a maximum, or with two that mirror each other."""
        if not 1e-100 <= self.score_deviation <= 1e100:
            raise ValueError(f"score_deviation: expected a number in 1e-100 … 1e100, found {self.score_deviation!r}.")
        if not 0.0 < self.prior_wrong < self.prior_right < np.inf:
            raise ValueError(
                "prior_right, prior_wrong: expected finite numbers, prior_right > prior_wrong > 0, "
                f"found {self.prior_right!r}, {self.prior_wrong!r}."
            )
        check_fraction("confidence", self.confidence)
        if self.max_iterations < 1:
            raise ValueError(f"max_iterations: expected >= 1, found {self.max_iterations}.")


@dataclass(frozen=True, eq=False)
class WorkerBradleyTerry:
    """The fit.

    Attributes:
        scores: shape (items,); log scale, mean zero within each set of items that are linked by comparisons; scores of
            two such sets do not compare. NaN for an item that was never compared.
        components: shape (items,); the number of the set each item belongs to.
        abilities: for each worker η, in [0, 1]: n = judgements; undefined without any.
        first_better: shape (n,); probability that the first item is the better one, a soft label of each row.
        cycles: independent closed chains of comparisons; 0: abilities are no more than the prior and the model say.
        model: "bradley-terry", or "one-coin" where every pair has two items of its own.
        ties: rows that were ties.
        objective_nats: log-likelihood plus log prior at the end.
        converged: whether the maximum was reached.
    """

    scores: FloatArray
    components: IntArray
    abilities: tuple[Figure, ...]
    first_better: FloatArray
    cycles: int
    model: Model
    ties: int
    objective_nats: float
    converged: bool


def fit_worker_bradley_terry(
    first_items: ArrayLike,
    second_items: ArrayLike,
    worker_indices: ArrayLike,
    first_points: ArrayLike,
    *,
    item_count: int,
    worker_count: int,
    settings: WorkerBradleyTerrySettings | None = None,
) -> WorkerBradleyTerry:
    """Score items and rate workers by the maximum of likelihood times prior.

    Args:
        first_items, second_items: shape (n,); 0 … item_count − 1, one row a judgement, never the same item twice.
        worker_indices: shape (n,); 0 … worker_count − 1.
        first_points: shape (n,); 1 the first item was judged better, 0 the second, 0.5 a tie.
        item_count, worker_count: how many there are.
        settings: priors, confidence, steps; None: the defaults.
    Returns:
        The fit. Intervals of abilities are Wald's on the log-odds scale, from the observed information with the scores
        taken into account (Schur complement), where workers and sets of linked items are no more than
        `worker_information` takes; of the one-coin model those of `worker_abilities`.
    Raises:
        ValueError: lengths differ, an index or point is out of its range, or an item meets itself.
    Source: Chen, Bennett, Collins-Thompson & Horvitz 2013, Pairwise Ranking Aggregation in a Crowdsourced Setting, WSDM,
        eq. (5). Deviation: normal priors of scores for a virtual item; a tie counts half for each side; all judgements
        at once, not online; the one-coin model where scores and abilities cannot be told apart.
    """
    chosen = settings or WorkerBradleyTerrySettings()
    first, second = indices("first_items", first_items, item_count), indices("second_items", second_items, item_count)
    workers = indices("worker_indices", worker_indices, worker_count)
    points = one_of("first_points", first_points, (0.0, 0.5, 1.0))
    check_same_length(first_items=first, second_items=second, worker_indices=workers, first_points=points)
    itself = np.flatnonzero(first == second)
    if itself.size:
        raise ValueError(f"items: expected two different items a row, found one that meets itself at row {itself[0]}.")
    judged = _Judged(first, second, workers, points, item_count, worker_count)
    pairs = np.unique(np.stack([np.minimum(first, second), np.maximum(first, second)], axis=1), axis=0)
    own_items = len(np.unique(pairs)) == 2 * len(pairs)
    return _fit_one_coin(judged, pairs, chosen) if own_items else _fit_scores(judged, pairs, chosen)


@dataclass(frozen=True, eq=False)
class _Judged:
    """Judgements row by row, shape (n,) each."""

    first: IntArray
    second: IntArray
    workers: IntArray
    points: FloatArray
    item_count: int
    worker_count: int

    def per_worker(self, values: FloatArray | None = None) -> Any:
        """Sum values, shape (n,), or count rows, worker by worker."""
        return np.bincount(self.workers, values, minlength=self.worker_count)

    def per_item(self, values: FloatArray) -> FloatArray:
        """Sum values, shape (n,), to the first item and from the second."""
        gained = np.bincount(self.first, values, minlength=self.item_count)
        return np.asarray(gained - np.bincount(self.second, values, minlength=self.item_count))

    def linked(self, pairs: IntArray) -> tuple[IntArray, int]:
        """The set of linked items that each item belongs to, and the number of closed chains."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        links = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(self.item_count,) * 2)
        count, components = connected_components(links, directed=False)
        return components.astype(np.int64), len(pairs) - self.item_count + int(count)

    def result(
        self,
        scores: FloatArray,
        abilities: list[Figure],
        first_better: FloatArray,
        pairs: IntArray,
        model: Model,
        objective_nats: float,
        converged: bool,
    ) -> WorkerBradleyTerry:
        """Put the fit together; at the maximum the prior has brought scores to mean zero in each set of linked items."""
        components, cycles = self.linked(pairs)
        met = np.bincount(np.concatenate([self.first, self.second]), minlength=self.item_count) > 0
        own = np.where(met, scores, np.nan)
        ties = int((self.points == 0.5).sum())
        return WorkerBradleyTerry(
            own, components, tuple(abilities), first_better, cycles, model, ties, objective_nats, converged
        )


def _fit_one_coin(judged: _Judged, pairs: IntArray, settings: WorkerBradleyTerrySettings) -> WorkerBradleyTerry:
    """Fit pairs that share no item; a pair's label is 0 where its item of the lower number is the better one."""
    turned = judged.first > judged.second
    pair_of_item = np.zeros(judged.item_count, dtype=np.int64)
    pair_of_item[pairs.T] = np.arange(len(pairs))
    pair = pair_of_item[judged.first]
    lower_points = np.where(turned, 1.0 - judged.points, judged.points)
    right, wrong = settings.prior_right / 2.0, settings.prior_wrong / 2.0
    fit = fit_dawid_skene(
        np.tile(pair, 2),
        np.tile(judged.workers, 2),
        np.repeat([0, 1], len(pair)),
        class_count=2,
        item_count=len(pairs),
        worker_count=judged.worker_count,
        weights=np.concatenate([lower_points, 1.0 - lower_points]),
        settings=DawidSkeneSettings(
            prior_counts=((right, wrong), (wrong, right)),
            one_coin=True,
            even_classes=True,
            max_iterations=settings.max_iterations,
        ),
    )
    odds = np.log(np.maximum(fit.posteriors, 1e-300))
    scores = np.zeros(judged.item_count)
    scores[pairs[:, 0]] = (odds[:, 0] - odds[:, 1]) / 2.0
    scores[pairs[:, 1]] = -scores[pairs[:, 0]]
    lower_better = fit.posteriors[pair, 0]
    right_chances = lower_points * lower_better + (1.0 - lower_points) * (1.0 - lower_better)
    doubts = (2.0 * lower_points - 1.0) ** 2 * lower_better * (1.0 - lower_better)
    abilities = abilities_of_totals(
        judged.per_worker(),
        judged.per_worker(right_chances),
        judged.per_worker(doubts),
        (settings.prior_right, settings.prior_wrong),
        settings.confidence,
    )
    first_better = np.where(turned, 1.0 - lower_better, lower_better)
    return judged.result(scores, abilities, first_better, pairs, "one-coin", fit.objective_nats[-1], fit.converged)


def _fit_scores(judged: _Judged, pairs: IntArray, settings: WorkerBradleyTerrySettings) -> WorkerBradleyTerry:
    """Climb in scores and log odds at once, by Newton's steps within a region of trust; start: scores 0, the prior's ability."""
    from scipy.optimize import minimize

    start = np.zeros(judged.item_count + judged.worker_count)
    start[judged.item_count :] = np.log(settings.prior_right / settings.prior_wrong)
    objective = _Objective(judged, settings)
    options: Any = {"initial_trust_radius": _FIRST_STEP, "max_trust_radius": 1e6, "gtol": _STEEPNESS_NATS / 100.0}
    options["maxiter"] = settings.max_iterations
    along = objective.curvature_along
    found = minimize(objective, start, jac=True, hessp=along, method="trust-ncg", options=options)
    parameters = np.asarray(found.x, dtype=np.float64)
    scores, odds = parameters[: judged.item_count], parameters[judged.item_count :]
    cycles = judged.linked(pairs)[1]
    untold = np.full(judged.worker_count, np.nan)
    errors, why = objective.ability_errors(parameters) if cycles else (untold, NO_CYCLE)
    z = normal_quantile(settings.confidence)
    abilities = [
        ability_figure(float(value), float(error), int(n), z, why)
        for value, error, n in zip(odds, errors, judged.per_worker(), strict=True)
    ]
    first_better = expit(scores[judged.first] - scores[judged.second])
    return judged.result(
        scores,
        abilities,
        first_better,
        pairs,
        "bradley-terry",
        -float(found.fun),
        bool(np.linalg.norm(found.jac) <= _STEEPNESS_NATS),
    )


class _Objective:
    """Minus log-likelihood and log prior, its gradient, and what it tells of abilities at the maximum."""

    def __init__(self, judged: _Judged, settings: WorkerBradleyTerrySettings) -> None:
        self.judged, self.settings = judged, settings
        self.precision = settings.score_deviation**-2
        self._place: FloatArray = np.zeros(0)  # the last; curvature is asked for where the value was
        self._at: _Product | None = None
        self._curved: _Curvature | None = None

    def _product(self, parameters: FloatArray) -> _Product:
        if self._at is None or not np.array_equal(self._place, parameters):
            items = self.judged.item_count
            self._at = _Product.of(self.judged, parameters[:items], parameters[items:])
            self._place, self._curved = parameters.copy(), None
        return self._at

    def _curvature(self, parameters: FloatArray) -> _Curvature:
        at = self._product(parameters)
        if self._curved is None:
            self._curved = _Curvature.of(self.judged, self.settings, at, parameters[self.judged.item_count :])
        return self._curved

    def curvature_along(self, parameters: FloatArray, direction: FloatArray) -> FloatArray:
        """How the gradient changes along a direction: shape (items + workers,)."""
        judged, found = self.judged, self._curvature(parameters)
        scores, odds = direction[: judged.item_count], direction[judged.item_count :]
        leads, leanings = scores[judged.first] - scores[judged.second], odds[judged.workers]
        by_score = judged.per_item(found.of_lead * leads + found.of_both * leanings) + self.precision * scores
        return np.concatenate([by_score, judged.per_worker(found.of_both * leads) + found.own * odds])

    def __call__(self, parameters: FloatArray) -> tuple[float, FloatArray]:
        """Value, and gradient in scores and log odds: shape (items + workers,)."""
        judged, prior = self.judged, self.settings
        scores, odds = parameters[: judged.item_count], parameters[judged.item_count :]
        at = self._product(parameters)
        chances = judged.points * np.log1p(at.product) + (1.0 - judged.points) * np.log1p(-at.product) - np.log(2.0)
        log_prior = -0.5 * self.precision * (scores**2).sum()
        log_prior -= (prior.prior_right * np.logaddexp(0.0, -odds) + prior.prior_wrong * np.logaddexp(0.0, odds)).sum()
        by_score = judged.per_item(at.surplus * at.leaning * at.by_lead) - self.precision * scores
        by_odds = judged.per_worker(at.surplus * at.closeness * at.by_odds)
        by_odds += prior.prior_right - (prior.prior_right + prior.prior_wrong) * expit(odds)
        return -float(chances.sum() + log_prior), -np.concatenate([by_score, by_odds])

    def ability_errors(self, parameters: FloatArray) -> tuple[FloatArray, str]:
        """Standard errors of the log odds, shape (workers,), the scores free, and why where there are none."""
        from scipy.sparse import csc_array, csr_array, diags_array

        from plumbline.measure.worker_information import ability_errors

        judged, found = self.judged, self._curvature(parameters)
        rows = np.arange(len(found.of_lead))
        sides = np.repeat([1.0, -1.0], len(rows)), (np.tile(rows, 2), np.concatenate([judged.first, judged.second]))
        incidence = csc_array(sides, shape=(len(rows), judged.item_count))
        by_worker = csc_array((found.of_both, (rows, judged.workers)), shape=(len(rows), judged.worker_count))
        of_scores = incidence.T @ diags_array(found.of_lead) @ incidence
        of_scores += diags_array(np.full(judged.item_count, self.precision))
        return ability_errors(csr_array(of_scores), csr_array(incidence.T @ by_worker), found.own)


@dataclass(frozen=True, eq=False)
class _Product:
    """What the chances ½(1 ± product) are made of, row by row, shape (n,) each.

    Attributes:
        closeness: 2p − 1, for the lead of the first item.
        leaning: 2η − 1, of the worker.
        product: of the two.
        surplus, bend: slope of the log-likelihood in the product, and minus the slope of that.
        by_lead, by_odds: slope of closeness in the lead, of leaning in the log odds; that of these is minus
            closeness (or leaning) times themselves.
    """

    closeness: FloatArray
    leaning: FloatArray
    product: FloatArray
    surplus: FloatArray
    bend: FloatArray
    by_lead: FloatArray
    by_odds: FloatArray

    @classmethod
    def of(cls, judged: _Judged, scores: FloatArray, odds: FloatArray) -> _Product:
        """At these scores and log-odds of the workers."""
        closeness = np.tanh((scores[judged.first] - scores[judged.second]) / 2.0)
        leaning = np.tanh(odds / 2.0)[judged.workers]
        product = np.clip(closeness * leaning, -1.0 + 1e-12, 1.0 - 1e-12)  # never a chance of 0
        wins, losses = judged.points / (1.0 + product), (1.0 - judged.points) / (1.0 - product)
        bend = wins / (1.0 + product) + losses / (1.0 - product)
        by_lead, by_odds = (1.0 - closeness**2) / 2.0, (1.0 - leaning**2) / 2.0
        return cls(closeness, leaning, product, wins - losses, bend, by_lead, by_odds)


@dataclass(frozen=True, eq=False)
class _Curvature:
    """Minus the second slopes of log-likelihood and prior of abilities.

    Attributes:
        of_lead: row by row, shape (n,); twice by the lead of the first item.
        of_both: row by row, shape (n,); by the lead and by the worker's log odds.
        own: shape (workers,); twice by the log odds.
    """

    of_lead: FloatArray
    of_both: FloatArray
    own: FloatArray

    @classmethod
    def of(cls, judged: _Judged, prior: WorkerBradleyTerrySettings, at: _Product, odds: FloatArray) -> _Curvature:
        """Of the likelihood and the prior, at the log-odds `odds`."""
        of_lead = at.bend * (at.leaning * at.by_lead) ** 2 + at.surplus * at.product * at.by_lead
        of_odds = at.bend * (at.closeness * at.by_odds) ** 2 + at.surplus * at.product * at.by_odds
        of_both = (at.bend * at.product - at.surplus) * at.by_lead * at.by_odds
        chance = expit(odds)
        own = judged.per_worker(of_odds) + (prior.prior_right + prior.prior_wrong) * chance * (1.0 - chance)
        return cls(of_lead, of_both, own)
