"""Requests to the issuer: bounded in bytes and time, without redirects, proxies and cookies.

Imported where an issuer is talked to: the library takes its time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx2
import msgspec

from plumbline.collect.service.failures import ServiceError
from plumbline.collect.service.identity.openid.failures import unreachable

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

    def __init__(self, seconds: float = SECONDS, most_bytes: int = MOST_BYTES) -> None:
        self.seconds = seconds
        self.most_bytes = most_bytes
        limits = httpx2.Limits(max_connections=8, max_keepalive_connections=2)
        # Proxies and passwords of the environment are those of whoever started the server, not of the issuer.
        self._client = httpx2.AsyncClient(
            follow_redirects=False, trust_env=False, verify=httpx2.create_ssl_context(), limits=limits, timeout=seconds
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
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
            raise unreachable(what, f"it cannot be reached ({type(error).__name__})") from None

    async def _answered(self, method: str, url: str, what: str, **more: Any) -> tuple[int, dict[str, Any]]:
        headers = {"accept": "application/json", "accept-encoding": "identity", "user-agent": "plumbline"}
        async with self._client.stream(method, url, headers=headers, **more) as response:
            if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
                raise unreachable(what, "its answer is compressed, which was not asked for")
            if response.is_redirect:
                raise unreachable(what, "it sends us elsewhere", expected="an answer at the address that is named")
            taken = bytearray()
            async for part in response.aiter_raw():
                taken += part
                if len(taken) > self.most_bytes:
                    raise unreachable(what, "its answer is too large", expected=f"at most {self.most_bytes >> 10} KiB")
            return response.status_code, _object(bytes(taken), what)


def _object(body: bytes, what: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise unreachable(what, "its answer is no JSON object") from None
