"""How many requests one token or session may make: a bucket that fills again at a steady rate.

Counted in one process: with n server processes, n times as many come through. It keeps a runaway client from crowding
out the others; who means harm is kept off by the proxy.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from plumbline.web.asgi import App, Receive, Scope, Send, client_address
from plumbline.web.failures import too_many_requests
from plumbline.web.problems import problem_of, send_problem
from plumbline.web.sessions import any_session
from plumbline.web.tokens import read_token


@dataclass(frozen=True, slots=True)
class Rate:
    """A steady rate, and how many may come at once."""

    per_second: float
    at_once: int


class Buckets:
    """One bucket a name; those that were not asked for the longest are forgotten, which fills them."""

    def __init__(self, rate: Rate, *, clock: Callable[[], float] = time.monotonic, most: int = 10_000) -> None:
        """Buckets.

        Args:
            clock: seconds that never go back.
            most: names to remember.
        """
        self._rate = rate
        self._clock = clock
        self._most = most
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str) -> float:
        """Takes one; 0 where there was one, else the seconds until there is."""
        now = self._clock()
        level, then = self._levels.pop(name, (float(self._rate.at_once), now))
        level = min(float(self._rate.at_once), level + (now - then) * self._rate.per_second)
        wait = 0.0 if level >= 1 else (1 - level) / self._rate.per_second
        self._levels[name] = (level if wait else level - 1, now)
        if len(self._levels) > self._most:
            self._levels.popitem(last=False)
        return wait


class RateLimits:
    """Middleware: a bucket for each token or session, and one for each address that comes without."""

    def __init__(
        self,
        app: App,
        per_token: Rate = Rate(50, 200),
        per_address: Rate = Rate(50, 200),
        *,
        uncounted: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Middleware.

        Args:
            per_token: for each token or session, valid or not; whether it is, is found out later.
            per_address: for requests without one.
            uncounted: how paths begin that are not counted: files from memory, of which one page asks for dozens; a page
                whose module was refused would be dead. Empty: all are counted.
        """
        self._app = app
        self._uncounted = uncounted
        self._tokens = Buckets(per_token, clock=clock)
        self._addresses = Buckets(per_address, clock=clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        counted = not (self._uncounted and scope.get("path", "").startswith(self._uncounted))
        if scope["type"] == "http" and counted:
            token = read_token(scope) or any_session(scope)
            if token is None:
                wait = self._addresses.take(client_address(scope))
            else:
                # Not the token itself: nothing in memory longer than a request.
                wait = self._tokens.take(hashlib.sha256(token.encode()).hexdigest())
            if wait:
                await send_problem(scope, send, problem_of(too_many_requests(wait)))
                return
        await self._app(scope, receive, send)
