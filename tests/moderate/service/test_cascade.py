"""A cascade behind the service: each result says who answered, and one that nobody could judge is an error."""

import msgspec
import numpy as np
import pytest

from plumbline.models.calibration import Calibration
from plumbline.models.cascade.model import Band, Cascade
from plumbline.models.scored_model import Scores
from plumbline.moderate.judging import turn_probabilities
from plumbline.moderate.rows import Turn
from plumbline.moderate.service.openapi import openapi_document
from plumbline.moderate.service.served import served_models
from tests.moderate.service.asking import app_of, ask, loaded

KIND, RUDE, DOUBT = "happy to help with that", "no go away", "figure"


class Answers:
    """Says one number of every text, or fails; has the heads of another model."""

    def __init__(self, like, number):
        self.heads, self.number, self.asked = like.heads, number, []
        self.task, self.axis, self.ensemble = "moderation", None, None

    def read_conversations(self, conversations, **_):
        self.asked += [messages[-1]["text"] for messages in conversations.to_pylist()]
        if self.number is None:
            raise RuntimeError(self.asked[-1])
        return Scores(self._scores(len(conversations)))

    def _scores(self, count):
        columns = [(self.number - head.calibration.offset) / head.calibration.scale for head in self.heads.values()]
        return np.tile(columns, (count, 1))


@pytest.fixture
def cascade(moderation):
    """Sure of the kind and the rude reply, not of one it has never seen."""
    texts = dict(zip((KIND, RUDE, DOUBT), chances(moderation), strict=True))
    assert texts[KIND] < texts[DOUBT] < texts[RUDE]
    band = Band((texts[KIND] + texts[DOUBT]) / 2, (texts[DOUBT] + texts[RUDE]) / 2)
    return Cascade(moderation, Answers(moderation, 5.0), band, dict.fromkeys(moderation.heads, 0.5))


def chances(model):
    return [each.values[0] for each in turn_probabilities(model, [Turn(text) for text in (KIND, RUDE, DOUBT)])]


def results(app, **asked):
    answer = ask(app, "POST", "/v1/moderations", asked)
    assert answer.status == 200, answer.body
    return answer.json["results"]


def test_each_result_says_who_answered(cascade):
    app = app_of(("cas", cascade))
    kind, rude, doubt, blank = results(app, input=[KIND, RUDE, DOUBT, " "])
    assert [each["answered_by"] for each in (kind, rude, doubt, blank)] == ["first", "first", "second", None]
    assert [each["flagged"] for each in (kind, rude, doubt, blank)] == [False, True, True, True]
    assert doubt["category_scores"]["unsafe"] == pytest.approx(Calibration().probabilities(5.0))
    assert doubt["judged_by"]["model"].startswith("cas@")
    assert cascade.second.asked == [DOUBT]
    metrics = ask(app, "GET", "/metrics").body.decode()
    assert 'plumbline_turns_total{model="cas/first"} 3.0' in metrics
    assert 'plumbline_turns_total{model="cas/second"} 1.0' in metrics


def test_each_turn_of_a_conversation_says_who_answered_and_the_row_who_judged_the_worst(cascade):
    said = [("user", "q"), ("assistant", KIND), ("user", "q"), ("assistant", DOUBT)]
    (row,) = results(app_of(("cas", cascade)), messages=[{"role": role, "content": text} for role, text in said])
    kind, doubt = row["turns"]
    # With the question before it the first may be sure or not; whoever answered says so.
    assert {kind["answered_by"], doubt["answered_by"]} <= {"first", "second"}
    worst = max(row["turns"], key=lambda turn: turn["category_scores"]["unsafe"])
    assert row["answered_by"] == worst["answered_by"]


def test_where_the_second_fails_nothing_was_judged(cascade):
    cascade.second.number = None
    kind, doubt = results(app_of(("cas", cascade)), input=[KIND, DOUBT])
    assert (kind["error"], kind["answered_by"]) == (None, "first")
    assert (doubt["error"]["code"], doubt["flagged"], doubt["answered_by"]) == ("PL-MDR-022", True, None)
    assert set(doubt["category_scores"].values()) == {None}


def test_a_model_by_itself_says_nothing_of_it_and_the_document_knows_both(moderation, cascade):
    (alone,) = results(app_of(("mod", moderation)), input=KIND)
    assert "answered_by" not in alone
    schema = openapi_document()["components"]["schemas"]["Moderation"]["properties"]["results"]["items"]
    assert set(results(app_of(("cas", cascade)), input=KIND)[0]) <= set(schema["properties"])
    assert set(alone) >= set(schema["required"])


def test_the_first_has_the_quick_queue_and_the_second_the_slow_one(cascade, moderation):
    served = served_models([loaded(cascade, "cas"), loaded(moderation, "mod")])
    assert list(served.moderators[0].loads) == ["cas/first", "cas/second"]
    assert list(served.moderators[1].loads) == ["mod"]
    served.close()
    listed = ask(app_of(("cas", cascade)), "GET", "/v1/models")
    assert msgspec.json.decode(listed.body)["data"][0]["heads"] == list(cascade.heads)
