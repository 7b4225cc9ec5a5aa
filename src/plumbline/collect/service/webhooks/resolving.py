"""Names of receivers, looked up in threads of their own: a name whose server hangs keeps a thread for as long as it likes.

The loop's own threads are few, and requests use them too. Here each name has one at most, and there are as many as a store
has webhooks, so no name waits for another's.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from concurrent.futures import ThreadPoolExecutor

from plumbline.sources.network import numbers_of


class OwnResolver:
    """Looks names up by the system's resolver; see `sources.network.Resolver`. Belongs to one event loop."""

    def __init__(self, threads: int) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="plumbline-names")
        self._under_way: dict[tuple[str, int], asyncio.Future[list[str]]] = {}

    async def __call__(self, host: str, port: int) -> list[str]:
        """The host's addresses; OSError where there are none. Who asks for a name that is being looked up waits with others."""
        if _is_number(host):
            return [host]
        asked = (host, port)
        future = self._under_way.get(asked)
        if future is None:
            future = asyncio.get_running_loop().run_in_executor(self._executor, _looked_up, host, port)
            self._under_way[asked] = future
            future.add_done_callback(lambda done: self._ended(asked, done))
        return await asyncio.shield(future)

    def close(self) -> None:
        """Ends it, without waiting for names that hang."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _ended(self, asked: tuple[str, int], done: asyncio.Future[list[str]]) -> None:
        del self._under_way[asked]
        if not done.cancelled():
            done.exception()  # taken note of, where nobody waits any more


def _looked_up(host: str, port: int) -> list[str]:
    return numbers_of(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
