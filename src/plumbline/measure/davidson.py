"""The likelihood of wins and ties under the model of Bradley & Terry with Davidson's ties, and its maximum.

With strengths θ (log scale) and tie parameter ν: P(i beats j) ∝ exp(θ_i), P(j beats i) ∝ exp(θ_j),
P(tie) ∝ ν · exp((θ_i + θ_j)/2). Without ties ν = 0, and it is the plain Bradley–Terry model.

Source: Bradley & Terry 1952; Davidson 1970, "On extending the Bradley–Terry model to accommodate ties", eq. (2.3).
"""

from dataclasses import dataclass

import numpy as np

from plumbline.measure.arrays import FloatArray, IntArray

_STEP_TOLERANCE = 1e-10
_MOST_STEPS = 200


@dataclass(frozen=True, eq=False)
class PairCounts:
    """Results of each pair of players that met.

    Attributes:
        first, second: shape (pairs,); the players, first < second.
        first_wins, second_wins, ties: shape (pairs,); how often each result came; need not be whole.
        player_count: players in all.
    """

    first: IntArray
    second: IntArray
    first_wins: FloatArray
    second_wins: FloatArray
    ties: FloatArray
    player_count: int

    @classmethod
    def of(cls, wins: FloatArray, ties: FloatArray) -> "PairCounts":
        """Read tables (players, players): wins of row over column; ties, symmetric."""
        first, second = np.nonzero(np.triu(wins + wins.T + ties, k=1))
        return cls(first, second, wins[first, second], wins[second, first], ties[first, second], len(wins))

    @property
    def total(self) -> FloatArray:
        """Shape (pairs,); comparisons of each pair."""
        return self.first_wins + self.second_wins + self.ties


@dataclass(frozen=True, eq=False)
class DavidsonFit:
    """The maximum.

    Attributes:
        strengths: shape (players,); log scale, mean zero.
        log_tie: ln ν; None where there are no ties.
        inverse_information: shape (k, k), k = players, plus one for ln ν where there are ties; inverse of the
            observed information with the mean of the strengths held at zero.
    """

    strengths: FloatArray
    log_tie: float | None
    inverse_information: FloatArray


def fit_davidson(pairs: PairCounts) -> DavidsonFit:
    """Climb to the maximum by Newton steps, halved while they overshoot; the log-likelihood is concave.

    Args:
        pairs: results among players whose ratings are finite (see `comparability`).
    Returns:
        Strengths and ln ν at the maximum, with the inverse information there.
    Raises:
        RuntimeError: no maximum was reached, which means that there is none.
    """
    has_ties = bool(pairs.ties.any())
    parameters = np.zeros(pairs.player_count + has_ties)
    likelihood = _log_likelihood(pairs, parameters)
    for _ in range(_MOST_STEPS):
        gradient, information = _slopes(pairs, parameters)
        step = np.linalg.solve(information, gradient)
        if np.abs(step).max() < _STEP_TOLERANCE:
            log_tie = float(parameters[-1]) if has_ties else None
            inverse = np.asarray(np.linalg.inv(information), dtype=np.float64)
            return DavidsonFit(parameters[: pairs.player_count], log_tie, inverse)
        climbed = _log_likelihood(pairs, parameters + step)
        while climbed < likelihood - 1e-12 * abs(likelihood) and np.abs(step).max() > _STEP_TOLERANCE:
            step = step / 2.0
            climbed = _log_likelihood(pairs, parameters + step)
        parameters, likelihood = parameters + step, climbed
    raise RuntimeError(
        f"Bradley–Terry ratings: expected a maximum within {_MOST_STEPS} steps, found none for {pairs.player_count} "
        "players. Try a prior_comparisons above 0."
    )


def result_probabilities(lead: FloatArray, log_tie: float | None) -> tuple[FloatArray, FloatArray]:
    """Predict results.

    Args:
        lead: any shape; strength of the first minus strength of the second player, log scale.
        log_tie: ln ν; None: no ties.
    Returns:
        Probability that the first wins, and of a tie, both of the shape of `lead`.
    """
    log_total = _log_total(lead, log_tie)
    tie = np.zeros_like(lead) if log_tie is None else np.exp(log_tie - log_total)
    return np.exp(lead / 2.0 - log_total), tie


def _log_total(lead: FloatArray, log_tie: float | None) -> FloatArray:
    """Logarithm of the sum of the weights of the results, the mean of the two strengths taken as 0."""
    decided = np.logaddexp(lead / 2.0, -lead / 2.0)
    return decided if log_tie is None else np.logaddexp(decided, log_tie)


def _split(pairs: PairCounts, parameters: FloatArray) -> tuple[FloatArray, float | None]:
    """Turn parameters (k,) into the lead of the first player of each pair (pairs,) and ln ν."""
    lead = parameters[pairs.first] - parameters[pairs.second]
    return lead, float(parameters[-1]) if len(parameters) > pairs.player_count else None


def _log_likelihood(pairs: PairCounts, parameters: FloatArray) -> float:
    lead, log_tie = _split(pairs, parameters)
    won = ((pairs.first_wins - pairs.second_wins) * lead / 2.0).sum()
    tied = 0.0 if log_tie is None else pairs.ties.sum() * log_tie
    return float(won + tied - (pairs.total * _log_total(lead, log_tie)).sum())


def _slopes(pairs: PairCounts, parameters: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Gradient (k,) and information (k, k) of the log-likelihood, the mean of the strengths held at zero."""
    lead, log_tie = _split(pairs, parameters)
    win, tie = result_probabilities(lead, log_tie)
    points = win + tie / 2.0
    total, players = pairs.total, pairs.player_count
    surplus = pairs.first_wins + pairs.ties / 2.0 - total * points
    gradient = np.zeros(len(parameters))
    gradient[:players] = np.bincount(pairs.first, surplus, players) - np.bincount(pairs.second, surplus, players)

    information = np.zeros((len(parameters), len(parameters)))
    variance = total * (win + tie / 4.0 - points**2)
    information[pairs.first, pairs.second] = -variance
    information[pairs.second, pairs.first] = -variance
    players_range = np.arange(players)
    information[players_range, players_range] = -information[:players, :players].sum(axis=1)
    information[:players, :players] += information[players_range, players_range].mean() / players
    if log_tie is not None:
        shared = total * (tie / 2.0 - points * tie)
        cross = np.bincount(pairs.first, shared, players) - np.bincount(pairs.second, shared, players)
        gradient[-1] = (pairs.ties - total * tie).sum()
        information[:players, -1] = information[-1, :players] = cross
        information[-1, -1] = (total * tie * (1.0 - tie)).sum()
    return gradient, information
