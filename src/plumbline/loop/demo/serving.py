"""A demo that is done, served to click through: its studies in the app, its last moderation model beside them."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from plumbline.loop.demo import starting
from plumbline.loop.demo.output import is_demo
from plumbline.loop.demo.servers import running_server

_STUDIES = (starting.HELPFULNESS, starting.HARM, starting.LABELS, starting.ONLINE, starting.SAMPLERS)
_APP_PORT, _MODERATION_PORT = 8080, 8000
_LOG = "servers.log"
_LINK_SECONDS = 1.0
"""The link follows the address at once, where no owner has a password yet."""
_ADVICE = "-H 'Content-Type: application/json' -d '{\"input\": \"a text to judge\"}'"


def is_servable(out: Path) -> bool:
    """Whether a whole loop stands there, with its store and its last models."""
    return is_demo(out) and (out / starting.STORE).is_file() and (out / "round-2" / "manifest.json").is_file()


def serve_demo(out: Path, tell: Callable[[str], None]) -> None:
    """Serve until Ctrl-C or SIGTERM, or until one of the servers ends.

    Args:
        out: the folder of a whole loop.
        tell: told where to look.
    Raises:
        DemoError: PL-DEM-001, a server ended before it listened.
    """
    studies = [str(out / folder) for folder in _STUDIES if (out / folder / "study.toml").is_file()]
    app = ["collect", "serve", *studies, "--store", str(out / starting.STORE), "--port", str(_free(_APP_PORT))]
    moderation = ["serve", str(out / "round-2" / "models" / "moderation"), "--port", str(_free(_MODERATION_PORT))]
    ended = threading.Event()
    with ExitStack() as stack:
        pages = stack.enter_context(running_server([*app, "--no-access-log"], out / _LOG, ready="its API: "))
        service = stack.enter_context(running_server(moderation, out / _LOG, ready="serving"))
        link = pages.line("choose the owner", _LINK_SECONDS)
        tell(f"the app, with the studies of the demo (synthetic): {pages.address}")
        if link is not None:
            tell(link)
        tell(f"moderation: curl -s {service.address}/v1/moderations {_ADVICE}")
        tell("Ctrl-C ends both")
        before = signal.signal(signal.SIGTERM, lambda *_: ended.set())
        try:
            while not ended.wait(0.5) and pages.is_running and service.is_running:
                pass
        except KeyboardInterrupt:
            tell("ended")
        finally:
            signal.signal(signal.SIGTERM, before)


def _free(port: int) -> int:
    """The port, or 0, any that is free, where somebody listens there already."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return 0
    return port
