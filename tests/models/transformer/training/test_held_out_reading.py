"""Held-out rows read by a trained model: what it says no number of is refused, before anything is calibrated on it."""

from types import SimpleNamespace

import numpy as np
import pytest

from plumbline.models.scored_model import Scores
from plumbline.models.training import TaskRows
from plumbline.models.transformer.training.held_out_reading import read_held_out
from plumbline.records import ModelError
from tests.models.made_up import goals, labels_table


@pytest.mark.parametrize("of_members", [False, True], ids=["heads", "ensemble"])
def test_a_model_that_gives_no_number_is_neither_calibrated_nor_measured(of_members):
    (goal,) = goals("moderation", labels_table(40))
    scores, members = np.zeros((40, 1)), np.zeros((40, 2))
    (members if of_members else scores)[7, 0] = np.nan
    model = SimpleNamespace(task="moderation", heads={}, read_conversations=lambda _: Scores(scores, members))
    held = frozenset(goal.rows.labels.places.group_ids.tolist())
    with pytest.raises(ModelError, match="PL-MOD-008") as refused:
        read_held_out(model, TaskRows(None, goal.rows.labels), held, 0.05)
    assert "none for 1 of 40" in str(refused.value)
    assert "--restart" in refused.value.advice, "there is no model yet that anything else could be asked of"
