"""Ratings of players from comparisons: Bradley–Terry with Davidson's ties, on the Elo scale.

Players are models, policies or checkpoints; a comparison is one judgement of two of them. All comparisons are
taken at once and their order does not matter: this is not the running update of chess federations. There is no
advantage of sides in the model; who judges should see the sides in random order.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array
from scipy.special import stdtrit

from plumbline.measure.arrays import FloatArray, Ids, IntArray, check_fraction, check_same_length, encode_ids, one_of
from plumbline.measure.bootstrap import Clusters
from plumbline.measure.comparability import comparable_players, tie_parameter_is_finite
from plumbline.measure.davidson import DavidsonFit, PairCounts, fit_davidson, result_probabilities
from plumbline.measure.elo import ELO_PER_NAT
from plumbline.measure.figure import Figure


@dataclass(frozen=True, eq=False)
class Ratings:
    """Ratings of players.

    A lead of Δ points predicts a share 1/(1 + 10^(−Δ/400)) of the comparisons that are no tie (`win_probability`).

    Attributes:
        elo: for each player its rating in Elo points, mean zero over the rated players, n = its comparisons that were
            fitted; undefined, with the reason, for a player who cannot be rated against them.
        tie_parameter: Davidson's ν (two equal players tie with probability ν/(2 + ν)); None where no comparison of
            rated players is a tie; undefined where nobody is rated.
        n: comparisons fitted: those of two rated players.
        rated: the rated players, in the order of `covariance`.
        covariance: shape (rated, rated); of the ratings, Elo points squared; None where there are no intervals.
        quantile: how many standard errors an interval reaches to each side.
        why_no_interval: why there are none; None where there are.
    """

    elo: dict[Any, Figure]
    tie_parameter: Figure | None
    n: int
    rated: tuple[Any, ...] = ()
    covariance: FloatArray | None = field(default=None, repr=False)
    quantile: float = 0.0
    why_no_interval: str | None = None

    def lead(self, first: Hashable, second: Hashable) -> Figure:
        """Rating of the first player minus that of the second, with the interval of the difference.

        Args:
            first: a player.
            second: another.
        Returns:
            The lead in Elo points, n = comparisons fitted; undefined where one of the two is not rated.
        Raises:
            ValueError: one of them is no player of these ratings.
        """
        for player in (first, second):
            if player not in self.elo:
                raise ValueError(f"player: expected one of {', '.join(map(str, self.elo))}, found {player!r}.")
            if self.elo[player].value is None:
                return Figure.undefined(self.n, f"{player}: {self.elo[player].why_undefined}")
        contrast = np.zeros(len(self.rated))
        contrast[self.rated.index(first)] += 1.0
        contrast[self.rated.index(second)] -= 1.0
        value = (self.elo[first].value or 0.0) - (self.elo[second].value or 0.0)
        if self.covariance is None:
            return Figure.without_interval(value, self.n, self.why_no_interval or "no interval")
        return _wald(value, float(contrast @ self.covariance @ contrast), self.quantile, self.n)


@dataclass(frozen=True, eq=False)
class _Comparisons:
    """Results row by row: shape (n,) each; `points` of the first player are 1, 0.5 or 0."""

    first: IntArray
    second: IntArray
    points: FloatArray
    clusters: Clusters

    def tables(self, player_count: int) -> tuple[FloatArray, FloatArray]:
        """Wins of row over column, and ties (symmetric): shape (players, players) each."""
        wins, ties = np.zeros((2, player_count, player_count))
        first_won, second_won, tied = self.points == 1.0, self.points == 0.0, self.points == 0.5
        np.add.at(wins, (self.first[first_won], self.second[first_won]), 1.0)
        np.add.at(wins, (self.second[second_won], self.first[second_won]), 1.0)
        np.add.at(ties, (self.first[tied], self.second[tied]), 1.0)
        return wins, ties + ties.T

    def among(self, players: IntArray, player_count: int) -> "_Comparisons":
        """Keep comparisons of two of the players, numbered anew in their order."""
        number = np.full(player_count, -1, dtype=np.int64)
        number[players] = np.arange(len(players))
        rows = np.flatnonzero((number[self.first] >= 0) & (number[self.second] >= 0))
        first, second = number[self.first[rows]], number[self.second[rows]]
        return _Comparisons(first, second, self.points[rows], self.clusters.take(rows))


def fit_bradley_terry(
    first_players: Ids,
    second_players: Ids,
    first_points: ArrayLike,
    *,
    group_ids: Ids | None = None,
    confidence: float = 0.95,
    prior_comparisons: float = 0.0,
) -> Ratings:
    """Rate players by maximum likelihood.

    Ratings exist among players who can be reached from each other by chains of wins and ties. The largest such set
    is rated, from its own comparisons; every other player is undefined and told why (no link; never lost; never won).

    Intervals are Wald intervals from the covariance clustered by group (sandwich, times G/(G − 1) for G groups, with
    quantiles of Student's t with G − 1 degrees of freedom). They need more groups than parameters.

    Args:
        first_players: shape (n,); strings or integers.
        second_players: shape (n,); who they met, never themselves.
        first_points: shape (n,); 1 the first was judged better, 0.5 a tie, 0 the second was.
        group_ids: shape (n,); comparisons of one prompt share an id. None: comparisons are independent.
        confidence: of the intervals, strictly between 0 and 1.
        prior_comparisons: 0 for plain maximum likelihood. Above, every player is given this many comparisons with one
            imaginary player, half won and half lost. This draws ratings together, and keeps those finite who won or
            lost everything; players without any link to the others stay undefined. 1 is a weak prior.
    Returns:
        The ratings; empty for n = 0.
    Raises:
        ValueError: lengths differ, a player meets itself, points other than 1, 0.5 and 0, or a setting out of range.
    Source: Bradley & Terry 1952; Davidson 1970 (ties); Zeger & Liang 1986 (clustered covariance). Deviation: none.
    """
    check_fraction("confidence", confidence)
    if not 0.0 <= prior_comparisons < np.inf:
        raise ValueError(f"prior_comparisons: expected a finite number >= 0, found {prior_comparisons!r}.")
    comparisons, names = _read_comparisons(first_players, second_players, first_points, group_ids)
    if not names:
        return Ratings({}, Figure.undefined(0, "no rows"), 0)
    wins, ties = comparisons.tables(len(names))
    members, why = comparable_players(wins, ties, one_way_too=prior_comparisons > 0)
    used = comparisons.among(members, len(names))
    wins_used, ties_used = wins[np.ix_(members, members)], ties[np.ix_(members, members)]
    if len(members) and ties_used.any() and not prior_comparisons and not tie_parameter_is_finite(wins_used, ties_used):
        reason = "too many ties for the wins: ratings and tie parameter grow together without a maximum"
        why, members = dict.fromkeys(range(len(names)), reason), members[:0]
    met = np.asarray((wins + wins.T + ties).sum(axis=1)).astype(np.int64)
    if len(members) == 0:
        undefined = {name: Figure.undefined(int(met[i]), why[i]) for i, name in enumerate(names)}
        return Ratings(undefined, Figure.undefined(0, "nobody is rated"), 0)
    fit = fit_davidson(_with_prior(wins_used, ties_used, prior_comparisons))
    rated = _ratings(used, fit, tuple(names[i] for i in members), confidence)
    elo = {name: Figure.undefined(int(met[i]), why[i]) if i in why else rated.elo[name] for i, name in enumerate(names)}
    return replace(rated, elo=elo)


def _read_comparisons(
    first_players: Ids, second_players: Ids, first_points: ArrayLike, group_ids: Ids | None
) -> tuple[_Comparisons, list[Any]]:
    """Check the arguments of `fit_bradley_terry`; the players by name, in the order of their numbers."""
    first_codes, first_names = encode_ids("first_players", first_players)
    second_codes, second_names = encode_ids("second_players", second_players)
    points = one_of("first_points", first_points, (0.0, 0.5, 1.0))
    check_same_length(first_players=first_codes, second_players=second_codes, first_points=points)
    number = {name: code for code, name in enumerate(dict.fromkeys([*first_names, *second_names]))}
    first = np.array([number[name] for name in first_names], dtype=np.int64)[first_codes]
    second = np.array([number[name] for name in second_names], dtype=np.int64)[second_codes]
    itself = np.flatnonzero(first == second)
    if itself.size:
        raise ValueError(
            f"players: expected two different players a row, found one that meets itself at row {itself[0]} "
            f"({itself.size} in all)."
        )
    return _Comparisons(first, second, points, Clusters.of(group_ids, len(points))), list(number)


def _with_prior(wins: FloatArray, ties: FloatArray, prior_comparisons: float) -> PairCounts:
    """Count pairs, with the imaginary player of the prior as the last where there is one."""
    if not prior_comparisons:
        return PairCounts.of(wins, ties)
    wins, ties = np.pad(wins, (0, 1)), np.pad(ties, (0, 1))
    wins[-1, :-1] = wins[:-1, -1] = prior_comparisons / 2.0
    return PairCounts.of(wins, ties)


def _ratings(used: _Comparisons, fit: DavidsonFit, rated: tuple[Any, ...], confidence: float) -> Ratings:
    """Put the fit on the Elo scale, mean zero over the rated players, with clustered intervals."""
    players, n = len(rated), len(used.points)
    strengths = fit.strengths[:players] - fit.strengths[:players].mean()
    met = np.bincount(np.concatenate([used.first, used.second]), minlength=players)
    parameters = players - 1 + (fit.log_tie is not None)
    why = _why_no_interval(used.clusters.count, parameters)
    if why:
        values = zip(rated, strengths * ELO_PER_NAT, met, strict=True)
        elo = {name: Figure.without_interval(float(value), int(count), why) for name, value, count in values}
        tie = None if fit.log_tie is None else _exponential(Figure.without_interval(fit.log_tie, n, why))
        return Ratings(elo, tie, n, rated, None, 0.0, why)
    covariance = _clustered_covariance(used, fit)
    centring = np.eye(players) - 1.0 / players
    elo_covariance = ELO_PER_NAT**2 * centring @ covariance[:players, :players] @ centring
    quantile = float(stdtrit(used.clusters.count - 1, (1.0 + confidence) / 2.0))
    elo = {
        name: _wald(float(strengths[i] * ELO_PER_NAT), float(elo_covariance[i, i]), quantile, int(met[i]))
        for i, name in enumerate(rated)
    }
    tie = None if fit.log_tie is None else _exponential(_wald(fit.log_tie, float(covariance[-1, -1]), quantile, n))
    return Ratings(elo, tie, n, rated, elo_covariance, quantile)


def _why_no_interval(clusters: int, parameters: int) -> str | None:
    if clusters < 2:
        return "one cluster only, an interval needs two"
    if clusters <= parameters:
        return f"{clusters} clusters are too few for the intervals of {parameters} parameters"
    return None


def _clustered_covariance(used: _Comparisons, fit: DavidsonFit) -> FloatArray:
    """Sandwich covariance of all parameters (k, k): inverse information · spread of cluster scores · the same."""
    lead = fit.strengths[used.first] - fit.strengths[used.second]
    win, tie = result_probabilities(lead, fit.log_tie)
    surplus = used.points - (win + tie / 2.0)
    n, width = len(lead), len(fit.inverse_information)
    clusters = np.arange(n) if used.clusters.codes is None else used.clusters.codes
    rows, columns, values = [clusters, clusters], [used.first, used.second], [surplus, -surplus]
    if fit.log_tie is not None:
        rows.append(clusters)
        columns.append(np.full(n, width - 1))
        values.append((used.points == 0.5) - tie)
    cells = (np.concatenate(rows), np.concatenate(columns))
    scores = csr_array((np.concatenate(values), cells), shape=(used.clusters.count, width))
    spread = (scores.T @ scores).toarray() * used.clusters.count / (used.clusters.count - 1)
    return np.asarray(fit.inverse_information @ spread @ fit.inverse_information)


def _wald(value: float, variance: float, quantile: float, n: int) -> Figure:
    """Give a value the interval that reaches `quantile` standard errors to each side."""
    error = float(np.sqrt(max(variance, 0.0)))
    if error <= 1e-9:
        return Figure.without_interval(value, n, "every cluster says the same, which says nothing of how sure it is")
    return Figure(value, value - quantile * error, value + quantile * error, n, None)


def _exponential(figure: Figure) -> Figure:
    """Take a figure from the log scale, interval and all."""
    value, low, high = (
        None if number is None else float(np.exp(number)) for number in (figure.value, figure.low, figure.high)
    )
    return Figure(value, low, high, figure.n, figure.why_undefined)
