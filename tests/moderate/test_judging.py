"""What a service is told of a turn is what a table's row would be told, with all that was said before it."""

import numpy as np

from plumbline.moderate.judging import turn_probabilities, turn_scores
from plumbline.moderate.rows import Turn
from plumbline.records import Message, Role, conversation_column

ASKED = Message(Role.HUMAN, "question number 1?")
BEFORE = (ASKED, Message(Role.ASSISTANT, "no go away"), Message(Role.HUMAN, "no go away then"))
TURNS = [Turn("no go away", (ASKED,)), Turn("happy to help with that"), Turn("of course see below", BEFORE)]


def test_a_turn_is_scored_as_the_last_of_its_conversation(moderation, preference, cost):
    talks = conversation_column([(*turn.before, Message(Role.ASSISTANT, turn.text)) for turn in TURNS])
    for model in (moderation, preference, cost):
        expected = model.read_conversations(talks).heads
        assert np.allclose([each.values for each in turn_scores(model, TURNS)], expected, rtol=0, atol=1e-9)
        chances = np.stack(
            [
                head.calibration.probabilities(column)
                for head, column in zip(model.heads.values(), expected.T, strict=True)
            ],
            axis=1,
        )
        assert np.allclose([each.values for each in turn_probabilities(model, TURNS)], chances, rtol=0, atol=1e-9)


def test_what_was_said_before_is_read(cost, moderation, preference):
    """By whichever of the models reads prompts at all."""
    alone = [Turn(turn.text) for turn in TURNS]
    differ = [
        [
            said.values != by_itself.values
            for said, by_itself in zip(turn_scores(model, TURNS), turn_scores(model, alone), strict=True)
        ]
        for model in (cost, moderation, preference)
    ]
    assert [True, False, True] in differ
