"""A client of the API over ASGI, with the app's own event loop, a clock that only moves when told, and people."""

import asyncio
import itertools
import json
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
from argon2 import PasswordHasher

from plumbline.collect.api.app import ApiOptions, make_app
from plumbline.collect.service.identity.passwords import Passwords
from plumbline.collect.service.opening import open_collecting
from plumbline.collect.service.samplers import SourceRules
from plumbline.collect.store.database import Store
from plumbline.collect.store.people import add_person, issue_token
from plumbline.collect.store.rows import Role
from plumbline.web.rate_limits import Rate
from tests.collect.api.documented_answers import check_answer

START = datetime(2026, 11, 21, 9, 0, 0, 123456, tzinfo=UTC)
EXAMPLES = Path(__file__).parents[3] / "src/plumbline/collect/examples"
UNLIMITED = Rate(1e9, 1_000_000)
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
HOME = "http://127.0.0.1/api/v1"
"""Where a browser on the server's own machine finds it; elsewhere nobody logs in without TLS."""


@dataclass
class Api:
    """Calls the API as one of several people; `owner` and others are tokens."""

    store: Store
    rules: SourceRules = field(default_factory=lambda: SourceRules(EXAMPLES))
    options: ApiOptions = field(default_factory=lambda: ApiOptions(per_token=UNLIMITED, per_address=UNLIMITED))
    now: datetime = START
    wrap: object = None
    make_pool: object = None
    knowing: "Api | None" = None
    """Of a store that was copied: the API that filled it, whose people, keys and clock go on here."""

    def __post_init__(self):
        opened = open_collecting(self.store, self.rules, clock=lambda: self.now)
        self.collecting = replace(opened, passwords=Passwords(CHEAP))
        if self.make_pool is not None:
            self.collecting = replace(self.collecting, samplers=self.make_pool)
        self.app = make_app(self.collecting, self.rules, self.options)
        served = self.wrap(self.app) if self.wrap else self.app
        self.runner = asyncio.Runner()
        self.http = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=served), base_url="http://server.example/api/v1"
        )
        if self.knowing is not None:
            known = self.knowing
            self.keys, self.ids, self.owner, self.now = copy(known.keys), dict(known.ids), known.owner, known.now
            return
        self.keys = itertools.count()
        self.ids = {}
        self.owner = self.somebody(Role.OWNER)

    def close(self):
        async def end():
            await self.http.aclose()
            await self.collecting.samplers.close()

        self.runner.run(end())
        self.collecting.end_calls()
        self.runner.close()

    def wait(self, **duration):
        self.now += timedelta(**duration)

    def somebody(self, role=Role.WORKER, only_study_id=None):
        person = add_person(self.store, role, now=self.now, only_study_id=only_study_id)
        token = issue_token(self.store, person.id, now=self.now, expires_at=self.now + timedelta(days=30))
        self.ids[token] = person
        return token

    def together(self, *requests):
        """Several requests at once, each (method, path, token, keywords)."""

        async def all_of():
            return await asyncio.gather(*(self._send(*request) for request in requests))

        return self.runner.run(all_of())

    def __call__(self, method, path, token=None, **more):
        return self.runner.run(self._send(method, path, token, more))

    async def _send(self, method, path, token, more):
        headers = dict(more.pop("headers", {}))
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if "key" in more:
            headers["Idempotency-Key"] = more.pop("key")
        response = await self.http.request(method, path, headers=headers, **more)
        check_answer(self.app, response)
        return response

    # --- what tests do again and again ---

    def got(self, *args, status=200, **more):
        response = self(*args, **more)
        assert response.status_code == status, (response.status_code, response.text)
        return response.json()

    def problem(self, *args, status, code, **more):
        response = self(*args, **more)
        assert response.headers["content-type"] == "application/problem+json", response.text
        document = response.json()
        assert (response.status_code, document["code"]) == (status, code), document
        assert document["status"] == status
        assert document["advice"]
        return document

    def study(self, text, guidelines="Read both."):
        return self.got("POST", "/studies", self.owner, json={"file": text, "guidelines": guidelines}, status=201)

    def example(self, name):
        """A study of the examples, with its items; its name."""
        text = (EXAMPLES / f"{name}.toml").read_text()
        return self.study(text)["name"]

    def enter(self, study, file, purpose="work"):
        data = (EXAMPLES / "data" / file).read_bytes()
        return self.got("POST", f"/studies/{study}/items?purpose={purpose}", self.owner, content=data)

    def next(self, study, token, queue=""):
        return self.got("POST", f"/studies/{study}/{queue + '/' if queue else ''}next", token)

    def key(self):
        return f"key-{next(self.keys):08}"

    def submit(self, work, token, *, key=None, **submission):
        body = {"fence": work["fence"], "guidelines_version": 1, "submission": submission}
        return self("POST", f"/assignments/{work['assignment']}/submit", token, json=body, key=key or self.key())

    def submitted(self, work, token, **submission):
        response = self.submit(work, token, **submission)
        assert response.status_code == 200, response.text
        return response.json()

    def say(self, work, token, turn, text):
        body = {"fence": work["fence"], "turn": turn, "text": text}
        return self("POST", f"/assignments/{work['assignment']}/turn", token, json=body)

    def step(self, work, token):
        return self.got("POST", f"/assignments/{work['assignment']}/step", token)["step"]


def toml(kind="pairs", **settings):
    """The text of a small study file."""
    given = {"name": "s", "kind": kind, "tranche": "base", "guidelines": "g.md", "lease_minutes": 30} | settings
    if kind == "pairs":
        given = {"axes": ["helpfulness"], "items": "x.jsonl"} | given
    tables = {name: value for name, value in given.items() if isinstance(value, dict)}
    lines = [f"{name} = {json.dumps(value)}" for name, value in given.items() if name not in tables]
    for name, table in tables.items():
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
    return "\n".join(lines)


def rows(*pairs):
    """Comparisons as hh-rlhf writes them, which `items` takes."""
    return b"\n".join(
        json.dumps(
            {
                "prompt": question,
                "response_0": first,
                "response_1": second,
                "is_response_0_safe": True,
                "is_response_1_safe": True,
                "better_response_id": 0,
                "safer_response_id": 0,
            }
        ).encode()
        for question, first, second in pairs
    )
