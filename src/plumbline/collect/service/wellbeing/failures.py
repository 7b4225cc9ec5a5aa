"""What the uses for well-being refuse."""

from __future__ import annotations

from plumbline.collect.service.failures import ServiceError


def no_topics(study: str) -> ServiceError:
    """PL-WEL-001."""
    return ServiceError(
        "PL-WEL-001",
        f"study {study}",
        "nobody opts out of topics here",
        expected="a study whose file says so, [wellbeing] topics = true",
        advice="give items back that you do not want to see; nothing counts against you",
    )


def unknown_topics(count: int) -> ServiceError:
    """PL-WEL-002: only the study's own words are stored, nothing that somebody wrote about themselves."""
    return ServiceError(
        "PL-WEL-002",
        "opted_out",
        "not all of these are topics of the study's items",
        expected="topics that the study's standing lists",
        found=f"{count}, others among them",
        advice="take the topics from the list, which new items may have made longer",
    )


def no_moods(study: str) -> ServiceError:
    """PL-WEL-003."""
    return ServiceError(
        "PL-WEL-003",
        f"study {study}",
        "it does not ask how people feel",
        expected="a study whose file says so, [wellbeing] mood_every",
        advice="tell somebody whom you trust, or the people behind the study's help link",
    )


def no_answer() -> ServiceError:
    """PL-WEL-004."""
    return ServiceError(
        "PL-WEL-004",
        "feelings, declined",
        "a survey is answered or declined",
        expected="feelings, or declined true, not both",
        advice="send one of them",
    )
