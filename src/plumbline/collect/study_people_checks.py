"""What does not fit together in a study's settings about the people who work in it: help, well-being, Prolific, MTurk."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from plumbline.collect.seen_text import has_something_to_see
from plumbline.collect.study_lines import KeyPath
from plumbline.collect.study_problems import StudyProblem
from plumbline.collect.study_settings import StudyFile, StudyKind

_PAGES = ("http", "https")


def help_problems(study: StudyFile) -> Iterator[StudyProblem]:
    """A link that a browser follows; ``javascript:`` and the like would run on our page, a user's name deceives."""
    if study.help is not None and not _is_link(study.help):
        yield _contradiction(
            ("help",),
            "is no link that a page may show",
            "https://…, http://… or mailto:NAME@HOST, without blanks",
            "something else",
            'help = "mailto:team@example.org", say',
        )


def wellbeing_problems(study: StudyFile) -> Iterator[StudyProblem]:
    """Topics where items cannot bring any, and a break that would never come."""
    wellbeing = study.wellbeing
    if wellbeing is None:
        return
    if wellbeing.topics and (why := _no_topics(study)):
        yield _contradiction(("wellbeing", "topics"), why, "false", "true", "leave topics out")
    most, pause = wellbeing.most_minutes_a_day, wellbeing.break_after_minutes
    if most is not None and pause is not None and pause >= most:
        yield _contradiction(
            ("wellbeing", "break_after_minutes"),
            "a break would be suggested when the day is over",
            f"less than most_minutes_a_day, {most}",
            str(pause),
            "lower break_after_minutes, or leave it out",
        )


def visit_problems(study: StudyFile) -> Iterator[StudyProblem]:
    """A visit that nobody can complete; a note on pay in which there is nothing to read."""
    limit = study.per_worker_limit
    for table, visits in (("prolific", study.prolific), ("mturk", study.mturk)):
        if visits is not None and limit is not None and visits.items > limit:
            yield _contradiction(
                (table, "items"),
                "is more than one worker may finish",
                f"at most per_worker_limit, {limit}",
                str(visits.items),
                f"items = {limit}, or a higher per_worker_limit",
            )
    if study.mturk is not None and study.mturk.pay is not None and not has_something_to_see(study.mturk.pay):
        found = "nothing that can be seen"
        yield _contradiction(("mturk", "pay"), "says nothing that can be shown", "a text", found, "write it out")


def _no_topics(study: StudyFile) -> str:
    if study.kind is StudyKind.SAFETY_LABELS:
        return "the categories of such items are the answer that is asked for, so no topics are told"
    if study.items.from_workers:
        return "conversations that workers begin bring no topics"
    return ""


def _is_link(text: str) -> bool:
    if not text.isprintable() or any(character.isspace() for character in text):
        return False
    try:
        parts = urlsplit(text)
        if parts.scheme == "mailto":
            name, at, host = parts.path.partition("@")
            return bool(name and at and host) and not parts.netloc
        # Asking for the port looks whether it is one.
        return parts.scheme in _PAGES and bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        return False


def _contradiction(key: KeyPath, problem: str, expected: str, found: str, advice: str) -> StudyProblem:
    return StudyProblem(code="PL-STY-006", key=key, problem=problem, expected=expected, found=found, advice=advice)
