import numpy as np
import pytest
from scipy.linalg import block_diag
from scipy.sparse import csr_array

from plumbline.measure import worker_information
from plumbline.measure.worker_information import ability_errors


def tables(seed: int, sizes: list[int], workers: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Made-up information of scores in sets of linked items, of both, and of workers."""
    rng = np.random.default_rng(seed)
    sets = [np.eye(size) + 0.2 * np.ones((size, size)) + np.diag(rng.random(size)) for size in sizes]
    mixed = rng.normal(0, 0.1, (sum(sizes), workers)) * (rng.random((sum(sizes), workers)) < 0.3)
    return block_diag(*sets), mixed, 5.0 + rng.random(workers)


@pytest.mark.parametrize("sizes", [[3], [2, 1, 4, 1], [2] * 100, [70, 2, 90, 3]])
def test_errors_are_those_of_the_whole_inverse(sizes: list[int]) -> None:
    of_scores, mixed, own = tables(0, sizes, 7)
    shuffled = np.random.default_rng(1).permutation(len(of_scores))
    of_scores, mixed = of_scores[np.ix_(shuffled, shuffled)], mixed[shuffled]
    whole = np.block([[of_scores, mixed], [mixed.T, np.diag(own)]])
    errors, _ = ability_errors(csr_array(of_scores), csr_array(mixed), own)
    np.testing.assert_allclose(errors, np.sqrt(np.diag(np.linalg.inv(whole)))[len(of_scores) :], rtol=1e-10)


def test_what_is_no_maximum_has_no_errors() -> None:
    of_scores, mixed, own = tables(0, [2, 3], 4)
    saddle = of_scores - 3.0 * np.eye(5)
    for scores, workers in ((saddle, own), (of_scores, -own)):
        errors, why = ability_errors(csr_array(scores), csr_array(mixed), workers)
        assert np.isnan(errors).all()
        assert "do not tell how often" in why


def test_what_cannot_be_held_has_no_errors_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    of_scores, mixed, own = (csr_array(each) if each.ndim == 2 else each for each in tables(0, [3, 3], 4))
    monkeypatch.setattr(worker_information, "MOST_LINKED", 2)
    errors, why = ability_errors(of_scores, mixed, own)
    assert np.isnan(errors).all()
    assert "items that chains of comparisons link" in why
    monkeypatch.setattr(worker_information, "MOST_WORKERS", 3)
    errors, why = ability_errors(of_scores, mixed, own)
    assert np.isnan(errors).all()
    assert why.endswith("workers")
