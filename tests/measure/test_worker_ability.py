import numpy as np
import pytest
from scipy.special import expit

from plumbline.measure import worker_abilities


def test_known_truth_by_hand() -> None:
    # 7 of 10 right, half a judgement each way on top: 7.5 of 11; Wald on the log-odds scale.
    [figure] = worker_abilities([1.0] * 7 + [0.0] * 3, [0] * 10, worker_count=1)
    share = 7.5 / 11
    half = 1.959964 / np.sqrt(11 * share * (1 - share))
    odds = np.log(share / (1 - share))
    assert figure.value == pytest.approx(share)
    assert (figure.low, figure.high) == pytest.approx((expit(odds - half), expit(odds + half)), abs=1e-6)
    assert figure.n == 10


def test_doubt_about_the_truth_widens_the_interval_until_there_is_none() -> None:
    sure, doubtful, unknown = (
        worker_abilities([chance] * 20, [0] * 20, worker_count=1)[0] for chance in (1.0, 0.9, 0.5)
    )
    known = worker_abilities([1.0] * 18 + [0.0] * 2, [0] * 20, worker_count=1)[0]
    assert known.value == pytest.approx(doubtful.value)
    assert None not in (sure.low, known.low, known.high, doubtful.low, doubtful.high)
    assert doubtful.high - doubtful.low > known.high - known.low
    assert unknown.value == pytest.approx(0.5)
    assert unknown.low is not None  # the imaginary judgements tell what little there is
    tied = worker_abilities([0.5] * 20, [0] * 20, worker_count=1, prior_right=1e-9, prior_wrong=1e-9)[0]
    assert tied.low is None or tied.low < 1e-6


def test_no_judgements_no_ability() -> None:
    first, second = worker_abilities([1.0], [1], worker_count=2)
    assert first.value is None
    assert first.why_undefined == "no judgements"
    assert second.n == 1


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="prior_right, prior_wrong"):
        worker_abilities([1.0], [0], worker_count=1, prior_wrong=0.0)
    with pytest.raises(ValueError, match="prior_right, prior_wrong"):
        worker_abilities([1.0], [0], worker_count=1, prior_right=np.inf)
    with pytest.raises(ValueError, match="right_chances"):
        worker_abilities([1.5], [0], worker_count=1)


def test_the_smallest_prior_is_no_division_by_nothing() -> None:
    (ability,) = worker_abilities([1.0], [0], worker_count=1, prior_wrong=1e-320)
    assert ability.value == pytest.approx(1.0)
    assert ability.low is None
