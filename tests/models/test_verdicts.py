"""Harmful by the sign of a cost, or from a moderation model's threshold on; by nothing else."""

from types import SimpleNamespace

import numpy as np
import pytest

from plumbline.models.calibration import Calibration
from plumbline.models.verdicts import decides, is_harmful


def model(task, threshold):
    return SimpleNamespace(
        task=task, heads={"main": SimpleNamespace(calibration=Calibration(1.0, 0.0), threshold=threshold)}
    )


@pytest.mark.parametrize(
    ("task", "threshold", "harmful"),
    [
        ("cost", None, [False, False, True, True]),
        ("cost", 0.9, [False, False, True, True]),
        ("moderation", 0.5, [False, True, True, True]),
        ("moderation", 0.6, [False, False, True, True]),
        ("moderation", None, None),
        ("preference", 0.5, None),
    ],
)
def test_who_decides_and_how(task, threshold, harmful):
    judge, scores = model(task, threshold), np.array([-1.0, 0.0, 1.0, np.nan])
    assert decides(judge) == (harmful is not None)
    if harmful is None:
        with pytest.raises(ValueError, match="decides"):
            is_harmful(judge, scores)
    else:
        assert is_harmful(judge, scores).tolist() == harmful
