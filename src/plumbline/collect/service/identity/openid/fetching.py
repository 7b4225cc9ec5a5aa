"""Requests to the issuer: bounded in bytes and time, without redirects, proxies and cookies.

Whoever starts the server names the issuer, which may stand at a private address. What the issuer names stands at its own
host or on the open internet: by the number that is connected to, however its name is spelled and whatever it resolves to.

Imported where an issuer is talked to: the library takes its time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx2
import msgspec

from plumbline.collect.service.failures import ServiceError
from plumbline.collect.service.identity.openid.failures import unfit_issuer, unreachable
from plumbline.sources.failures import ReplyError
from plumbline.sources.network import Resolver, resolve_by_system
from plumbline.sources.pinned_transport import PinnedTransport, TransportSettings

MOST_BYTES = 256 << 10
"""Of one answer; Google's keys have 2 KiB, a token with many groups 20."""
SECONDS = 10.0
"""For one request, from the first thing to the last."""
_OK = 200


class Fetching:
    """A client of its own for one event loop.

    Attributes:
        seconds, most_bytes: bounds on one request.
    """

    def __init__(
        self,
        issuer: str,
        seconds: float = SECONDS,
        most_bytes: int = MOST_BYTES,
        resolve: Resolver = resolve_by_system,
    ) -> None:
        self.seconds = seconds
        self.most_bytes = most_bytes
        # Proxies and passwords of the environment are those of whoever started the server, not of the issuer.
        self._client = httpx2.AsyncClient(
            transport=_transport(False, most_bytes, resolve),
            mounts={f"all://{_host_of(issuer)}": _transport(True, most_bytes, resolve)},
            follow_redirects=False,
            trust_env=False,
            timeout=seconds,
        )

    async def get(self, url: str, what: str) -> dict[str, Any]:
        """An object that stands at an address.

        Args:
            what: as errors call it.
        Raises:
            ServiceError: PL-OID-010.
        """
        status, answer = await self._ask("GET", url, what)
        if status != _OK:
            raise unreachable(what, f"it answers with status {status}", expected="200")
        return answer

    async def post(
        self, url: str, what: str, fields: Mapping[str, str], login: tuple[str, str] | None
    ) -> tuple[int, dict[str, Any]]:
        """The status and the object that a form is answered with; raises as `get`, but for the status.

        Args:
            login: for HTTP's basic authentication.
        """
        return await self._ask("POST", url, what, data=dict(fields), auth=login)

    async def close(self) -> None:
        """Ends its connections."""
        await self._client.aclose()

    async def _ask(self, method: str, url: str, what: str, **more: Any) -> tuple[int, dict[str, Any]]:
        try:
            async with asyncio.timeout(self.seconds):
                return await self._answered(method, url, what, **more)
        except TimeoutError:
            raise unreachable(what, "it did not answer in time", expected=f"within {self.seconds:g} s") from None
        except ServiceError:
            raise
        except ReplyError as error:
            raise _refused_on_the_way(error, what, self.most_bytes) from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
            raise unreachable(what, f"it cannot be reached ({type(error).__name__})") from None

    async def _answered(self, method: str, url: str, what: str, **more: Any) -> tuple[int, dict[str, Any]]:
        async with self._client.stream(method, url, headers={"accept": "application/json"}, **more) as response:
            if response.is_redirect:
                raise unreachable(what, "it sends us elsewhere", expected="an answer at the address that is named")
            taken = bytearray()
            async for part in response.aiter_raw():
                taken += part
            return response.status_code, _object(bytes(taken), what)


def _transport(allow_private: bool, most_bytes: int, resolve: Resolver) -> PinnedTransport:
    return PinnedTransport(
        TransportSettings(
            place="issuer",
            key=None,
            allow_private=allow_private,
            most_answer_bytes=most_bytes,
            most_connections=8,
            resolve=resolve,
            more_headers=("authorization",),
        )
    )


def _host_of(issuer: str) -> str:
    """As the client's routes compare it; an address of IPv6 in its brackets."""
    host = httpx2.URL(issuer).host
    return f"[{host}]" if ":" in host else host


def _refused_on_the_way(error: ReplyError, what: str, most_bytes: int) -> ServiceError:
    """What the transport found, in words of a log-in."""
    if error.code in ("PL-REP-004", "PL-REP-010"):
        return unfit_issuer(
            what,
            "it stands at an address of this machine or its neighbours, or in the clear",
            expected="https://, on the issuer's own host or on the open internet",
        )
    if error.code == "PL-REP-021":
        return unreachable(what, "its answer is too large", expected=f"at most {most_bytes >> 10} KiB")
    if error.code == "PL-REP-019":
        return unreachable(what, "its answer is compressed, which was not asked for")
    return unreachable(what, "its name does not resolve")


def _object(body: bytes, what: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise unreachable(what, "its answer is no JSON object") from None
