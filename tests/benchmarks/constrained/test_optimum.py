"""The exact optimum of small tasks, against optimisation by brute force."""

import numpy as np
import pytest
from scipy.optimize import minimize

from benchmarks.constrained.optimum import ConstrainedTask, constrained_optimum, lagrangian_rest, worth_of


def made_up(seed=0, limit=0.0):
    rng = np.random.default_rng(seed)
    costs = rng.normal(size=(3, 4))
    return ConstrainedTask(costs + 0.5 * rng.normal(size=(3, 4)), costs, limit, 0.3)


REFERENCE = np.log(np.random.default_rng(9).dirichlet(np.ones(4), size=3))


@pytest.mark.parametrize("seed", range(3))
def test_no_policy_within_the_limit_is_better(seed):
    task = made_up(seed)
    best = constrained_optimum(task, REFERENCE)

    def log_policy(logits):
        logits = logits.reshape(3, 4)
        return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))

    found = minimize(
        lambda logits: -worth_of(task, log_policy(logits), REFERENCE).objective,
        REFERENCE.ravel(),
        constraints={
            "type": "ineq",
            "fun": lambda logits: task.limit - worth_of(task, log_policy(logits), REFERENCE).cost,
        },
        method="SLSQP",
        options={"maxiter": 500, "ftol": 1e-12},
    )
    assert best.worth.objective == pytest.approx(-found.fun, abs=1e-5)
    assert best.worth.cost == pytest.approx(task.limit, abs=1e-9)
    assert best.multiplier > 0


def test_a_limit_that_nothing_breaks_costs_nothing():
    task = made_up(limit=10.0)
    best = constrained_optimum(task, REFERENCE)
    assert best.multiplier == 0
    free = REFERENCE + task.rewards / task.divergence_weight
    assert np.allclose(best.log_policy, free - np.log(np.exp(free).sum(axis=1, keepdims=True)))


def test_a_limit_that_nothing_keeps_is_refused():
    with pytest.raises(ValueError, match="limit: expected one above"):
        constrained_optimum(made_up(limit=-5.0), REFERENCE)


@pytest.mark.parametrize("seed", range(3))
def test_the_published_procedure_rests_at_the_limit_where_it_climbs_no_more(seed):
    task = made_up(seed)
    rest, best = lagrangian_rest(task, REFERENCE), constrained_optimum(task, REFERENCE)
    assert rest.worth.cost == pytest.approx(task.limit, abs=1e-9)
    climbed = (task.rewards - rest.multiplier * task.costs) / (1 + rest.multiplier)
    flat = climbed - task.divergence_weight * (rest.log_policy - REFERENCE)
    assert np.allclose(flat, flat[:, :1]), "at rest no reply earns more than another"
    assert rest.worth.objective < best.worth.objective
    assert lagrangian_rest(made_up(seed, limit=10.0), REFERENCE).multiplier == 0


def test_a_limit_out_of_the_published_procedures_reach_is_refused():
    task = made_up(limit=-0.5)
    assert constrained_optimum(task, REFERENCE).worth.cost == pytest.approx(-0.5)
    with pytest.raises(ValueError, match="limit: expected one above"):
        lagrangian_rest(task, REFERENCE)


def test_the_reference_is_at_no_distance_from_itself():
    worth = worth_of(made_up(), REFERENCE, REFERENCE)
    assert worth.divergence == 0
    assert worth.objective == worth.reward
