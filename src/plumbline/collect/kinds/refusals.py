"""What a worker's submission is refused with, and what is told of a record that makes no item.

No message quotes what was sent: the names of our own fields, positions and counts only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from plumbline.records import PlumblineError, UsageError


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with one field of a submission; `field` is a name of ours, or empty for the whole."""

    field: str
    problem: str


class SubmissionError(UsageError):
    """A submission that is not accepted; nothing was stored. `fields` says what a form should mark."""

    def __init__(
        self, code: str, problem: str, *, expected: str = "", found: str = "", advice: str, field: str = ""
    ) -> None:
        super().__init__(code, "submission", problem, expected=expected, found=found, advice=advice)
        self.fields: tuple[FieldProblem, ...] = (FieldProblem(field, problem),) if field else ()


class InvalidSubmissionError(SubmissionError):
    """Fields are missing, unknown, too long or of another type; every one of them is told."""

    def __init__(self, fields: Sequence[FieldProblem]) -> None:
        told = "; ".join(f"{each.field}: {each.problem}" if each.field else each.problem for each in fields[:10])
        more = f" and {len(fields) - 10} more" if len(fields) > 10 else ""
        super().__init__(
            "PL-SUB-001",
            "not what this step takes",
            found=f"{told}{more}",
            advice="mend these fields and send it again",
        )
        self.fields = tuple(fields)


class StoredWorkError(PlumblineError):
    """What is stored about an assignment contradicts itself: a fault of the store or of whoever changed it."""

    def __init__(self, assignment_id: str, problem: str) -> None:
        super().__init__(
            "PL-WRK-001", f"assignment {assignment_id}", problem, advice="restore from a backup, and report it"
        )


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A record that makes no item of the study, and why; counted by who enters items."""

    code: str
    source: str
    row: int
    why: str
