"""How many requests one token or session may make: a bucket that fills again at a steady rate.

Whether a token is good, only the application knows, which tells (`token_looked_up`). Until it has, requests count for their
address, and are given back to it once the token was good: whoever makes tokens up gets no bucket by it, and many people
behind one address have one each. Counted in one process: with n server processes, n times as many come through. It keeps a
runaway client from crowding out the others; who means harm is kept off by the proxy.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from plumbline.web.asgi import App, Receive, Scope, Send, client_address
from plumbline.web.failures import too_many_requests
from plumbline.web.problems import problem_of, send_problem
from plumbline.web.sessions import any_session
from plumbline.web.tokens import read_token

_NOTED = "plumbline.token_looked_up"


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

    def give_back(self, name: str) -> None:
        """Takes the last one back."""
        if name in self._levels:
            level, then = self._levels[name]
            self._levels[name] = (min(float(self._rate.at_once), level + 1), then)


@dataclass(slots=True)
class _LookedUp:
    """What the application found out about the token of one request; None before."""

    token: str | None = field(default=None, repr=False)
    is_good: bool = False


def token_looked_up(scope: Scope, token: str, *, is_good: bool) -> None:
    """Tells whether a token, or a session's, is somebody's: later requests with a good one count for it alone."""
    noted = scope.get(_NOTED)
    if isinstance(noted, _LookedUp):
        noted.token, noted.is_good = token, is_good


class RateLimits:
    """Middleware: a bucket for each good token or session, and one for each address, for what comes without."""

    def __init__(
        self,
        app: App,
        per_token: Rate = Rate(50, 200),
        per_address: Rate = Rate(50, 200),
        *,
        uncounted: str = "",
        open_paths: frozenset[str] = frozenset(),
        clock: Callable[[], float] = time.monotonic,
        most: int = 10_000,
    ) -> None:
        """Middleware.

        Args:
            per_token: for each token or session that was good when it was last looked up.
            per_address: for all other requests, and all to `open_paths`.
            uncounted: how paths begin that are not counted: files from memory, of which one page asks for dozens; a page
                whose module was refused would be dead. Empty: all are counted.
            open_paths: of what anybody may ask for, such as logging in: a good token is no way past the address there.
            most: tokens, and addresses, to remember.
        """
        self._app = app
        self._uncounted = uncounted
        self._open_paths = open_paths
        self._most = most
        self._good: OrderedDict[str, None] = OrderedDict()
        self._tokens = Buckets(per_token, clock=clock, most=most)
        self._addresses = Buckets(per_address, clock=clock, most=most)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        path = scope.get("path", "")
        if scope["type"] != "http" or (self._uncounted and path.startswith(self._uncounted)):
            await self._app(scope, receive, send)
            return
        token, address = read_token(scope) or any_session(scope), client_address(scope)
        name = None if token is None else _digest(token)
        wait, by_address = self._take(name, address, is_open=path in self._open_paths)
        if wait:
            await send_problem(scope, send, problem_of(too_many_requests(wait)))
            return
        scope[_NOTED] = noted = _LookedUp()
        try:
            await self._app(scope, receive, send)
        finally:
            # What was looked up may be another token than the one counted, where a request brings two.
            if name is not None and noted.token == token:
                self._remember(name, noted.is_good)
                if noted.is_good and by_address and path not in self._open_paths:
                    self._addresses.give_back(address)

    def _take(self, name: str | None, address: str, *, is_open: bool) -> tuple[float, bool]:
        """The seconds to wait, and whether the address was asked."""
        is_good = name in self._good
        wait = self._tokens.take(name) if is_good and name is not None else 0.0
        if wait or (is_good and not is_open):
            return wait, False
        return self._addresses.take(address), True

    def _remember(self, name: str, is_good: bool) -> None:
        self._good.pop(name, None)
        if is_good:
            self._good[name] = None
        if len(self._good) > self._most:
            self._good.popitem(last=False)


def _digest(token: str) -> str:
    """Not the token itself: nothing in memory longer than a request."""
    return hashlib.sha256(token.encode()).hexdigest()
