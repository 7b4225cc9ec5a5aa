"""One message, sent once: to an address that is checked at this moment, in so many seconds, whatever the receiver does.

Imported where a server starts: the library takes its time.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

import httpx2

from plumbline.collect.service.failures import ServiceError
from plumbline.collect.service.webhooks.addresses import checked_address
from plumbline.collect.service.webhooks.resolving import OwnResolver
from plumbline.collect.service.webhooks.signing import signed_headers
from plumbline.collect.store.column_types import format_json
from plumbline.collect.store.deliveries import Claimed
from plumbline.collect.store.webhook_rows import NoAnswer
from plumbline.collect.store.webhooks import MOST_WEBHOOKS
from plumbline.sources.failures import ReplyError
from plumbline.sources.network import Resolver
from plumbline.sources.pinned_transport import PinnedTransport, TransportSettings

MOST_SECONDS = 15.0
"""Of one attempt, from the name's resolution to the answer's headers."""
_PLACE = "webhook"
_NO_SUCH_NAME = "PL-REP-011"
_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")


class Poster:
    """Sends messages; knows no redirects, no proxy, no cookie, and reads nothing of an answer but its status."""

    def __init__(
        self,
        *,
        allow_private: bool,
        most_at_once: int,
        resolve: Resolver | None = None,
        most_seconds: float = MOST_SECONDS,
    ) -> None:
        self._names = OwnResolver(MOST_WEBHOOKS)
        settings = TransportSettings(
            place=_PLACE,
            key=None,
            allow_private=allow_private,
            most_answer_bytes=0,
            most_connections=most_at_once,
            resolve=resolve or self._names,
            more_headers=_HEADERS,
        )
        self._allow_private = allow_private
        self._most_seconds = most_seconds
        self._client = httpx2.AsyncClient(
            transport=PinnedTransport(settings), follow_redirects=False, trust_env=False, timeout=most_seconds
        )

    async def post(self, claimed: Claimed, now: datetime) -> int:
        """The status of the answer; a `NoAnswer` where there is none. Raises nothing that a receiver can bring about."""
        try:
            body = format_json(claimed.message).encode("utf-8")
            headers = signed_headers(claimed.secret, claimed.message["id"], body, now)
            # Also the address that was permitted when the webhook was made: the server may not permit it any more.
            url = checked_address(claimed.url, allow_private=self._allow_private)
            async with asyncio.timeout(self._most_seconds):
                sent = {"content-type": "application/json", **headers}
                # The body stays unread: closing the connection is all that a flood of it gets.
                async with self._client.stream("POST", url, content=body, headers=sent) as response:
                    return response.status_code
        except httpx2.InvalidURL:  # such as numbers in which others would read another address
            return NoAnswer.NOT_PERMITTED
        except (ServiceError, ReplyError) as error:
            return NoAnswer.UNREACHABLE if error.code == _NO_SUCH_NAME else NoAnswer.NOT_PERMITTED
        except (TimeoutError, httpx2.TimeoutException):
            return NoAnswer.TOO_SLOW
        except (httpx2.ConnectError, OSError):
            return NoAnswer.UNREACHABLE
        except (httpx2.HTTPError, ValueError):
            return NoAnswer.BROKE_OFF

    async def close(self) -> None:
        """Lets go of the connections and of names that are still looked up."""
        await self._client.aclose()
        self._names.close()
