"""Requests to an ASGI application in this very process."""

import asyncio
import json
from dataclasses import dataclass

from plumbline.moderate.loaded_models import LoadedModel
from plumbline.moderate.service.app import AppOptions, make_app
from plumbline.moderate.service.served import served_models


@dataclass
class Answered:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.json["code"]


async def ask_async(app, method, path, body=None, headers=None):
    """What the application answers; the headers that are None are left out."""
    given = {"host": "127.0.0.1:8000", "content-type": "application/json"} | (headers or {})
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in given.items() if value is not None]
    raw = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": pairs,
        "client": ("127.0.0.1", 1),
        "query_string": b"",
    }
    messages = []

    async def receive():
        return {"type": "http.request", "body": raw, "more_body": False}

    async def send(message):
        messages.append(message)

    await app(scope, receive, send)
    start, *rest = messages
    headers = {name.decode().lower(): value.decode() for name, value in start["headers"]}
    return Answered(start["status"], headers, b"".join(message.get("body", b"") for message in rest))


def ask(app, method, path, body=None, **headers):
    return asyncio.run(
        ask_async(app, method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    )


def while_it_runs(app, *steps):
    """Each step done in turn while the service runs: an act, and what is true once the service has taken notice."""

    async def run():
        said, going = asyncio.Queue(), asyncio.Queue()
        await going.put({"type": "lifespan.startup"})
        running = asyncio.create_task(app({"type": "lifespan"}, going.get, said.put))
        assert (await said.get())["type"] == "lifespan.startup.complete"
        async with asyncio.timeout(20):
            for act, is_noticed in steps:
                act()
                while not is_noticed():
                    await asyncio.sleep(0.01)
        await going.put({"type": "lifespan.shutdown"})
        await running
        assert (await said.get())["type"] == "lifespan.shutdown.complete"

    asyncio.run(run())


def loaded(model, name):
    return LoadedModel(name, f"{name:0<64}", "d" * 64, is_synthetic=True, model=model)


def app_of(*models, policies=(), settings=None, **options):
    """An application over named models; each test has its own, for a queue belongs to one event loop."""
    return make_app(
        served_models([loaded(model, name) for name, model in models], policies, settings), AppOptions(**options)
    )
