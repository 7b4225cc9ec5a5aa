"""Scores of transcripts: lower = more harmful whatever the model, the most harmful turn counts, one pass a transcript."""

from dataclasses import replace

import numpy as np
import pytest

from plumbline.models.linear.default_features import training_options
from plumbline.models.scored_model import Scores
from plumbline.models.training import train_task
from plumbline.models.transformer.model import ScoringSettings
from plumbline.records import Axis, Kind, Role, UsageError
from plumbline.redteam import transcript_scores as module
from plumbline.redteam.transcript_scores import score_transcripts, with_scores
from tests.models.made_up import BAD, GOOD, pairs_table
from tests.models.transformer import tiny
from tests.models.transformer.test_saving import made
from tests.redteam.made_up import assistant, human, table_of

KIND, RUDE = GOOD[1], BAD[0]
TALKS = [
    (human("a question"), assistant(KIND), human("and?"), assistant(RUDE), human("so?"), assistant(KIND)),
    (human("a question"), assistant(KIND), human("and?"), assistant(KIND)),
]


class ByWords:
    """Rewards kind words by 1, punishes rude ones by −1; `sign` turns it into a cost."""

    def __init__(self, task="preference", axis=Axis.HARMLESSNESS, sign=1.0):
        self.task, self.axis, self.sign, self.read = task, axis, sign, []

    def read_conversations(self, conversations, *, advance):
        advance(0, len(conversations))
        self.read.append(conversations.to_pylist())
        last = [messages[-1]["text"] for messages in self.read[-1]]
        scores = [np.nan if text == "nonsense" else -1.0 if text == RUDE else 1.0 for text in last]
        return Scores(self.sign * np.array(scores)[:, None])


def trained(*, flipped):
    table = pairs_table(axis="harmlessness", flipped=flipped)
    options = training_options("preference", {"features": "words"})
    return train_task({Kind.COMPARISONS: table}, "preference", options, place="made-up").model


def test_labels_flipped_flip_the_order_of_scores():
    attempts = table_of([(human("a question"), assistant(RUDE)), (human("a question"), assistant(KIND))])
    rude, kind = score_transcripts(trained(flipped=False), attempts).attempts["transcript_score"].to_pylist()
    assert rude < kind
    rude, kind = score_transcripts(trained(flipped=True), attempts).attempts["transcript_score"].to_pylist()
    assert rude > kind


@pytest.mark.parametrize("model", [ByWords(), ByWords("cost", None, sign=-1.0)], ids=["reward", "cost"])
def test_a_transcript_has_the_score_of_its_most_harmful_turn(model):
    found = score_transcripts(model, table_of(TALKS, task_description=[RUDE, KIND]))
    assert found.attempts["transcript_score"].to_pylist() == [-1.0, 1.0]
    assert found.attempts["lowest_turn"].to_pylist() == [1, 0]
    assert found.attempts["description_score"].to_pylist() == [-1.0, 1.0]
    assert found.turns["score"].to_pylist() == [1.0, -1.0, 1.0, 1.0, 1.0]
    assert found.turns["message"].to_pylist() == [1, 3, 5, 1, 3]
    assert found.unscored == {}


def test_all_turns_of_all_transcripts_are_one_batch_and_each_is_read_with_what_came_before():
    model = ByWords()
    score_transcripts(model, table_of(TALKS, task_description=["intent", None]))
    (read,) = model.read
    assert [len(messages) for messages in read] == [2, 4, 6, 2, 4, 1]
    assert [(message["role"], message["text"]) for message in read[-1]] == [("human", "intent")]


def test_transcripts_too_long_to_be_held_are_read_in_portions_and_score_the_same(monkeypatch):
    whole, told = score_transcripts(ByWords(), table_of(TALKS)), []
    monkeypatch.setattr(module, "_MOST_MESSAGES", 6)
    model = ByWords()
    parts = score_transcripts(model, table_of(TALKS), advance=lambda *done: told.append(done))
    assert [[len(messages) for messages in read] for read in model.read] == [[2, 4], [6], [2, 4]]
    assert parts == whole
    assert told == [(0, 2), (0, 2), (1, 2)]  # 0, 2 and 3 of 5 turns


def test_what_cannot_be_scored_has_no_score_and_is_counted():
    nothing_said = [(human("a question"),), (human("a question"), assistant("  "))]
    partly_blank = (human("a question"), assistant(""), human("well?"), assistant(KIND))
    no_number = (human("a question"), assistant(KIND), human("and?"), assistant("nonsense"))
    attempts = table_of(
        [*nothing_said, partly_blank, no_number],
        task_description=[None, " ", "nonsense", KIND],
        transcript_score=[0.5, None, None, 0.25],
    )
    found = score_transcripts(ByWords(), attempts)
    assert found.attempts["transcript_score"].to_pylist() == [None, None, 1.0, None]
    assert found.attempts["description_score"].to_pylist() == [None, None, None, 1.0]
    assert found.unscored == {"PL-RTS-002": 2, "PL-RTS-003": 2, "PL-RTS-004": 2, "PL-RTS-005": 2}
    assert found.turns["why_unscored"].to_pylist() == ["PL-RTS-003", "PL-RTS-003", None, None, "PL-RTS-005"]
    assert with_scores(attempts, found)["transcript_score"].to_pylist() == [None, None, 1.0, None]
    assert found.attempts["former_transcript_score"].to_pylist() == [0.5, None, None, 0.25]


def test_attempts_of_one_source_and_row_keep_their_own_turns():
    found = score_transcripts(ByWords(), table_of(TALKS, row=[0, 0]))
    assert found.attempts["transcript_score"].to_pylist() == [-1.0, 1.0]
    assert found.attempts["lowest_turn"].to_pylist() == [1, 0]


@pytest.mark.parametrize(
    "model", [ByWords(axis=Axis.HELPFULNESS), ByWords(axis=Axis.OVERALL), ByWords("moderation", None)]
)
def test_models_of_something_else_are_refused(model):
    with pytest.raises(UsageError, match="PL-RTS-001"):
        score_transcripts(model, table_of(TALKS))


@pytest.fixture(scope="module")
def transformer(tmp_path_factory):
    base = tiny.save(tmp_path_factory.mktemp("base") / "llama", tiny.llama(), tiny.tokenizer())
    return replace(made(base), axis=Axis.HARMLESSNESS)


def test_a_transformer_reads_each_transcript_once(transformer, monkeypatch):
    talk = [
        (Role.HUMAN, "how do I make tea"),
        (Role.ASSISTANT, "boil the water"),
        (Role.HUMAN, "then"),
        (Role.ASSISTANT, "wait"),
    ]
    attempts = table_of([tuple((human if role is Role.HUMAN else assistant)(text) for role, text in talk)] * 3)
    score_transcripts(transformer, attempts)  # the self-check of trees reads, too, and only once
    tokens = []
    forward = transformer.scorer.trunk.forward
    monkeypatch.setattr(
        transformer.scorer.trunk,
        "forward",
        lambda **given: tokens.append(given["input_ids"].numel()) or forward(**given),
    )
    found = score_transcripts(transformer, attempts)
    assert len(tokens) == 1
    alone = transformer.encoder.encode([talk]).sequences[0]
    # Each turn ends in a token of its own; nothing else stands twice.
    assert tokens[0] <= 3 * (len(alone) + 2)
    assert len(set(found.attempts["transcript_score"].to_pylist())) == 1


def test_trees_give_the_scores_of_turns_read_one_by_one(transformer):
    attempts = table_of(TALKS, task_description=["intent", "another"])
    plain = replace(transformer, scoring=ScoringSettings(as_trees=False))
    shared, alone = score_transcripts(transformer, attempts), score_transcripts(plain, attempts)
    for name in ("transcript_score", "description_score"):
        assert np.allclose(shared.attempts[name].to_numpy(), alone.attempts[name].to_numpy(), atol=1e-5)
    assert np.allclose(shared.turns["score"].to_numpy(), alone.turns["score"].to_numpy(), atol=1e-5)
    assert shared.turns["truncated"].to_pylist() == [False] * 5
