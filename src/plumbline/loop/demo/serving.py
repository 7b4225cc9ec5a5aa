"""A demo that is done, served to click through: its studies in the app, its last moderation model beside them."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from plumbline.loop.demo import starting
from plumbline.loop.demo.output import LOG, LOOP, ROUNDS, STORE, TRUTH, demo_manifest, held_demo
from plumbline.loop.demo.servers import DemoError, running_server

_STUDIES = (starting.HELPFULNESS, starting.HARM, starting.LABELS, starting.ONLINE, starting.SAMPLERS)
_APP_PORT, _MODERATION_PORT = 8080, 8000
_LINK_SECONDS = 1.0
"""The link follows the address at once, where no owner has a password yet."""


def is_servable(out: Path) -> bool:
    """Whether a whole loop stands there that was finished: its manifest is the last that it writes."""
    manifest = demo_manifest(out)
    is_done = manifest is not None and any(each.path == LOOP for each in manifest.outputs)
    return is_done and (out / STORE).is_file()


def serve_demo(out: Path, tell: Callable[[str], None]) -> None:
    """Serve until Ctrl-C or SIGTERM, or until one of the servers ends.

    Args:
        out: the folder of a whole loop.
        tell: told where to look.
    Raises:
        DemoError: PL-DEM-001, a server ended before it listened; PL-DEM-007, it ended by itself.
        UsageError: PL-DEM-006, another call makes or serves this demo.
    """
    studies = [str(out / folder) for folder in _STUDIES if (out / folder / "study.toml").is_file()]
    app = ["collect", "serve", *studies, "--store", str(out / STORE), "--port", str(_free(_APP_PORT))]
    moderation = ["serve", str(out / ROUNDS[-1] / "models" / "moderation"), "--port", str(_free(_MODERATION_PORT))]
    ended = threading.Event()
    with ExitStack() as stack:
        stack.enter_context(held_demo(out))
        tell("starting the app and moderation")
        pages = stack.enter_context(running_server([*app, "--no-access-log"], out / LOG, ready="its API: "))
        service = stack.enter_context(running_server(moderation, out / LOG, ready="serving"))
        link = pages.line("choose the owner", _LINK_SECONDS)
        tell(f"the app, with the studies of the demo (synthetic): {pages.address}")
        if link is not None:
            tell(link)
        tell(f"moderation (it knows made-up phrases, and no others): {_curl(service.address, out / TRUTH)}")
        # Set here, since whoever starts this in the background may have had Ctrl-C ignored.
        before = [(number, signal.signal(number, lambda *_: ended.set())) for number in (signal.SIGINT, signal.SIGTERM)]
        tell("Ctrl-C ends both")
        try:
            while not ended.wait(0.5) and pages.is_running and service.is_running:
                pass
        finally:
            for number, handler in before:
                signal.signal(number, handler)
        if not ended.is_set():
            raise DemoError(
                "PL-DEM-007",
                "plumbline demo --serve",
                "a server of the demo ended by itself",
                advice=f"look at {out / LOG}",
            )
        tell("ended")


def _curl(address: str, truth: Path) -> str:
    """A command that asks about an unsafe reply of the world; its texts hold no quotes that a shell would read."""
    rows = (json.loads(line) for line in truth.read_text(encoding="utf-8").splitlines())
    row = next(row for row in rows if not row["is_safe"] and "'" not in row["prompt"] + row["reply"])
    sent = json.dumps({"question": row["prompt"], "answer": row["reply"]}, ensure_ascii=False)
    return f"curl -s {address}/v1/moderations -H 'Content-Type: application/json' -d '{sent}'"


def _free(port: int) -> int:
    """The port, or 0, any that is free, where somebody listens there already."""
    with socket.socket() as trial:
        if os.name == "posix":  # elsewhere it would find a port free that is in use
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return 0
    return port
