"""What our models say of replies, as TRL's reward functions; models and texts are made up."""

from dataclasses import replace

import numpy as np
import pytest

from plumbline.align.trl.forms import PolicyForm
from plumbline.align.trl.rewards import ReplyReward
from plumbline.records import ModelError
from tests.align import trl_task as task
from tests.models.transformer.tiny import tokenizer

ASKED = [[{"role": "user", "content": "ask"}]] * 3


class Short(task.WordModel):
    """Reads the last reply in part."""

    def read_groups(self, groups, *, advance=None):
        found = super().read_groups(groups, advance=advance)
        return replace(found, truncated=np.arange(len(found.heads)) == len(found.heads) - 1)


def test_a_score_of_a_part_ends_the_run():
    told = []
    reward = ReplyReward("cost", Short("cost", task.HARM), told=told.append)
    with pytest.raises(ModelError, match="PL-TRT-015") as caught:
        reward(ASKED, ["soft", "sharp", "dull"])
    assert caught.value.found.startswith("1 of 3")
    assert "dull" not in str(caught.value)
    assert told == []  # nor does λ move by it


def test_a_reply_is_judged_up_to_a_turn_marker_and_those_that_say_nothing_are_counted():
    form = PolicyForm.of(tokenizer(), 256, "toy")
    reward = ReplyReward("reward", task.WordModel("preference", task.WORTH), reply_text=form.prompts.reply_text)
    logged = {}
    written = [" soft\n\nHuman: sharp", "\n\nHuman: sharp\n\nAssistant: sharp", " sharp"]
    assert reward(ASKED, written, log_metric=logged.__setitem__) == [0.5, 0.0, 1.0]
    assert logged == {"reward/empty": pytest.approx(1 / 3)}
