"""Stages on this machine: pieces in threads.

The functions of stages spend their time in Polars, Arrow and NumPy, which let go of the interpreter's lock.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from plumbline.engine.engines import Answer

_AT_ONCE = min(os.cpu_count() or 1, 4)


class LocalEngine:
    """The engine of one machine. Rows are dealt out by one query over all files, unless they are many: it uses all cores."""

    name = "local"
    shares = 1

    def each(
        self,
        count: int,
        work: Callable[[int], Answer],
        marks: Path,  # noqa: ARG002  # a piece that ends its process ends this one: nothing is left to note
        advance: Callable[[], None],
    ) -> list[Answer]:
        """Do every piece, as many at once as there are cores, at most four: so many parts are in memory.

        After an interrupt, or where a piece fails, those that have begun are waited for, and no other begins. A piece by
        itself is done in this thread: another would cost more than what most stages of a small set do in it.
        """
        if count == 1:
            answer = work(0)
            advance()
            return [answer]
        with ThreadPoolExecutor(min(_AT_ONCE, max(count, 1))) as pool:
            pieces = [pool.submit(work, number) for number in range(count)]
            try:
                for piece in as_completed(pieces):
                    piece.result()
                    advance()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
            return [piece.result() for piece in pieces]
