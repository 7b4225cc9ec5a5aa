"""Who can be rated against whom: the shape that comparisons must have before ratings exist.

Maximum likelihood ratings are finite only among players who each can be reached from each other by a chain of "won
or tied against". A free tie parameter asks for more: a closed chain with more wins than ties.

Source: Ford 1957, "Solution of a ranking problem from binary comparisons" (wins); the condition for ties follows from
the directions in which Davidson's likelihood never falls. Deviation: none.
"""

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

from plumbline.measure.arrays import FloatArray, IntArray


def comparable_players(wins: FloatArray, ties: FloatArray, *, one_way_too: bool) -> tuple[IntArray, dict[int, str]]:
    """Find the largest set of players whose ratings against each other are finite.

    Args:
        wins: shape (players, players); how often the row beat the column.
        ties: shape (players, players); how often they tied; symmetric.
        one_way_too: any chain of comparisons will do, as where a prior keeps one-way results finite.
    Returns:
        The players of the set, rising, and for every other player why it is not in it. Between sets of equal size the
        one with more comparisons is taken, then the one with the player who comes first. A set of one rates nobody.
    """
    reached = (wins + ties) > 0
    graph = csr_array(reached.astype(np.int8))
    linked = connected_components(graph, directed=True, connection="weak")[1]
    strongly = connected_components(graph, directed=True, connection="strong")[1]
    both_ways = np.asarray(linked if one_way_too else strongly, dtype=np.int64)
    chosen = _largest(both_ways, (wins + ties).sum(axis=1) + wins.sum(axis=0))
    members = np.flatnonzero(both_ways == chosen)
    if len(members) < 2:
        reason = "between any two players all chains of wins lead one way, so that no rating is finite"
        return np.zeros(0, dtype=np.int64), dict.fromkeys(range(len(wins)), reason)
    below = set(breadth_first_order(graph, members[0], return_predecessors=False).tolist())
    above = set(
        breadth_first_order(csr_array(reached.T.astype(np.int8)), members[0], return_predecessors=False).tolist()
    )
    why = {}
    for player in np.flatnonzero(both_ways != chosen).tolist():
        if linked[player] != linked[members[0]]:
            why[player] = "no chain of comparisons leads to the rated players"
        elif player in above:
            why[player] = "never lost towards the rated players: the rating is infinitely high"
        elif player in below:
            why[player] = "never won towards the rated players: the rating is infinitely low"
        else:
            why[player] = "linked to the rated players only through players who cannot be rated"
    return members, why


def tie_parameter_is_finite(wins: FloatArray, ties: FloatArray) -> bool:
    """Tell whether some closed chain holds more wins than ties (searched as Bellman and Ford do).

    Args:
        wins: shape (players, players); how often the row beat the column.
        ties: shape (players, players); how often they tied; symmetric.
    Returns:
        False where ratings and tie parameter could grow together without the likelihood ever falling.
    """
    gain = np.where(wins > 0, 1.0, np.where(ties > 0, -1.0, -np.inf))
    best = np.zeros(len(wins))
    for _ in range(len(wins)):
        longer = np.maximum(best, (best[:, None] + gain).max(axis=0))
        if np.array_equal(longer, best):
            return False
        best = longer
    return True


def _largest(labels: IntArray, comparisons: FloatArray) -> int:
    """Choose the label (players,) most players have; then the one with more comparisons; then the one seen first."""
    sizes = np.bincount(labels)
    weights = np.bincount(labels, weights=comparisons)
    first_seen = {label: position for position, label in reversed(list(enumerate(labels.tolist())))}
    return max(range(len(sizes)), key=lambda label: (sizes[label], weights[label], -first_seen[label]))
