"""A server of a study like ``plumbline collect serve``, but with a clock that may go faster than time.

    python -m benchmarks.collecting.fast_clock_server FOLDER STORE PORT START FACTOR

For short runs in which leases of a minute are to run out within a second: all processes that are given the same START
(seconds since 1970) and FACTOR agree on the time.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import uvicorn

from plumbline.collect.api.app import make_app
from plumbline.collect.service.opening import open_collecting
from plumbline.collect.service.samplers import SourceRules
from plumbline.collect.store.migrating import open_store


def main() -> None:
    """Serves until it is ended."""
    folder, store, port, start, factor = sys.argv[1:]
    began, times = float(start), float(factor)
    rules = SourceRules(Path(folder))

    def clock() -> datetime:
        """The time, as fast as asked for."""
        return datetime.fromtimestamp(began + (time.time() - began) * times, UTC)

    app = make_app(open_collecting(open_store(store), rules, clock=clock), rules)
    uvicorn.run(app, port=int(port), log_level="warning", access_log=False, server_header=False)


if __name__ == "__main__":
    main()
