"""What is noted of each request: counters, and a line of JSON. No query, no header, no body."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection
from datetime import UTC, datetime

from plumbline.moderate.service.keys import KEY_NAME
from plumbline.moderate.service.metrics import Metrics
from plumbline.web.asgi import Scope
from plumbline.web.problems import PROBLEM_CODE
from plumbline.web.request_ids import request_id_of

LOG = logging.getLogger("plumbline.moderate.requests")
_ELSEWHERE = "other"
"""The route of a path that is none of ours: a label for each path that somebody tries would have no end."""
_REFUSED = 400


class RequestLog:
    """Of `AccessLog`: counts each request, and logs it: all where asked for, else those refused."""

    def __init__(self, counted: Metrics, routes: Collection[str]) -> None:
        self._counted = counted
        self._routes = frozenset(routes)

    def __call__(self, scope: Scope, status: int, seconds: float) -> None:
        """See `plumbline.web.access_log.Tell`."""
        path = scope["path"] if scope["path"] in self._routes else _ELSEWHERE
        self._counted.answered(path, status, seconds)
        level = logging.WARNING if status >= _REFUSED or not status else logging.INFO
        if LOG.isEnabledFor(level):
            told = {
                "method": scope["method"][:20],
                "route": path,
                "status": status,
                "code": scope.get(PROBLEM_CODE),
                "milliseconds": round(seconds * 1000, 1),
                "request": request_id_of(scope),
                "key": scope.get(KEY_NAME),
            }
            LOG.log(level, "request", extra={"told": told})


class JsonLines(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Time, level, event, and what is told of it."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        return json.dumps(line | getattr(record, "told", {}))
