"""The server's pages as browsers with a session see them, over ASGI; people of every role."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import httpx2
from argon2 import PasswordHasher

from plumbline.collect.api.app import ApiOptions
from plumbline.collect.server.app import make_server_app
from plumbline.collect.service.identity.passwords import Passwords
from plumbline.collect.service.opening import open_collecting
from plumbline.collect.service.samplers import SourceRules
from plumbline.collect.store.people import add_person, issue_session
from plumbline.collect.store.rows import Role
from plumbline.web.rate_limits import Rate
from plumbline.web.sessions import csrf_token
from tests.collect.dashboard.made_up import World, pair_item

UNLIMITED = Rate(1e9, 1_000_000)
HOME = "http://127.0.0.1"

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>'\"{{7*7}} \u202eabc 😀 \u0001\u2028 =1+1"
LONG = "x" * 100_000


def hostile_pair():
    item = pair_item(models=(HOSTILE[:100], "نموذج"), question=HOSTILE)
    item["sides"][0]["messages"][0]["text"] = LONG[:64_000]
    return item


@dataclass
class Browsing:
    """Gets and sends pages as somebody with a session; the clock is the world's."""

    world: World
    sessions: dict = field(default_factory=dict)

    def __post_init__(self):
        rules = SourceRules(Path())
        opened = open_collecting(self.world.store, rules, clock=lambda: self.world.now)
        self.collecting = replace(
            opened, passwords=Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        )
        self.app = make_server_app(self.collecting, rules, ApiOptions(per_token=UNLIMITED, per_address=UNLIMITED))
        self.runner = asyncio.Runner()
        self.http = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=self.app), base_url=HOME)

    def close(self):
        async def end():
            self.app.state.dashboards.close()
            await self.http.aclose()
            await self.collecting.samplers.close()

        self.runner.run(end())
        self.collecting.end_calls()
        self.runner.close()

    def somebody(self, role=Role.MANAGER, only_study_id=None):
        """The session of somebody new."""
        person = add_person(self.world.store, role, now=self.world.now, only_study_id=only_study_id)
        session = issue_session(
            self.world.store,
            person.id,
            now=self.world.now,
            expires_at=self.world.now + timedelta(days=30),
        )
        self.sessions[session] = person
        return session

    def __call__(self, method, path, session=None, **more):
        headers = {"Accept": "text/html", **more.pop("headers", {})}
        if session is not None:
            headers["Cookie"] = f"plumbline={session}"
            if method != "GET" and "X-CSRF-Token" not in headers:
                headers["X-CSRF-Token"] = csrf_token(session)
        return self.runner.run(self.http.request(method, path, headers=headers, **more))

    def page(self, path, session, status=200):
        """The text of a page."""
        answer = self("GET", path, session)
        assert answer.status_code == status, (answer.status_code, answer.text[-2000:])
        return answer.text
