"""What is wrong with a study file: every problem with its line, told together rather than one a start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from plumbline.collect.study_lines import KeyPath
from plumbline.records import PlumblineError, UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyProblem:
    """One thing that is wrong.

    Attributes:
        code: ``PL-STY-…``.
        key: where in the file; empty for the file as a whole.
        line: from 1; None where the key does not stand in the file.
        problem, expected, found, advice: as in `PlumblineError`.
    """

    code: str
    key: KeyPath = ()
    line: int | None = None
    problem: str
    expected: str = ""
    found: str = ""
    advice: str


class StudyFileError(UsageError):
    """A study file cannot be used; `problems` holds everything that is wrong with it, in the order of the file.

    The code is that of the first problem.
    """

    def __init__(self, file_name: str, problems: Sequence[StudyProblem]) -> None:
        self.file_name = file_name
        self.problems = tuple(problems)
        first = self.problems[0]
        super().__init__(
            first.code,
            _place(file_name, first),
            first.problem,
            expected=first.expected,
            found=first.found,
            advice=first.advice,
        )

    def format(self) -> str:
        """All problems, one after the other, each as `PlumblineError` writes one."""
        return "\n".join(_written(self.file_name, problem) for problem in self.problems)


def _written(file_name: str, problem: StudyProblem) -> str:
    return PlumblineError(
        problem.code,
        _place(file_name, problem),
        problem.problem,
        expected=problem.expected,
        found=problem.found,
        advice=problem.advice,
    ).format()


def _place(file_name: str, problem: StudyProblem) -> str:
    line = "" if problem.line is None else f" line {problem.line}"
    key = written_key(problem.key)
    return f"{file_name}{line}, {key}" if key else f"{file_name}{line}"


def written_key(key: KeyPath) -> str:
    """A key as people write it: ``replies.sampler``, ``priorities[0].field``; a strange one is cut short."""
    written = ""
    for part in key:
        written += f"[{part}]" if isinstance(part, int) else f".{part[:40]}" if written else part[:40]
    return written
