"""Submitting the answer to a step, and correcting one: once, however often the request comes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from plumbline.collect.kinds import Accepted, Finished, NewJudgement, Step, SubmissionError
from plumbline.collect.service.after_work import after_submission, follow_ups
from plumbline.collect.service.collecting import Collecting
from plumbline.collect.service.failures import unknown_version
from plumbline.collect.service.giving_back import lease_end
from plumbline.collect.service.held_work import Held, hold, step_to_show
from plumbline.collect.service.wellbeing.topics import with_topics
from plumbline.collect.store.judgements import read_judgement
from plumbline.collect.store.rows import AssignmentState, Outcome, Person, Receipt, Submission
from plumbline.collect.store.rows import NewJudgement as JudgementRow
from plumbline.collect.store.submission import correct, decline, find_receipt, submit


@dataclass(frozen=True, slots=True)
class Request:
    """A request that changes something, and by what it is known again.

    Attributes:
        key: drawn by the client once per act.
        body_sha256: of the route and the body as they came.
    """

    key: str
    body_sha256: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A worker's answer to a step.

    Attributes:
        fence: as it came with the item.
        values: what is submitted, with its ``act``.
        guidelines_version: the version that was shown.
        seconds: time spent, as the client measured it.
    """

    fence: int
    values: Mapping[str, JsonValue]
    guidelines_version: int
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of an answer.

    Attributes:
        receipt: the same at every repetition.
        step: what the assignment asks now.
    """

    receipt: Receipt
    step: Step


def submit_answer(
    collecting: Collecting, worker: Person, assignment_id: int, answer: Answer, request: Request
) -> Submitted:
    """Stores a worker's answer to what their item asks, with what follows from it, in one transaction.

    Returns:
        With a receipt whose ``outcome`` is late where the slot was another's by then: kept, not counted.
    Raises:
        SubmissionError: it is not what is asked now, or not within the rules; nothing was stored.
        ConflictError: PL-COL-023 the key was used with another body, PL-COL-020 and PL-COL-024 it was answered under
            another key.
        NotFoundError: not theirs. NotAllowedError: PL-COL-031. ServiceError: PL-SVC-007.
    """
    held = hold(collecting, assignment_id, worker)
    if not collecting.catalogue.has_version(held.study.id, answer.guidelines_version):
        raise unknown_version(answer.guidelines_version)
    if answer.values.get("act") == "say":
        raise SubmissionError(
            "PL-SUB-002", "a turn is no judgement", expected="another act", advice="POST it to turn", field="act"
        )
    try:
        accepted = held.task.accept(held.work, answer.values, held.settings)
    except SubmissionError:
        # What was answered before is not asked any more.
        receipt = find_receipt(collecting.store, worker.id, request.key, request.body_sha256)
        if receipt is None:
            raise
        return _again(collecting, worker, assignment_id, receipt)
    if accepted.declined:
        return _decline(collecting, held, answer.fence, request)
    receipt = submit(collecting.store, _submission(collecting, held, accepted, answer, request), now=collecting.clock())
    if receipt.repeated:
        return _again(collecting, worker, assignment_id, receipt)
    if receipt.outcome is Outcome.LATE:
        return Submitted(receipt, _step_now(collecting, hold(collecting, assignment_id, worker)))
    if accepted.finished:
        after_submission(collecting, held)
    return Submitted(receipt, with_topics(collecting, held.study, held.item.payload, accepted.next))


def correct_judgement(
    collecting: Collecting, worker: Person, judgement_id: int, answer: Answer, request: Request
) -> Receipt:
    """A new judgement in the place of an earlier one of the same worker; both stay.

    Raises:
        SubmissionError: it is corrected already, or the new one is not within the rules.
        NotFoundError: no such judgement of theirs. ConflictError: PL-COL-023, PL-COL-027.
    """
    old = read_judgement(collecting.store, judgement_id)
    held = hold(collecting, old.assignment_id, worker)
    receipt = find_receipt(collecting.store, worker.id, request.key, request.body_sha256)
    if receipt is None:
        receipt = _correct(collecting, held, judgement_id, answer, request)
    # Also where it is repeated: it may have broken off before this.
    after_submission(collecting, held)
    return receipt


def _correct(collecting: Collecting, held: Held, judgement_id: int, answer: Answer, request: Request) -> Receipt:
    worker_id = held.assignment.worker_id
    if not collecting.catalogue.has_version(held.study.id, answer.guidelines_version):
        raise unknown_version(answer.guidelines_version)
    try:
        new = held.task.correct(held.work, str(judgement_id), answer.values, held.settings)
    except SubmissionError:
        # As in submit_answer: its twin may have come first.
        receipt = find_receipt(collecting.store, worker_id, request.key, request.body_sha256)
        if receipt is None:
            raise
        return receipt
    return correct(
        collecting.store,
        judgement_id,
        worker_id,
        _row(new, answer),
        idempotency_key=request.key,
        body_sha256=request.body_sha256,
        now=collecting.clock(),
    )


def _again(collecting: Collecting, worker: Person, assignment_id: int, receipt: Receipt) -> Submitted:
    """What the request was answered before, with what is asked now."""
    held = hold(collecting, assignment_id, worker)
    # It may have been stored and broken off before this.
    after_submission(collecting, held)
    return Submitted(receipt, _step_now(collecting, held))


def _step_now(collecting: Collecting, held: Held) -> Step:
    """What is asked now; nothing where the item is not in hand any more, whoever has it."""
    gone = held.assignment.state in (AssignmentState.EXPIRED, AssignmentState.RELEASED)
    return Finished() if gone else step_to_show(collecting, held)


def _submission(collecting: Collecting, held: Held, accepted: Accepted, answer: Answer, request: Request) -> Submission:
    now = collecting.clock()
    return Submission(
        assignment_id=held.assignment.id,
        worker_id=held.assignment.worker_id,
        fence=answer.fence,
        idempotency_key=request.key,
        body_sha256=request.body_sha256,
        judgements=tuple(_row(new, answer) for new in accepted.judgements),
        finished=accepted.finished,
        expires_at=None if accepted.finished else lease_end(held.settings, now),
        follow_ups=follow_ups(collecting, held, accepted),
        answer={"finished": accepted.finished},
        consents=any(new.kind == "consent" for new in accepted.judgements),
    )


def _row(new: NewJudgement, answer: Answer) -> JudgementRow:
    return JudgementRow(new.part, new.kind, new.payload, answer.guidelines_version, answer.seconds)


def _decline(collecting: Collecting, held: Held, fence: int, request: Request) -> Submitted:
    """Gives the item back: who does not consent is asked nothing more, and nothing counts against them."""
    receipt = decline(
        collecting.store,
        held.assignment.id,
        held.assignment.worker_id,
        fence,
        idempotency_key=request.key,
        body_sha256=request.body_sha256,
        now=collecting.clock(),
    )
    return Submitted(receipt, Finished())
