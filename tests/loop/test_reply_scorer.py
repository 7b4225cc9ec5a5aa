"""A model as what best-of-k ranks by: the better reply scores higher, whatever the model's scores mean."""

import numpy as np
import pytest

from plumbline.loop.reply_scorer import ModelScorer, open_reply_scorer
from plumbline.loop.synthetic.corpus import write_synthetic_corpus
from plumbline.loop.training.run import TrainingRun, run_training
from plumbline.models.scored_model import Scores
from plumbline.records import Message, Role, SourceError, conversation_column

CONVERSATIONS = [(Message(Role.HUMAN, "Hello"), Message(Role.ASSISTANT, text)) for text in ("mild", "harsh", "worst")]


class MadeUp:
    """Scores the replies 1, 2, 3."""

    def __init__(self, task):
        self.task = task

    def read_conversations(self, conversations, *, advance=None):
        assert advance is None
        assert len(conversations) == 3
        return Scores(np.array([[1.0, 9.0], [2.0, 9.0], [3.0, 9.0]]))


class SharesBeginnings(MadeUp):
    """A model that reads groups."""

    def read_groups(self, groups, *, advance=None):
        assert advance is None
        assert [len(group) for group in groups] == [3]
        assert groups[0][1] == [(Role.HUMAN, "Hello"), (Role.ASSISTANT, "harsh")]
        return Scores(np.array([[1.0], [2.0], [3.0]]))


@pytest.mark.parametrize("model", [MadeUp, SharesBeginnings])
@pytest.mark.parametrize(("task", "best"), [("preference", 2), ("cost", 0), ("moderation", 0)])
def test_higher_is_better_for_every_task(model, task, best):
    scores = ModelScorer(model(task)).scores(CONVERSATIONS)
    assert scores.shape == (3,)
    assert scores.dtype == np.float64
    assert scores.argmax() == best


def test_a_trained_model_and_a_folder_without_one(tmp_path):
    write_synthetic_corpus(tmp_path / "corpus", scale=0.1)
    run = TrainingRun("preference", (str(tmp_path / "corpus/harmless-synthetic"),), tmp_path / "model", settings={})
    run_training(run)
    scorer = open_reply_scorer(tmp_path / "model")
    expected = scorer.model.read_conversations(conversation_column(CONVERSATIONS)).heads[:, 0]
    assert np.array_equal(scorer.scores(CONVERSATIONS), expected)
    with pytest.raises(SourceError):
        open_reply_scorer(tmp_path / "corpus")
