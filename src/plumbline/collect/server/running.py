"""The server: one process, or several under a supervisor that starts those that die again.

uvicorn does both; what is ours is how it is set up: the socket is bound before anything else, so that a port in use is
told at once and port 0 is known; the log is ours; a signal to end is a success.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import connection, parent_process
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors.multiprocess import Multiprocess, Process

from plumbline.collect.api.app import ApiOptions
from plumbline.collect.server.app import make_server_app
from plumbline.collect.server.proxies import OWN_MACHINE
from plumbline.collect.service.after_work import enter_all_splits
from plumbline.collect.service.identity.openid.settings import OpenIdConfig
from plumbline.collect.service.opening import open_collecting
from plumbline.collect.service.samplers import ScorerOpener, SourceRules
from plumbline.collect.store.failures import StoreUnavailableError
from plumbline.collect.store.migrating import open_store
from plumbline.records import PlumblineError
from plumbline.web.connections import BoundedConnection
from plumbline.web.listening import BACKLOG, run_until_ended
from plumbline.web.log_config import log_config
from plumbline.web.sessions import Site

GRACE_SECONDS = 10
"""How long requests under way may take when the server is told to end."""
_LINE = {"format": "%(asctime)s %(message)s"}
_LOG = logging.getLogger("plumbline.collect")


@dataclass(frozen=True)
class Served:
    """What is served; travels to every process, so all of it can be pickled. Calling it makes the application.

    Attributes:
        store: where it is; may hold a password.
        rules: what study files may name.
        open_scorer: a function of a module, for best-of-k.
        site: under which names browsers reach it.
        proxies: whose word on the client's address and scheme is taken, from `checked_proxies`.
        openid: the issuer that lets people in; holds the client's secret, which is no part of its `repr`.
    """

    store: str | Path
    rules: SourceRules
    open_scorer: ScorerOpener | None = None
    site: Site = field(default_factory=Site)
    proxies: tuple[str, ...] = OWN_MACHINE
    openid: OpenIdConfig | None = None

    def __call__(self) -> FastAPI:
        """The application, over a store opened by this process; ends the process where that cannot be done."""
        _end_with_parent()
        try:
            collecting = open_collecting(open_store(self.store), self.rules, open_scorer=self.open_scorer)
            return make_server_app(collecting, self.rules, ApiOptions(site=self.site, openid=self.openid))
        except StoreUnavailableError as error:
            _LOG.error("%s", error)
            sys.exit(1)  # it may be there again in a moment: the supervisor tries again
        except PlumblineError as error:
            _LOG.error("%s", error)
            sys.exit(STARTUP_FAILURE)

    def enter_splits(self) -> None:
        """Looks for split labels that nobody was given yet: what a process that died left out."""
        try:
            collecting = open_collecting(open_store(self.store, connections=1), self.rules)
            try:
                enter_all_splits(collecting)
            finally:
                collecting.end_calls()
                collecting.store.close()
        except PlumblineError as error:
            _LOG.error("looking for split labels: %s", error)


def run_server(
    served: Served,
    bound: socket.socket,
    *,
    processes: int = 1,
    log_requests: bool = True,
    ready: Callable[[], None] = lambda: None,
) -> int:
    """Serves until a signal ends it; requests under way may end, for `GRACE_SECONDS` at most.

    Args:
        served: opened once before, so that what is wrong with the store was told.
        bound: from `web.listening.bind`; closed at the end.
        processes: how many; one needs no supervisor.
        ready: called once a signal to end ends well and requests wait for their answers.
    Returns:
        The exit code: 0 after SIGTERM or SIGINT, 1 where a process could not start.
    """

    def serve() -> int:
        """Until it is ended."""
        ready()
        threading.Thread(target=served.enter_splits, name="plumbline-splits", daemon=True).start()
        return _run(served, bound, _config(served, processes, log_requests=log_requests))

    with closing(bound):
        return run_until_ended(serve)


def _run(served: Served, bound: socket.socket, config: uvicorn.Config) -> int:
    if config.workers > 1:
        supervisor = _Supervisor(config, [bound], served.enter_splits)
        supervisor.run()
        return 1 if supervisor.could_not_start else 0
    try:
        uvicorn.Server(config).run(sockets=[bound])
    except SystemExit:  # it could not start, and has said why
        return 1
    return 0


def _config(served: Served, processes: int, *, log_requests: bool) -> uvicorn.Config:
    return uvicorn.Config(
        served,
        factory=True,
        http=BoundedConnection,
        workers=processes,
        lifespan="on",
        ws="none",
        log_config=log_config("plumbline.web.access", _LINE, log_requests=log_requests),
        access_log=False,
        server_header=False,
        proxy_headers=True,
        forwarded_allow_ips=list(served.proxies),
        timeout_graceful_shutdown=GRACE_SECONDS,
        backlog=BACKLOG,
    )


class _Supervisor(Multiprocess):
    """Starts processes that died again, and makes good what they may have left out.

    Attributes:
        could_not_start: it ended because a process failed while starting, in a way that would stay.
    """

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket], made_good: Callable[[], None]) -> None:
        super().__init__(config, sockets)
        self._made_good = made_good
        self.could_not_start = False

    def keep_subprocess_alive(self) -> None:
        """As uvicorn's, but without asking processes whether they are well.

        They cannot answer while they import, which takes seconds where the machine is busy: killed for that they would
        never get up; and the question holds up everything else where a process dies over it.
        """
        for place, process in enumerate(self.processes):
            if self.should_exit.is_set() or process.process.is_alive():
                continue
            process.kill()  # lets go of its pipes
            process.join()
            if process.exitcode == STARTUP_FAILURE:
                self.could_not_start = True
                self.should_exit.set()
                return
            _LOG.warning("a server process died (%s) and is started again", process.exitcode)
            self.processes[place] = Process(self.config, self.sockets)
            self.processes[place].start()
            threading.Thread(target=self._made_good, name="plumbline-splits", daemon=True).start()


def _end_with_parent() -> None:
    """A process whose supervisor was killed ends too: nobody would end it, and the port would stay taken."""
    parent = parent_process()
    if parent is None:
        return

    def watch(sentinel: Any) -> None:
        """Wait for the supervisor to be gone."""
        connection.wait([sentinel])
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=partial(watch, parent.sentinel), name="plumbline-parent", daemon=True).start()
