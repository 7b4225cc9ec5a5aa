"""Rewards and costs: which way they point, what they mean, and what has none."""

import msgspec
import numpy as np
import pytest

from plumbline.models.scored_model import Scores, pair_probabilities
from plumbline.moderate.judging import TurnScores, turn_scores
from plumbline.moderate.requests import ScoredConversation
from plumbline.moderate.reward_scores import AskedReply, asked_replies, told_scores
from plumbline.moderate.rows import IMAGE, NO_TEXT, NOT_SCORED, Turn
from plumbline.records import Role
from plumbline.web.failures import InvalidBodyError

KIND, RUDE = "happy to help with that", "no go away"


def asked(*conversations):
    return asked_replies(msgspec.convert(list(conversations), list[ScoredConversation]))


def conversation(*replies, content="question?"):
    return {"messages": [{"role": "user", "content": content}], "replies": list(replies)}


def scored(model, *replies):
    (of_one,) = asked(conversation(*replies))
    return told_scores(model, of_one, turn_scores(model, [reply.turn for reply in of_one]))


def test_the_better_reply_has_the_higher_reward_and_of_two_the_models_own_probability(preference):
    kind, rude = scored(preference, KIND, RUDE)
    assert kind["reward"] > rude["reward"]
    own = pair_probabilities(preference, np.array(kind["reward"]), np.array(rude["reward"]))
    assert kind["best_probability"] == pytest.approx(float(own))
    assert kind["best_probability"] + rude["best_probability"] == pytest.approx(1)
    assert scored(preference, KIND)[0]["best_probability"] is None


def test_the_more_harmful_reply_has_the_higher_cost(cost):
    kind, rude = scored(cost, KIND, RUDE)
    assert rude["cost"] > 0 > kind["cost"]
    assert rude["unsafe_probability"] > 0.5 > kind["unsafe_probability"]


def test_what_has_no_score_is_an_error_and_takes_no_share(preference):
    replies = [AskedReply(Turn("a")), AskedReply(None, NO_TEXT), AskedReply(Turn("b")), AskedReply(Turn("c"))]
    told = told_scores(
        preference, replies, [TurnScores([1.0]), None, TurnScores([float("nan")]), TurnScores([1.0], truncated=True)]
    )
    assert [each["error"] and each["error"]["code"] for each in told] == [None, NO_TEXT, NOT_SCORED, None]
    assert [each["reward"] for each in told] == [1.0, None, None, 1.0]
    assert [each["best_probability"] for each in told] == [0.5, None, None, 0.5]
    assert [each["truncated"] for each in told] == [False, False, False, True]


def test_replies_share_what_was_said_before_and_blanks_and_images_are_not_scored():
    ((first, second, blank),) = asked(conversation("a", "b", " "))
    assert first.turn.before is second.turn.before
    assert blank == AskedReply(None, NO_TEXT)
    picture = [{"type": "image_url", "image_url": {"url": "x"}}]
    assert asked(conversation("a", content=picture)) == [[AskedReply(None, IMAGE)]]
    with pytest.raises(InvalidBodyError, match="no messages"):
        asked({"messages": [], "replies": ["a"]})
    with pytest.raises(InvalidBodyError, match="at most"):
        asked(*[conversation(*["a"] * 4096)] * 2)


def test_models_that_share_beginnings_are_asked_conversation_by_conversation():
    class Sharing:
        heads = ("reward",)

        def read_groups(self, groups, *, advance=None):
            assert advance is None
            self.groups = groups
            count = sum(map(len, groups))
            return Scores(np.arange(count, dtype=float)[:, None], truncated=np.arange(count) == 2)

    model = Sharing()
    (one,), (two, three) = asked(conversation("a"), conversation("b", "c"))
    turns = [one.turn, two.turn, three.turn, Turn("d"), Turn("e")]
    told = turn_scores(model, turns)
    assert [each.values for each in told] == [[0], [1], [2], [3], [4]]
    assert [each.truncated for each in told] == [False, False, True, False, False]
    assert [len(group) for group in model.groups] == [1, 2, 1, 1]
    assert model.groups[1][1] == [(Role.HUMAN, "question?"), (Role.ASSISTANT, "c")]


def test_a_linear_model_is_asked_for_what_its_tables_say(moderation):
    from plumbline.records import Message
    from plumbline.records.message import conversation_column

    turns = [Turn(RUDE, (Message(Role.HUMAN, "q"), Message(Role.ASSISTANT, "r"))), Turn(KIND)]
    talks = conversation_column([(*turn.before, Message(turn.role, turn.text)) for turn in turns])
    found = np.array([each.values for each in turn_scores(moderation, turns)])
    assert np.array_equal(found, moderation.read_conversations(talks).heads)
