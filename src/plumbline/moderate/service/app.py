"""The application: routes, and the middleware around them."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial

from plumbline.moderate.failures import unknown_host
from plumbline.moderate.policy_files import PolicyFiles
from plumbline.moderate.service.keys import KeyFile, NameKey, RequireKey
from plumbline.moderate.service.metrics import Metrics
from plumbline.moderate.service.openai_errors import OpenAIErrors
from plumbline.moderate.service.rates import LimitRates
from plumbline.moderate.service.request_log import RequestLog
from plumbline.moderate.service.routes import OPEN_PATHS, Handler, Routes
from plumbline.moderate.service.served import Served
from plumbline.records import PlumblineError
from plumbline.web.access_log import AccessLog
from plumbline.web.asgi import App, Message, Receive, Scope, Send, only_header
from plumbline.web.bodies import BodyLimits, BoundedBodies
from plumbline.web.failures import no_such_method, no_such_route, wrong_content_type
from plumbline.web.headers import SecurityHeaders
from plumbline.web.problems import ProblemErrors, detail_of, places_of
from plumbline.web.rate_limits import Rate
from plumbline.web.request_ids import RequestIds
from plumbline.web.sessions import is_loopback

LOG = logging.getLogger("plumbline.moderate")
RELOAD_SECONDS = 2.0
"""How often files of policies and keys are looked at."""
_JSON = re.compile(rb"application/json\s*(;.*)?", re.IGNORECASE)
_PORT = re.compile(r":\d{1,5}$")


@dataclass(frozen=True)
class AppOptions:
    """How the service is guarded.

    Attributes:
        keys: of those who may ask; None where everybody may, on loopback alone.
        rate: of requests with one key, and from one address without; None for no limit.
        bodies: limits of bodies.
        is_local: it listens on loopback; without keys only names of this very machine are answered to.
    """

    keys: KeyFile | None = None
    rate: Rate | None = None
    bodies: BodyLimits = field(default_factory=lambda: BodyLimits(most_bytes=32 << 20, seconds=60.0, most_depth=16))
    is_local: bool = True


def make_app(served: Served, options: AppOptions) -> ServiceApp:
    """The service as an ASGI application."""
    counted = Metrics()
    for each in served.all:
        for name, load in each.loads.items():
            counted.watch(name, load)
    routes = Routes(served, counted)
    table = routes.table()
    app: App = BoundedBodies(_Dispatch(table), options.bodies)
    if options.keys is not None:
        app = RequireKey(app, open_paths=OPEN_PATHS)
    if options.rate is not None:
        app = LimitRates(app, options.rate)
    if options.keys is not None:
        app = NameKey(app, options.keys)
    elif options.is_local:  # a page of another site has no key, whatever name it came under
        app = _LocalNames(app)
    app = RequestIds(AccessLog(SecurityHeaders(OpenAIErrors(ProblemErrors(app))), RequestLog(counted, table)))
    return ServiceApp(app, routes, options.keys)


class _Dispatch:
    """Path and method → handler."""

    def __init__(self, table: Mapping[str, Mapping[str, Handler]]) -> None:
        self._table = table

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            return
        methods = self._table.get(scope["path"])
        if methods is None:
            raise no_such_route()
        handler = methods.get(scope["method"])
        if handler is None:
            raise no_such_method(list(methods))
        # Of this type alone: a form of another site's page cannot send it without being asked about it first.
        if scope["method"] == "POST" and not _JSON.fullmatch(only_header(scope, b"content-type") or b""):
            raise wrong_content_type("application/json")
        answer = await handler((await receive()).get("body", b""))
        await answer.send(send)


@lru_cache(maxsize=64)
def _is_local(host: bytes) -> bool:
    return is_loopback(_PORT.sub("", host.decode("latin-1")).strip("[]"))


class _LocalNames:
    """Middleware: answers under names of this machine alone."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "http":
            host = only_header(scope, b"host")
            if host is None or not _is_local(host):
                raise unknown_host()
        await self._app(scope, receive, send)


class ServiceApp:
    """The whole: looks after its files while the service runs, and ends what is served when it does."""

    def __init__(self, app: App, routes: Routes, keys: KeyFile | None) -> None:
        self._app = app
        self._routes = routes
        files: Mapping[str, PolicyFiles | KeyFile | None] = {"policies": routes.served.policies, "keys": keys}
        self._files = {name: each for name, each in files.items() if each is not None}

    def stop(self) -> None:
        """From here on it is not ready, and every answer asks its client to ask elsewhere."""
        self._routes.is_ready = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send if self._routes.is_ready else partial(_send_last, send))
            return
        await receive()
        looking = [asyncio.create_task(self._look_after(name, files)) for name, files in self._files.items()]
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.stop()
        for each in looking:
            each.cancel()
        self._routes.served.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _look_after(self, name: str, files: PolicyFiles | KeyFile) -> None:
        failure = None
        while True:
            await asyncio.sleep(RELOAD_SECONDS)
            try:
                failure = await self._look_at(name, files, failure)
            except Exception as error:  # it must go on: nobody would start it again
                LOG.error("%s could not be looked at: %s at %s", name, type(error).__name__, places_of(error))

    async def _look_at(
        self, name: str, files: PolicyFiles | KeyFile, told: PlumblineError | None
    ) -> PlumblineError | None:
        """Takes files that changed; why they were not taken, which is told once."""
        if await asyncio.to_thread(files.reload_if_changed):
            LOG.warning("%s were replaced", name, extra={"told": {name: files.told()}})
            for line in self._routes.served.told() if files is self._routes.served.policies else ():
                LOG.warning(line)
            self._routes.counted.reloaded(name, "changed")
        elif files.failure is not None and files.failure is not told:
            why = {"code": files.failure.code, "detail": detail_of(files.failure), "advice": files.failure.advice}
            LOG.error("%s were not replaced", name, extra={"told": why})
            self._routes.counted.reloaded(name, "refused")
        return files.failure


async def _send_last(send: Send, message: Message) -> None:
    """Sends what is the connection's last answer."""
    if message["type"] == "http.response.start":
        message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
    await send(message)
