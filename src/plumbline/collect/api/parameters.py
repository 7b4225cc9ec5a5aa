"""Parameters of routes, with their bounds."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query, Request

from plumbline.collect.api.serving import Serving

PREFIX = "/api/v1"
STATIC_PREFIX = "/static/"
"""Below it are the pages' stylesheets and modules, which the limits of rates do not count."""
AssignmentId = Annotated[int, Path(ge=1, le=2**62)]
JudgementId = Annotated[int, Path(ge=1, le=2**62)]
StudyName = Annotated[str, Path(min_length=1, max_length=63)]
Pseudonym = Annotated[str, Path(min_length=1, max_length=40)]
GuidelinesVersion = Annotated[int, Path(ge=1, le=1_000_000)]
AfterId = Annotated[int, Query(ge=0, le=2**62)]
BeforeId = Annotated[int, Query(ge=1, le=2**62)]
Limit = Annotated[int, Query(ge=1, le=1000)]


def serving_of(request: Request) -> Serving:
    """What the routes share."""
    serving: Serving = request.app.state.serving
    return serving
