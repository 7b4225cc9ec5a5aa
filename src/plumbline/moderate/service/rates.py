"""How many requests one key may make, and one address without: nobody's use up those of somebody else's key."""

from __future__ import annotations

from plumbline.moderate.service.keys import KEY_NAME
from plumbline.web.asgi import App, Receive, Scope, Send, client_address
from plumbline.web.failures import too_many_requests
from plumbline.web.rate_limits import Buckets, Rate


class LimitRates:
    """Middleware within `NameKey`: a bucket for each key, and one for each address, for what comes without a valid one."""

    def __init__(self, app: App, rate: Rate) -> None:
        self._app = app
        self._keys = Buckets(rate)
        self._addresses = Buckets(rate)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "http":
            name = scope.get(KEY_NAME)
            wait = self._addresses.take(client_address(scope)) if name is None else self._keys.take(name)
            if wait:
                raise too_many_requests(wait)
        await self._app(scope, receive, send)
