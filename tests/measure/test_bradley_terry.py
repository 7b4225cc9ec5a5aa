import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.special import stdtrit

from plumbline.measure import ELO_PER_NAT, Figure, Ratings, fit_bradley_terry, win_probability

PLAYERS = 5


def _simulated(n: int, seed: int, tie_parameter: float = 0.0, groups: int | None = None):
    """Players of strengths −1 … 1; each group of comparisons favours some players, which makes them dependent."""
    rng = np.random.default_rng(seed)
    strengths = np.linspace(-1.0, 1.0, PLAYERS)
    group_ids = rng.integers(0, groups or n, n)
    first = rng.integers(0, PLAYERS, n)
    second = (first + rng.integers(1, PLAYERS, n)) % PLAYERS
    favour = 0.7 * rng.normal(size=(groups or n, PLAYERS)) if groups else np.zeros((n, PLAYERS))
    lead = strengths[first] - strengths[second] + favour[group_ids, first] - favour[group_ids, second]
    weights = np.stack([np.exp(lead / 2), np.full(n, tie_parameter), np.exp(-lead / 2)])
    cut = rng.random(n) * weights.sum(axis=0)
    points = np.where(cut < weights[0], 1.0, np.where(cut < weights[:2].sum(axis=0), 0.5, 0.0))
    return first, second, points, group_ids


def _values(ratings: Ratings) -> np.ndarray:
    return np.array([ratings.elo[player].value for player in range(PLAYERS)], dtype=float)


def test_two_players_by_hand() -> None:
    """30 wins to 10: a lead of ln 3; standard error sqrt(1/30 + 1/10) · sqrt(40/39), Student's t with 39."""
    ratings = fit_bradley_terry(["a"] * 40, ["b"] * 40, [1] * 30 + [0] * 10)
    lead = ratings.lead("a", "b")
    reach = stdtrit(39, 0.975) * np.sqrt((1 / 30 + 1 / 10) * 40 / 39) * ELO_PER_NAT
    assert lead.value == pytest.approx(190.8485, abs=1e-4)
    assert lead.high - lead.value == pytest.approx(reach)
    assert ratings.elo["a"].value == pytest.approx(lead.value / 2)
    assert ratings.tie_parameter is None
    assert win_probability(lead.value) == pytest.approx(0.75)


def test_two_players_with_ties_by_hand() -> None:
    """Davidson for wins 20, losses 5, ties 10: lead ln(20/5), ν = 10/sqrt(20 · 5) = 1."""
    ratings = fit_bradley_terry(["a"] * 35, ["b"] * 35, [1] * 20 + [0] * 5 + [0.5] * 10)
    assert ratings.lead("a", "b").value == pytest.approx(np.log(4) * ELO_PER_NAT)
    assert ratings.tie_parameter.value == pytest.approx(1.0)
    assert ratings.tie_parameter.low < 1.0 < ratings.tie_parameter.high
    assert ratings.elo["b"].n == 35


@pytest.mark.parametrize("groups", [None, 60])
def test_wins_agree_with_the_logistic_regression_of_statsmodels(groups: int | None) -> None:
    first, second, points, group_ids = _simulated(600, 1, groups=groups)
    design = np.zeros((600, PLAYERS))
    design[np.arange(600), first] = 1.0
    design[np.arange(600), second] = -1.0
    model = sm.Logit(points, design[:, 1:])
    used = np.unique(group_ids, return_inverse=True)[1]
    fit = model.fit(disp=0, tol=1e-12, cov_type="cluster", cov_kwds={"groups": used, "use_correction": False})
    ratings = fit_bradley_terry(first, second, points, group_ids=group_ids)
    strengths = np.append(0.0, fit.params)
    assert _values(ratings) == pytest.approx((strengths - strengths.mean()) * ELO_PER_NAT, abs=1e-6)
    count = len(np.unique(group_ids))
    for player in range(1, PLAYERS):
        lead = ratings.lead(player, 0)
        error = fit.bse[player - 1] * np.sqrt(count / (count - 1)) * ELO_PER_NAT
        assert (lead.high - lead.low) / 2 == pytest.approx(stdtrit(count - 1, 0.975) * error, rel=1e-6)


def test_ties_agree_with_the_poisson_regression_of_statsmodels() -> None:
    """Davidson's model is log-linear in the counts of each pair's results (Fienberg & Larntz 1976)."""
    first, second, points, _ = _simulated(2000, 2, tie_parameter=0.8)
    pairs = [(i, j) for i in range(PLAYERS) for j in range(i + 1, PLAYERS)]
    counts, design = [], []
    for index, (i, j) in enumerate(pairs):
        for result in (1.0, 0.5, 0.0):
            one_way = (first == i) & (second == j) & (points == result)
            other_way = (first == j) & (second == i) & (points == 1 - result)
            row = np.zeros(len(pairs) + PLAYERS)
            row[index] = 1.0
            strength = np.zeros(PLAYERS)
            strength[[i, j]] = result, 1 - result
            row[len(pairs) : -1] = strength[1:]
            row[-1] = result == 0.5
            counts.append((one_way | other_way).sum())
            design.append(row)
    fit = sm.GLM(np.array(counts), np.array(design), family=sm.families.Poisson()).fit(tol=1e-13)
    strengths = np.append(0.0, fit.params[len(pairs) : -1])
    ratings = fit_bradley_terry(first, second, points)
    assert _values(ratings) == pytest.approx((strengths - strengths.mean()) * ELO_PER_NAT, abs=1e-6)
    assert ratings.tie_parameter.value == pytest.approx(np.exp(fit.params[-1]), rel=1e-8)
    assert ratings.tie_parameter.low < 0.8 < ratings.tie_parameter.high


@pytest.mark.parametrize("tie_parameter", [0.0, 0.8])
def test_coverage_of_intervals_on_clustered_comparisons(tie_parameter: float) -> None:
    truth = fit_bradley_terry(*_simulated(400_000, 0, tie_parameter, groups=40_000)[:3])
    hits = 0
    for seed in range(1, 101):
        first, second, points, group_ids = _simulated(500, seed, tie_parameter, groups=50)
        ratings = fit_bradley_terry(first, second, points, group_ids=group_ids)
        for player in range(PLAYERS):
            figure = ratings.elo[player]
            hits += figure.low <= truth.elo[player].value <= figure.high
    assert 0.92 <= hits / (100 * PLAYERS) <= 0.98, hits


COMPARISONS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(1, 3), st.sampled_from([0.0, 0.5, 1.0])), min_size=1, max_size=14
).map(lambda rows: [(first, (first + step) % 4, points) for first, step, points in rows])


def _has_a_maximum(rows: list[tuple[int, int, float]]) -> bool:
    """Linear program: is there a direction in which no term of the log-likelihood falls and some term rises?

    Variables: a strength for each player met, and the log tie parameter where there are ties.
    """
    players = sorted({player for row in rows for player in row[:2]})
    has_ties = any(points == 0.5 for _, _, points in rows)
    terms = []
    for first, second, points in rows:
        scores = np.zeros((3, len(players) + 1))
        i, j = players.index(first), players.index(second)
        scores[0, i] = scores[2, j] = 1.0
        scores[1, [i, j, -1]] = 0.5, 0.5, 1.0
        seen = {1.0: 0, 0.5: 1, 0.0: 2}[points]
        possible = [other for other in (range(3) if has_ties else (0, 2)) if other != seen]
        terms += [scores[seen] - scores[other] for other in possible]
    matrix = np.array(terms)
    gain = linprog(-matrix.sum(axis=0), A_ub=-matrix, b_ub=np.zeros(len(matrix)), bounds=(-1, 1))
    return bool(-gain.fun < 1e-9)


@given(COMPARISONS)
@settings(max_examples=60, deadline=None)
def test_ratings_are_finite_where_a_maximum_exists_and_undefined_elsewhere(
    rows: list[tuple[int, int, float]],
) -> None:
    first, second, points = zip(*rows, strict=True)
    ratings = fit_bradley_terry(first, second, points)
    assert set(ratings.elo) == {*first, *second}
    used = [row for row in rows if row[0] in ratings.rated and row[1] in ratings.rated]
    if set(ratings.rated) == set(ratings.elo):
        # All are rated: then all are linked, and the linear program agrees that there is a maximum.
        assert _has_a_maximum(rows)
    elif ratings.rated:
        assert _has_a_maximum(used)
    if not ratings.rated or set(ratings.rated) != set(ratings.elo):
        linked = _is_linked(rows)
        assert not (linked and _has_a_maximum(rows))
    for player, figure in ratings.elo.items():
        assert (figure.value is not None) == (player in ratings.rated)
        if figure.value is not None:
            assert abs(figure.value) < 5000
            expected = _expected_points(player, used, ratings)
            found = sum(_points_of(player, row) for row in used)
            assert expected == pytest.approx(found, abs=1e-6)
        else:
            assert figure.why_undefined


def _is_linked(rows: list[tuple[int, int, float]]) -> bool:
    reached = {rows[0][0]}
    for _ in rows:
        for first, second, _points in rows:
            if first in reached or second in reached:
                reached |= {first, second}
    return reached == {player for row in rows for player in row[:2]}


def _points_of(player: int, row: tuple[int, int, float]) -> float:
    return row[2] * (row[0] == player) + (1 - row[2]) * (row[1] == player)


def _expected_points(player: int, rows: list[tuple[int, int, float]], ratings: Ratings) -> float:
    """At the maximum each player is expected to make the points it made."""
    tie_parameter = ratings.tie_parameter.value if ratings.tie_parameter else 0.0
    total = 0.0
    for first, second, _ in rows:
        if player in (first, second):
            other = second if player == first else first
            half = np.exp((ratings.elo[player].value - ratings.elo[other].value) / ELO_PER_NAT / 2)
            total += (half + tie_parameter / 2) / (half + 1 / half + tie_parameter)
    return total


@given(COMPARISONS)
@settings(max_examples=60, deadline=None)
def test_polarity_and_order_of_sides(rows: list[tuple[int, int, float]]) -> None:
    first, second, points = (np.array(column) for column in zip(*rows, strict=True))
    ratings = fit_bradley_terry(first, second, points, prior_comparisons=1.0)
    turned = fit_bradley_terry(second, first, 1 - points, prior_comparisons=1.0)
    flipped = fit_bradley_terry(first, second, 1 - points, prior_comparisons=1.0)
    for player in ratings.rated:
        assert turned.elo[player].value == pytest.approx(ratings.elo[player].value, abs=1e-5)
        assert flipped.elo[player].value == pytest.approx(-ratings.elo[player].value, abs=1e-5)


def test_who_wins_or_loses_everything_is_undefined_and_told_which() -> None:
    first, second = ["a", "b", "b", "c", "c"], ["b", "c", "c", "d", "b"]
    ratings = fit_bradley_terry(first, second, [1, 1, 0, 1, 0.5])
    assert ratings.rated == ("b", "c")
    assert ratings.elo["a"] == Figure.undefined(
        1, "never lost towards the rated players: the rating is infinitely high"
    )
    assert ratings.elo["d"] == Figure.undefined(1, "never won towards the rated players: the rating is infinitely low")
    assert ratings.n == 3
    assert ratings.lead("a", "b").value is None
    assert "infinitely high" in (ratings.lead("a", "b").why_undefined or "")


def test_unlinked_players_are_undefined_even_with_a_prior() -> None:
    first, second, points = ["a", "b", "a", "x", "y"], ["b", "c", "c", "y", "x"], [1, 1, 0, 1, 1]
    for prior in (0.0, 1.0):
        ratings = fit_bradley_terry(first, second, points, prior_comparisons=prior)
        assert ratings.rated == ("a", "b", "c")
        assert ratings.elo["x"] == Figure.undefined(2, "no chain of comparisons leads to the rated players")


def test_players_between_two_worlds() -> None:
    """b beat both a rated player and e, who won nothing else: e is no better or worse than the rated ones can tell."""
    ratings = fit_bradley_terry(["r", "s", "b", "b"], ["s", "r", "r", "e"], [1, 1, 1, 1])
    assert ratings.elo["b"].value is None
    assert ratings.elo["e"].why_undefined == "linked to the rated players only through players who cannot be rated"


def test_a_weak_prior_rates_who_won_everything() -> None:
    first, second, points = ["a"] * 8 + ["b", "c"], ["b"] * 4 + ["c"] * 4 + ["c", "b"], [1] * 10
    plain = fit_bradley_terry(first, second, points)
    weak = fit_bradley_terry(first, second, points, prior_comparisons=1.0)
    strong = fit_bradley_terry(first, second, points, prior_comparisons=10.0)
    assert plain.elo["a"].value is None
    assert weak.elo["a"].value > strong.elo["a"].value > 0
    assert sum(figure.value for figure in weak.elo.values()) == pytest.approx(0.0, abs=1e-9)


def test_only_ties_have_no_maximum() -> None:
    ratings = fit_bradley_terry(["a", "b"], ["b", "a"], [0.5, 0.5])
    assert ratings.rated == ()
    assert "too many ties for the wins" in (ratings.elo["a"].why_undefined or "")
    assert ratings.tie_parameter == Figure.undefined(0, "nobody is rated")


def test_too_few_clusters_leave_values_without_intervals() -> None:
    first, second, points, _ = _simulated(400, 3)
    single = fit_bradley_terry(first, second, points, group_ids=["p"] * 400)
    assert single.elo[0].why_undefined == "one cluster only, an interval needs two"
    few = fit_bradley_terry(first, second, points, group_ids=np.arange(400) % 4)
    assert few.elo[0].why_undefined == "4 clusters are too few for the intervals of 4 parameters"
    assert few.lead(0, 1) == Figure.without_interval(
        few.lead(0, 1).value, 400, "4 clusters are too few for the intervals of 4 parameters"
    )
    balanced = fit_bradley_terry(["a", "b"] * 3, ["b", "a"] * 3, [1] * 6, group_ids=[0, 0, 1, 1, 2, 2])
    assert balanced.elo["a"].value == pytest.approx(0.0)
    assert "every cluster says the same" in (balanced.elo["a"].why_undefined or "")


def test_no_rows() -> None:
    ratings = fit_bradley_terry([], [], [])
    assert ratings.elo == {}
    assert ratings.tie_parameter == Figure.undefined(0, "no rows")


def test_invalid_calls_are_refused() -> None:
    with pytest.raises(ValueError, match="expected two different players a row, found one that meets itself at row 1"):
        fit_bradley_terry(["a", "b"], ["b", "b"], [1, 1])
    with pytest.raises(ValueError, match=r"first_points: expected only 0, 0\.5, 1, found 0\.7 at row 0"):
        fit_bradley_terry(["a"], ["b"], [0.7])
    with pytest.raises(ValueError, match="found first_players 1, second_players 2, first_points 1"):
        fit_bradley_terry(["a"], ["b", "c"], [1])
    with pytest.raises(ValueError, match="prior_comparisons: expected a finite number >= 0, found -1"):
        fit_bradley_terry(["a"], ["b"], [1], prior_comparisons=-1)
    with pytest.raises(ValueError, match="player: expected one of a, b, found 'z'"):
        fit_bradley_terry(["a", "b"], ["b", "a"], [1, 1]).lead("a", "z")
