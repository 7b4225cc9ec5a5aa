"""What each route answers."""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from plumbline.moderate.failures import nothing_moderates, nothing_scores
from plumbline.moderate.requests import ModerationRequest, ScoreRequest
from plumbline.moderate.reward_scores import asked_replies, told_scores
from plumbline.moderate.rows import rows_of
from plumbline.moderate.service import metrics
from plumbline.moderate.service.answers import Answer, json_answer
from plumbline.moderate.service.openapi import openapi_document
from plumbline.moderate.service.served import Served, ServedModel
from plumbline.web.json_bodies import decode_json

MODERATIONS, SCORE, MODELS, POLICIES = "/v1/moderations", "/v1/score", "/v1/models", "/v1/policies"
HEALTH, READINESS, METRICS, OPENAPI = "/healthz", "/readyz", "/metrics", "/openapi.json"
OPEN_PATHS = frozenset({HEALTH, READINESS})
"""For everybody, also where keys are asked for: they tell nothing but whether the service is up."""

Handler = Callable[[bytes], Awaitable[Answer]]


@dataclass
class Routes:
    """The routes over what is served.

    Attributes:
        is_ready: whether requests are welcome; false while it stops.
        started: seconds since 1970.
    """

    served: Served
    counted: metrics.Metrics
    is_ready: bool = True
    started: int = field(default_factory=lambda: int(time.time()))

    def table(self) -> dict[str, dict[str, Handler]]:
        """Path → method → what answers."""
        return {
            MODERATIONS: {"POST": self.moderations},
            SCORE: {"POST": self.score},
            MODELS: {"GET": self.models},
            POLICIES: {"GET": self.policies},
            HEALTH: {"GET": self.health},
            READINESS: {"GET": self.readiness},
            METRICS: {"GET": self.metrics},
            OPENAPI: {"GET": self.openapi},
        }

    async def moderations(self, body: bytes) -> Answer:
        """Each row judged by a model, and decided by a policy."""
        asked = decode_json(body, ModerationRequest)
        if not self.served.moderators:
            raise nothing_moderates()
        served = self.served.moderator(asked.model)
        teller = self.served.teller(served, asked.policy)
        rows = rows_of(asked)
        probabilities = await served.batcher.judge([turn for row in rows for turn in row.turns])
        results = teller.results(rows, probabilities)
        self.counted.decided(served.model.name, results)
        return json_answer({"id": _new_id("modr"), "model": served.model.version, "results": results})

    async def score(self, body: bytes) -> Answer:
        """Rewards and costs of replies."""
        asked = decode_json(body, ScoreRequest)
        if not self.served.scorers:
            raise nothing_scores()
        conversations = asked_replies(asked.conversations)
        turns = [reply.turn for replies in conversations for reply in replies if reply.turn is not None]
        models = []
        for served in self.served.chosen_scorers(asked.model):
            scores = iter(await served.batcher.judge(turns))
            told = []
            for replies in conversations:
                found = [None if reply.turn is None else next(scores) for reply in replies]
                told.append({"replies": told_scores(served.model.model, replies, found)})
            models.append({**_described(served), "conversations": told})
        return json_answer({"id": _new_id("score"), "object": "list", "models": models})

    async def models(self, _: bytes) -> Answer:
        """What is served, as OpenAI lists models, and which versions."""
        listed = [
            {
                "id": each.model.name,
                "object": "model",
                "created": self.started,
                "owned_by": "plumbline",
                **_described(each),
                **_cascade(each),
            }
            for each in self.served.all
        ]
        return json_answer({"object": "list", "data": listed})

    async def policies(self, _: bytes) -> Answer:
        """By what moderators decide now."""
        listed = [
            {"model": served.model.name, "digest": policy.digest, **policy.to_json()}
            for served in self.served.moderators
            for policy in self.served.policies_of(served)
        ]
        return json_answer({"object": "list", "data": listed})

    async def health(self, _: bytes) -> Answer:
        """The process is alive."""
        return json_answer({"status": "ok"})

    async def readiness(self, _: bytes) -> Answer:
        """Whether requests are welcome."""
        return json_answer({"status": "ready"}) if self.is_ready else json_answer({"status": "stopping"}, 503)

    async def metrics(self, _: bytes) -> Answer:
        """For Prometheus."""
        return Answer(self.counted.text(), content_type=metrics.CONTENT_TYPE)

    async def openapi(self, _: bytes) -> Answer:
        """What can be asked, as OpenAPI says it."""
        return json_answer(openapi_document())


def _described(served: ServedModel) -> dict[str, Any]:
    model = served.model
    return {
        "name": model.name,
        "task": model.task,
        "axis": model.model.axis,
        "heads": list(model.model.heads),
        "digest": model.digest,
        "data_digest": model.data_digest,
        "is_synthetic": model.is_synthetic,
    }


def _cascade(served: ServedModel) -> dict[str, Any]:
    """Of a cascade: its two models, where the first is not sure, and what it is worth on which rows."""
    told = served.model.cascade
    if told is None:
        return {}
    parts = {"first": told.first.version, "second": told.second.version}
    return {"cascade": {**parts, "unsure_above": told.low, "unsure_below": told.high, "figures": told.figures}}


def _new_id(kind: str) -> str:
    return f"{kind}-{secrets.token_hex(16)}"
