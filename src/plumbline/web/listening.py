"""Sockets of servers, bound before anything else, so that a port in use is told at once and port 0 is known; and their end."""

from __future__ import annotations

import errno
import signal
import socket
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from plumbline.records import PlumblineError

BACKLOG = 2048


class ListenError(PlumblineError):
    """A server cannot listen where it was asked to."""

    exit_code = 2


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens already.

    Args:
        port: 0 takes a free one.
    Raises:
        ListenError: PL-STA-010, the port is in use; PL-STA-011, it may not be used, or the host is none of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:  # the latter of a name that no host could have
        raise _not_bound(host, port, error) from None
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(BACKLOG)
    except OSError as error:
        bound.close()
        raise _not_bound(host, port, error) from None
    bound.set_inheritable(True)
    return bound


def url_of(bound: socket.socket, host: str) -> str:
    """The URL at which it is reached, without a slash at its end."""
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{bound.getsockname()[1]}"


def run_until_ended(serve: Callable[[], int]) -> int:
    """Serves; the exit code. SIGTERM and SIGINT end it, and that is a success: uvicorn raises again what it was ended by."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    try:
        return serve()
    except _Ended:
        return 0


class _Ended(BaseException):
    """A signal to end came."""


def _end(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - the signature of handlers
    raise _Ended


def _not_bound(host: str, port: int, error: OSError | UnicodeError) -> ListenError:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return ListenError(
            "PL-STA-010",
            f"{host} port {port}",
            "something listens there already",
            advice="--port with another number, or --port 0 for any free one",
        )
    return ListenError(
        "PL-STA-011",
        f"{host} port {port}",
        "cannot listen there",
        expected="an address of this machine, and a port that this account may use",
        found=getattr(error, "strerror", None) or type(error).__name__,
        advice="--host 127.0.0.1 and --port above 1023",
    )
