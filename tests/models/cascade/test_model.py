"""A cascade of made-up models: who is asked for what, and that each answer is to the last bit the answering model's own."""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pytest

from plumbline.models.calibration import Calibration
from plumbline.models.cascade.model import Band, Cascade
from plumbline.models.scored_model import ScoredModel, Scores, SharesBeginnings
from plumbline.records import Message, Role, conversation_column


@dataclass(frozen=True)
class Head:
    calibration: Calibration
    threshold: float | None = 0.5
    pair_calibration: Calibration | None = None


@dataclass
class Spelled:
    """Reads the number that a text spells as the score of every head; keeps what it was asked."""

    scale: float
    offset: float
    truncates: bool = False
    asked: list[str] = field(default_factory=list)
    task, axis, ensemble = "moderation", None, None

    @property
    def heads(self):
        return {name: Head(Calibration(self.scale, self.offset)) for name in ("unsafe", "animal_abuse")}

    def read_conversations(self, conversations, *, advance=None):
        texts = [messages[-1]["text"] for messages in conversations.to_pylist()]
        self.asked += texts
        if advance:
            advance(len(texts), len(texts))
        numbers = np.array([float(text) for text in texts])
        truncated = np.ones(len(texts), bool) if self.truncates else None
        return Scores(np.stack([numbers, numbers / 2], axis=1), truncated=truncated)

    def read_pairs(self, comparisons):
        sides = comparisons["continuations"].to_pylist()
        said = [[(Message(Role.ASSISTANT, side[-1]["text"]),) for side in both] for both in sides]
        return self.read_conversations(conversation_column([each for both in said for each in both])).of_pairs()


def column(*texts):
    return conversation_column([(Message(Role.HUMAN, "q"), Message(Role.ASSISTANT, text)) for text in texts])


def pairs(*sides):
    message = [[[{"role": "assistant", "text": text}] for text in both] for both in sides]
    return pa.table({"continuations": pa.array(message)})


@pytest.fixture
def cascade():
    """The first is sure of scores at or below -2 and at or above 2."""
    low, high = Calibration(1, 0).probabilities(np.array([-2.0, 2.0]))
    return Cascade(
        Spelled(1, 0), Spelled(0.3, -1, truncates=True), Band(low, high), {"unsafe": 0.4, "animal_abuse": 1.0}
    )


def own(model, texts):
    scores = model.read_conversations(column(*texts)).heads
    columns = zip(model.heads.values(), scores.T, strict=True)
    return np.stack([head.calibration.probabilities(each) for head, each in columns], axis=1)


def test_each_text_has_the_answer_of_the_model_that_answers_and_the_sure_ones_are_not_asked(cascade):
    assert isinstance(cascade, SharesBeginnings)
    model: ScoredModel = cascade
    texts = ["-3", "0.5", "2", "-2", "1.9", "nan"]
    told = []
    read = model.read_conversations(column(*texts), advance=lambda done, total: told.append((done, total)))
    probabilities = np.stack(
        [head.calibration.probabilities(each) for head, each in zip(model.heads.values(), read.heads.T, strict=True)],
        axis=1,
    )
    unsure = np.array([False, True, False, False, True, True])
    assert cascade.second.asked == ["0.5", "1.9", "nan"], "what the first gives no number for goes to the second"
    np.testing.assert_array_equal(probabilities[~unsure], own(Spelled(1, 0), texts)[~unsure])
    np.testing.assert_array_equal(probabilities[unsure], own(Spelled(0.3, -1), texts)[unsure])
    assert read.truncated.tolist() == unsure.tolist()
    assert told[-1] == (6, 6)
    assert [head.threshold for head in model.heads.values()] == [0.4, 1.0]


def test_where_the_first_is_sure_of_all_the_second_is_never_asked(cascade):
    read = cascade.read_conversations(column("-3", "7"))
    assert cascade.second.asked == []
    assert read.truncated.tolist() == [False, False]
    assert cascade.read_conversations(column()).heads.shape == (0, 2)


def test_an_answer_does_not_depend_on_the_others_of_its_batch(cascade):
    texts = ["-3", "0.5", "2", "-1", "1.9"]
    together = cascade.read_conversations(column(*texts)).heads
    alone = np.concatenate([cascade.read_conversations(column(text)).heads for text in texts])
    np.testing.assert_array_equal(together, alone)


def test_pairs_and_groups_are_answered_as_each_text_alone(cascade):
    sides = [("-3", "5"), ("0.5", "9"), ("-4", "1"), ("0.1", "0.2")]
    flat = [text for both in sides for text in both]
    alone = cascade.read_conversations(column(*flat))
    of_pairs = cascade.read_pairs(pairs(*sides))
    np.testing.assert_array_equal(of_pairs.heads.reshape(8, 2), alone.heads)
    assert of_pairs.truncated.reshape(8).tolist() == alone.truncated.tolist()
    asked = len(cascade.second.asked)
    groups = [[[(Role.HUMAN, "q"), (Role.ASSISTANT, text)] for text in both] for both in sides]
    np.testing.assert_array_equal(cascade.read_groups(groups).heads, alone.heads)
    assert cascade.second.asked[asked:] == ["0.5", "1", "0.1", "0.2"]


def test_a_band_turned_round_is_refused_and_of_a_number_that_is_none_nobody_is_sure():
    with pytest.raises(ValueError, match="low"):
        Band(0.6, 0.4)
    band = Band(0.2, 0.8)
    assert band.sure(np.array([0.2, 0.3, 0.8, np.nan])).tolist() == [True, False, True, False]
    assert [band.is_sure([chance, 0.1]) for chance in (0.2, 0.3, 0.8, np.nan)] == [True, False, True, False]
    assert not band.is_sure([0.1, np.nan]), "a head without a number"
