"""The service's values as answers; what a worker must not know (slots, sides, models, what an item is for) stays here."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from fastapi import Response

from plumbline.collect.api import schemas
from plumbline.collect.api.serving import json_response
from plumbline.collect.kinds import Step
from plumbline.collect.kinds.item_entry import places_told
from plumbline.collect.service.beginning import Begun, shown_purpose
from plumbline.collect.service.collecting import Collecting
from plumbline.collect.service.entering import EnteredItems
from plumbline.collect.service.held_work import Held, step_json, step_to_show
from plumbline.collect.service.identity.inviting import Invited, invitation_study
from plumbline.collect.service.own_judgements import OwnJudgement
from plumbline.collect.service.status import WorkerStatus
from plumbline.collect.service.studies import queues_of
from plumbline.collect.service.submitting import Submitted
from plumbline.collect.store.identity.accounts import account_of
from plumbline.collect.store.identity.invitations import ListedInvitation
from plumbline.collect.store.items import QueueCount
from plumbline.collect.store.rows import Assignment, Draft, Guidelines, Item, Judgement, Person, Receipt, Study


def step(asked: Step) -> schemas.Step:
    """A step."""
    return msgspec.convert(step_json(asked), schemas.Step)


def work(collecting: Collecting, begun: Begun) -> schemas.Work:
    """An item in hand."""
    held = begun.held
    return schemas.Work(
        assignment=held.assignment.id,
        study=held.settings.name,
        queue=shown_purpose(held.item.purpose).value,
        fence=held.assignment.fence,
        expires_at=held.assignment.expires_at,
        guidelines_version=begun.guidelines_version,
        step=step(step_to_show(collecting, held)),
    )


def step_response(held: Held, asked: Step) -> Response:
    """What an assignment asks now."""
    assignment = held.assignment
    answer = schemas.StepAnswer(
        assignment.id, assignment.fence, assignment.state.value, assignment.expires_at, step(asked)
    )
    return json_response(msgspec.json.encode(answer))


def submitted(result: Submitted) -> schemas.SubmitAnswer:
    """What became of an answer."""
    receipt = result.receipt
    return schemas.SubmitAnswer(receipt.outcome.value, list(receipt.judgement_ids), receipt.repeated, step(result.step))


def corrected(receipt: Receipt) -> schemas.CorrectAnswer:
    """What became of a correction."""
    return schemas.CorrectAnswer(list(receipt.judgement_ids), receipt.repeated)


def lease(assignment: Assignment) -> schemas.Lease:
    """How an assignment stands."""
    return schemas.Lease(assignment.id, assignment.state.value, assignment.fence, assignment.expires_at)


def draft(stored: Draft | None) -> schemas.DraftAnswer:
    """A draft."""
    return schemas.DraftAnswer(0, None) if stored is None else schemas.DraftAnswer(stored.version, stored.payload)


def judgements(rows: Sequence[Judgement]) -> schemas.Judgements:
    """Judgements without what was judged."""
    return schemas.Judgements(
        [schemas.JudgementLine(row.id, row.part, row.kind, row.corrects, row.created_at) for row in rows]
    )


def own_judgements(rows: Sequence[Judgement], limit: int) -> schemas.OwnJudgements:
    """A page of somebody's judgements."""
    page = [
        schemas.OwnJudgement(row.id, row.assignment_id, row.part, row.kind, row.corrects, row.created_at)
        for row in rows
    ]
    return schemas.OwnJudgements(page, rows[-1].id if len(rows) == limit else None)


def judged(own: OwnJudgement) -> schemas.Judged:
    """A judgement with what was judged, as it was shown."""
    row, found = own.row, own.judged
    return schemas.Judged(
        id=row.id,
        assignment=row.assignment_id,
        study=own.held.settings.name,
        part=row.part,
        kind=row.kind,
        corrects=row.corrects,
        created_at=row.created_at,
        guidelines_version=row.guidelines_version,
        can_be_corrected=found.can_be_corrected,
        step=step(found.ask),
        answer=found.answer,
    )


def study(collecting: Collecting, row: Study, guidelines_version: int) -> schemas.StudyAnswer:
    """A study as everyone may see it: not its file, which names sources and variables."""
    queues = queues_of(collecting.catalogue.named(row.name).settings)
    return schemas.StudyAnswer(
        row.name, row.kind, row.state.value, [queue.value for queue in queues], guidelines_version
    )


def guidelines(row: Guidelines) -> schemas.GuidelinesAnswer:
    """One version."""
    return schemas.GuidelinesAnswer(row.version, row.text, row.sha256, row.created_at)


def queue(count: QueueCount) -> schemas.Queue:
    """A queue; items that everybody gets have no number of places."""
    return schemas.Queue(count.items, count.complete, places_told(count.slots), count.leased, count.submitted)


def worker(status: WorkerStatus) -> schemas.WorkerAnswer:
    """How somebody stands in a study."""
    return schemas.WorkerAnswer(
        pseudonym=status.pseudonym,
        consented_at=status.participation.consented_at,
        qualification=status.participation.qualification.value,
        training_items_left=None if status.training is None else status.training.items_left,
        finished=status.finished,
        submitted={purpose.value: count for purpose, count in status.submitted.items()},
        scores={
            purpose.value: schemas.ScoreAnswer(score.right, score.asked) for purpose, score in status.scores.items()
        },
    )


def entered(result: EnteredItems) -> schemas.EnteredAnswer:
    """What became of data."""
    entered_rows = result.entered
    return schemas.EnteredAnswer(
        new=entered_rows.new,
        known=entered_rows.known,
        differing=len(entered_rows.differing),
        passed_over=result.passed_over,
        faults=result.faults,
        rows_read=result.rows_read,
    )


def items(rows: Sequence[Item], limit: int) -> schemas.Items:
    """A page of items."""
    page = [
        schemas.ItemAnswer(
            row.id, row.key, row.purpose.value, row.priority, row.overlap, row.open_slots, row.payload, row.truth
        )
        for row in rows
    ]
    return schemas.Items(page, rows[-1].id if len(rows) == limit else None)


def person(row: Person) -> schemas.PersonAnswer:
    """Somebody, by pseudonym."""
    return schemas.PersonAnswer(
        row.pseudonym, row.role.value, row.created_at, row.blocked_at is not None, row.erased_at is not None
    )


def me(collecting: Collecting, row: Person) -> schemas.MeAnswer:
    """Somebody, to themselves."""
    account = account_of(collecting.store, row.id)
    only = None if row.only_study_id is None else collecting.catalogue.of_id(row.only_study_id).settings.name
    told = person(row)
    return schemas.MeAnswer(
        pseudonym=told.pseudonym,
        role=told.role,
        created_at=told.created_at,
        blocked=told.blocked,
        erased=told.erased,
        name=None if account is None else account.name,
        only_study=only,
    )


def invited(made: Invited) -> schemas.InvitationMade:
    """An invitation with its code, this once."""
    return schemas.InvitationMade(
        id=made.id,
        code=made.code,
        link_path=made.link_path,
        role=made.role.value,
        study=made.study,
        pseudonym=made.pseudonym,
        expires_at=made.expires_at,
        uses=made.uses,
        note=made.note,
    )


def invitation(collecting: Collecting, listed: ListedInvitation) -> schemas.InvitationLine:
    """An invitation without its code."""
    row = listed.invitation
    return schemas.InvitationLine(
        id=row.id,
        role=row.role.value,
        study=invitation_study(collecting, row),
        pseudonym=listed.person,
        created_by=listed.created_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        uses_left=row.uses_left,
        revoked=row.revoked_at is not None,
        note=row.note,
    )
