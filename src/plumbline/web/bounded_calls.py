"""Blocking calls of an asynchronous server: in a few threads, with an end to how many may wait for one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from plumbline.web.failures import overloaded

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class BoundedCalls:
    """Threads for blocking calls. Belongs to one event loop.

    Where more wait than may, the next is refused at once (503): a queue without an end answers nobody in time.
    """

    def __init__(self, threads: int = 16, most_waiting: int = 1000) -> None:
        """Threads.

        Args:
            threads: calls at once; no more than the database has connections for.
            most_waiting: calls that may wait for a thread.
        """
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="plumbline-call")
        self._most = threads + most_waiting
        self._under_way = 0

    async def run(self, call: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        """What the call returns or raises. It goes on to its end even where nobody waits for it any more.

        Raises:
            WebError: PL-WEB-010, too many wait already.
        """
        if self._under_way >= self._most:
            raise overloaded()
        self._under_way += 1
        future = asyncio.get_running_loop().run_in_executor(self._executor, partial(call, *args, **kwargs))
        future.add_done_callback(self._done)
        return await asyncio.shield(future)

    def close(self) -> None:
        """Waits for the calls under way."""
        self._executor.shutdown(wait=True)

    def _done(self, future: asyncio.Future[Result]) -> None:
        self._under_way -= 1
        if not future.cancelled():
            future.exception()  # taken note of, where the one who asked is gone
