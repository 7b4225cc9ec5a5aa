"""Errors of the store, the kinds and the service as HTTP statuses and problem documents."""

from __future__ import annotations

from typing import Any

from plumbline.collect.kinds import SubmissionError
from plumbline.collect.service.failures import ServiceError
from plumbline.collect.store.failures import (
    ConflictError,
    DraftConflictError,
    NotAllowedError,
    NotFoundError,
    StoreUnavailableError,
)
from plumbline.collect.study_problems import StudyFileError
from plumbline.records import FaultError, NoDataError, PlumblineError, SourceError, UsageError
from plumbline.web.problems import Problem, Statuses, problem_of

STATUSES: Statuses = {
    NotFoundError: 404,
    NotAllowedError: 403,
    ConflictError: 409,
    StoreUnavailableError: 503,
    SubmissionError: 422,
    StudyFileError: 422,
    UsageError: 422,
    SourceError: 422,
    FaultError: 422,
    NoDataError: 422,
    ServiceError: 422,
    "PL-COL-009": 422,  # a value that cannot be stored
    "PL-COL-030": 409,  # the study is paused: no question of who asks
    "PL-SUB-002": 409,  # something else is asked now
    "PL-SUB-003": 409,
    "PL-SUB-005": 404,
    "PL-SUB-006": 409,
    "PL-IDN-001": 403,  # not 401: no header would help
    "PL-IDN-002": 429,
    "PL-IDN-005": 403,
    "PL-IDN-006": 404,
    "PL-IDN-007": 403,
    "PL-OID-010": 503,
    "PL-OID-011": 502,
    "PL-OID-012": 502,
    "PL-OID-020": 404,
    "PL-OID-021": 409,
    "PL-OID-022": 403,
    "PL-OID-023": 403,
    "PL-OID-024": 403,
    "PL-OID-025": 403,
    "PL-OID-026": 403,
    "PL-OID-027": 409,
    "PL-OID-028": 409,
    "PL-SVC-001": 503,  # no replies, for now
    "PL-SVC-002": 502,  # no replies until somebody mends something
    "PL-SVC-004": 409,
    "PL-SVC-005": 404,
    "PL-SVC-006": 403,
    "PL-SVC-013": 403,
    "PL-SVC-014": 403,
    "PL-WEL-001": 409,
    "PL-WEL-003": 409,
    "PL-ARR-001": 403,
    "PL-ARR-002": 409,
    "PL-ARR-003": 409,
}


def problem_for(error: PlumblineError) -> Problem:
    """The document, with what a client needs to go on: the stored draft, each mistake of a study file."""
    members: dict[str, Any] = {}
    if isinstance(error, DraftConflictError):
        members["stored"] = {"version": error.stored.version, "payload": error.stored.payload}
    if isinstance(error, StudyFileError):
        members["problems"] = [
            {
                "code": each.code,
                "line": each.line,
                "key": ".".join(map(str, each.key)),
                "problem": each.problem,
                "advice": each.advice,
            }
            for each in error.problems
        ]
    return problem_of(error, STATUSES, **members)
