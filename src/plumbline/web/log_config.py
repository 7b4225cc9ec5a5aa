"""How a server's process logs: lines to stderr, all of them of one form; uvicorn's own talk only from warnings on."""

from __future__ import annotations

from typing import Any


def log_config(requests: str, formatter: dict[str, Any], *, log_requests: bool) -> dict[str, Any]:
    """What `logging.config` takes.

    Args:
        requests: the logger that a line about each request goes to.
        formatter: of every line, as `logging.config` describes one.
        log_requests: every request, not only those that are refused.
    """
    quiet = {"handlers": ["stderr"], "level": "WARNING", "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": formatter},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "stream": "ext://sys.stderr", "formatter": "line"}},
        "loggers": {
            "uvicorn": quiet,
            "plumbline": quiet,
            requests: {**quiet, "level": "INFO" if log_requests else "WARNING"},
        },
    }
