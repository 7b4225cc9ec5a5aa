"""Which logic serves which study and purpose: the one door for the service, the API and the exports.

A *task* is what a worker does with one item: it says what is asked, what a submission adds and what a correction is. The
five kinds of study are tasks, and so are blind review, adjudication and spot checks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol

from plumbline.collect.kinds import (
    adjudication,
    blind_review,
    pairs,
    preference_chat,
    ranking_records,
    red_team_chat,
    safety_labels,
    spot_check,
    two_axis_ranking,
)
from plumbline.collect.kinds.bounds import Bounded, JsonObject
from plumbline.collect.kinds.chat import EndChat, JudgeTurn, Say, chat_item_of_worker, conversation_before
from plumbline.collect.kinds.chat_records import rows_of_chat, turn_comparisons
from plumbline.collect.kinds.harm_labels import HarmLabel
from plumbline.collect.kinds.known_answers import Score
from plumbline.collect.kinds.refusals import PassedOver
from plumbline.collect.kinds.work import KNOWN_ANSWERS, Accepted, NewItem, NewJudgement, Purpose, Step, Work
from plumbline.collect.study_settings import CHATS, StudyFile, StudyKind
from plumbline.records import Comparison, Conversation, Record, SafetyLabel, UsageError


class Task(Protocol):
    """What a worker does with one item. The implementations are modules of functions without state."""

    def next_step(self, work: Work, study: StudyFile) -> Step:
        """What is asked next, from what is stored."""

    def accept(self, work: Work, submission: JsonObject, study: StudyFile) -> Accepted:
        """What a submission adds; `SubmissionError` where it is refused."""

    def correct(self, work: Work, judgement_id: str, submission: JsonObject, study: StudyFile) -> NewJudgement:
        """The judgement that takes another's place; `SubmissionError` where it is refused."""


class StudyTask(Task, Protocol):
    """The task of a study itself, with items from records."""

    def items_from_records(
        self, records: Iterable[Record], study: StudyFile, purpose: Purpose = Purpose.WORK
    ) -> Iterator[NewItem | PassedOver]:
        """The items that records make, and the records that make none."""


STUDY_TASKS: Mapping[StudyKind, StudyTask] = {
    StudyKind.PREFERENCE_CHAT: preference_chat,
    StudyKind.RED_TEAM_CHAT: red_team_chat,
    StudyKind.SAFETY_LABELS: safety_labels,
    StudyKind.TWO_AXIS_RANKING: two_axis_ranking,
    StudyKind.PAIRS: pairs,
}
OTHER_TASKS: Mapping[Purpose, Task] = {
    Purpose.REVIEW: blind_review,
    Purpose.ADJUDICATION: adjudication,
    Purpose.SPOT_CHECK: spot_check,
}

SUBMISSIONS: Mapping[str, type[Bounded]] = {
    "say": Say,
    "end": EndChat,
    "judge-turn": JudgeTurn,
    "close": preference_chat.Close,
    "consent": red_team_chat.Consent,
    "describe": red_team_chat.Describe,
    "rate-self": red_team_chat.RateSelf,
    "label": safety_labels.GiveLabel,
    "rank": two_axis_ranking.RankReplies,
    "judge-pair": pairs.JudgePair,
    "review": blind_review.ReviewAttempt,
    "rule": adjudication.Rule,
    "check-writing": spot_check.CheckWriting,
}
"""Everything that can be submitted, by its `act`; the schemas of the API are made of these."""


def task_for(study: StudyFile, purpose: Purpose) -> Task:
    """The logic of an item."""
    return OTHER_TASKS[purpose] if purpose in OTHER_TASKS else _study_task(study, purpose)


def _study_task(study: StudyFile, purpose: Purpose) -> StudyTask:
    # A live conversation has no known answer: who is to chat is measured by pairs, judged on the study's axis.
    if study.kind is StudyKind.PREFERENCE_CHAT and purpose in KNOWN_ANSWERS:
        return pairs
    return STUDY_TASKS[study.kind]


def items_from_records(
    records: Iterable[Record], study: StudyFile, purpose: Purpose = Purpose.WORK
) -> Iterator[NewItem | PassedOver]:
    """The items of a study from records, and the records that make none, each with a code and a reason.

    Raises:
        UsageError: items of this purpose follow from work, not from records, or the study's kind knows none.
    """
    if purpose in OTHER_TASKS or (study.kind is StudyKind.RED_TEAM_CHAT and purpose in KNOWN_ANSWERS):
        raise UsageError(
            "PL-ITM-007",
            f"study {study.name}",
            f"{study.kind} has no items of purpose {purpose} from records",
            advice="enter items for work",
        )
    return _study_task(study, purpose).items_from_records(records, study, purpose)


def items_from_workers(study: StudyFile, first: int, count: int) -> Iterator[NewItem]:
    """Conversations that the workers begin themselves, numbered from `first`; a number gives the same item again.

    Raises:
        UsageError: the study takes its items from elsewhere.
    """
    if not study.items.from_workers:
        raise UsageError(
            "PL-ITM-007",
            f"study {study.name}",
            "its items do not come from workers",
            expected='items = "workers"',
            advice="enter items from its data",
        )
    for number in range(first, first + count):
        key, payload = chat_item_of_worker(number)
        yield NewItem(key=key, purpose=Purpose.WORK, payload=payload.as_json(), overlap=study.overlap)


def transcript_of(work: Work, study: StudyFile) -> Conversation:
    """What was said in a chat so far, replies that went on included; what a spot check of the writing looks at."""
    return conversation_before(work, study.turns + 1)


def described_for_checks(work: Work, study: StudyFile) -> str | None:
    """What a red teamer set out to try, for who looks at the writing; None where the study hides it from reviewers.

    Somebody may review an attempt whose writing they checked.
    """
    hidden = study.review is not None and not study.review.show_description
    return None if hidden or study.kind is not StudyKind.RED_TEAM_CHAT else red_team_chat.description_of(work)


def score_of(work: Work, study: StudyFile, truth: JsonObject) -> Score:
    """How right the work on an item with a known answer is; nothing asked where nothing is known or done."""
    score = _SCORES.get(study.kind)
    return Score(0, 0) if score is None else score(work, truth)


_SCORES: Mapping[StudyKind, Callable[[Work, JsonObject], Score]] = {
    StudyKind.PREFERENCE_CHAT: pairs.score_of,
    StudyKind.PAIRS: pairs.score_of,
    StudyKind.SAFETY_LABELS: safety_labels.score_of,
    StudyKind.TWO_AXIS_RANKING: two_axis_ranking.score_of,
}


def comparisons_of(
    work: Work,
    study: StudyFile,
    purpose: Purpose = Purpose.WORK,
    first_row: int = 0,
    rulings: Mapping[int, HarmLabel] | None = None,
) -> tuple[Comparison, ...]:
    """The comparisons in an assignment's work; none where its task makes none.

    Args:
        work: everything stored of the assignment.
        study: its settings.
        purpose: of its item.
        first_row: of the `rows_per_assignment` row numbers that it takes.
        rulings: of a ranking, see `adjudication.rulings_for`.
    """
    if purpose in OTHER_TASKS or study.kind is StudyKind.SAFETY_LABELS:
        return ()
    if study.kind is StudyKind.TWO_AXIS_RANKING:
        return ranking_records.comparisons_of(work, study, first_row, rulings)
    if study.kind is StudyKind.PAIRS or purpose in KNOWN_ANSWERS:
        return pairs.comparisons_of(work, study, first_row)
    return turn_comparisons(work, study, first_row)


def safety_labels_of(
    work: Work,
    study: StudyFile,
    purpose: Purpose = Purpose.WORK,
    first_row: int = 0,
    *,
    with_labels_of_data: bool = True,
) -> tuple[SafetyLabel, ...]:
    """The safety labels in an assignment's work, rulings among them; the arguments are those of `comparisons_of`.

    Args:
        with_labels_of_data: of a ranking, also those that its item brought along, see `ranking_records`.
    """
    if purpose is Purpose.ADJUDICATION:
        return adjudication.safety_labels_of(work, study, first_row)
    if purpose in OTHER_TASKS:
        return ()
    if study.kind is StudyKind.SAFETY_LABELS:
        return safety_labels.safety_labels_of(work, study, first_row)
    if study.kind is StudyKind.TWO_AXIS_RANKING:
        return ranking_records.safety_labels_of(work, study, first_row, with_labels_of_data=with_labels_of_data)
    return ()


attempt_of = red_team_chat.attempt_of
side_labels_of = ranking_records.side_labels_of


def rows_per_assignment(study: StudyFile) -> int:
    """How many row numbers each assignment of a study takes, whatever comes of it: its n-th begins at n times this."""
    if study.kind in CHATS:
        return rows_of_chat(study)
    return ranking_records.ROWS_PER_RANKING if study.kind is StudyKind.TWO_AXIS_RANKING else 1
