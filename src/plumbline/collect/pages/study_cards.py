"""What a study offers a visitor: its queues in words, by the kind of study and the visitor's role."""

from __future__ import annotations

from collections.abc import Mapping

from plumbline.collect.kinds import Purpose
from plumbline.collect.pages.contexts.work import MOST_WAITING, QueueCard, StudyCard
from plumbline.collect.pages.visiting import Visit
from plumbline.collect.service.people import has_role
from plumbline.collect.service.studies import queues_of
from plumbline.collect.store.rows import Role, Study
from plumbline.collect.store.standing import count_waiting
from plumbline.collect.study_settings import Question, StudyFile, StudyKind
from plumbline.records import Axis

WAYS: Mapping[Purpose, str] = {
    Purpose.WORK: "",
    Purpose.REVIEW: "/review",
    Purpose.ADJUDICATION: "/adjudication",
    Purpose.SPOT_CHECK: "/spot-checks",
}
"""What stands between the study and ``/next`` in the API's paths."""

_KINDS: Mapping[StudyKind, tuple[str, str, str]] = {
    StudyKind.PREFERENCE_CHAT: (
        "preference chat",
        "Chat",
        "You talk with an assistant. Each time it gives two replies, and you say which is {better}.",
    ),
    StudyKind.RED_TEAM_CHAT: (
        "red-team chat",
        "Red-team",
        "You try to make an assistant say something harmful, and say how well it went.",
    ),
    StudyKind.SAFETY_LABELS: (
        "safety labels",
        "Label",
        "You read a question with its answer, and say which harms it brings, or none.",
    ),
    StudyKind.TWO_AXIS_RANKING: (
        "two-axis ranking",
        "Rank",
        "You rank several answers to one question, once for helpfulness and once for harmlessness.",
    ),
    StudyKind.PAIRS: ("pairs", "Judge", "You read two replies and say which is {better}, and by how much."),
}
"""In words: the kind, what its work is called, what workers do."""

_QUEUES: Mapping[Purpose, tuple[str, str]] = {
    Purpose.REVIEW: ("Review", "You read other people's attempts, not knowing whose, and rate and tag them."),
    Purpose.ADJUDICATION: ("Rule", "You decide labels that are disputed or split."),
    Purpose.SPOT_CHECK: ("Check writing", "You look at finished conversations and mark how they are written."),
}
_OF_REVIEWERS = (Purpose.ADJUDICATION, Purpose.SPOT_CHECK)


def kind_of(settings: StudyFile) -> str:
    """A study's kind in words."""
    return _KINDS[settings.kind][0]


def says_of(settings: StudyFile) -> str:
    """What workers do in a study; where they are asked for the worse of two replies alone, it says so."""
    is_of_harm = settings.question is Question.MORE_HARMFUL and settings.judged_axes == (Axis.HARMLESSNESS,)
    return _KINDS[settings.kind][2].format(better=(Question.MORE_HARMFUL if is_of_harm else Question.BETTER).value)


def warning_of(settings: StudyFile) -> str | None:
    """What is said before anything is shown; a red team's own warning comes with the question for consent."""
    return None if settings.wellbeing is None else settings.wellbeing.warning


def is_blurred(settings: StudyFile) -> bool:
    """Whether texts stand blurred until they are asked for."""
    return settings.wellbeing is not None and settings.wellbeing.blur


def study_card(visit: Visit, row: Study) -> StudyCard:
    """A study as this visitor sees it."""
    collecting = visit.collecting
    settings = collecting.catalogue.named(row.name).settings
    says = says_of(settings)
    about = f"/studies/{row.name}"
    cards = []
    for queue in queues_of(settings):
        if queue in _OF_REVIEWERS and not has_role(visit.worker, Role.REVIEWER):
            continue
        label, what = _QUEUES.get(queue, (_KINDS[settings.kind][1], says))
        waiting = None if queue is Purpose.WORK else _waiting(visit, row, queue)
        cards.append(QueueCard(queue.value, label, what, f"{about}/work?queue={queue.value}", waiting))
    manages = has_role(visit.worker, Role.MANAGER)
    topics = settings.has_topics and bool(collecting.topics.of_study(collecting.store, row.id))
    dashboard = f"{about}/dashboard" if manages else None
    return StudyCard(row.name, kind_of(settings), row.state.value, says, about, tuple(cards), dashboard, topics)


def _waiting(visit: Visit, row: Study, queue: Purpose) -> int:
    return count_waiting(visit.collecting.store, row.id, visit.worker.id, queue, most=MOST_WAITING)
