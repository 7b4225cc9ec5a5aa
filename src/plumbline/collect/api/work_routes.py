"""A worker's work: the next item, its steps, turns, submissions, corrections, drafts, and giving an item back."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from plumbline.collect.api import schemas, shown
from plumbline.collect.api.documented import documented
from plumbline.collect.api.parameters import PREFIX, AssignmentId, BeforeId, JudgementId, Limit, StudyName, serving_of
from plumbline.collect.api.serving import Asked
from plumbline.collect.kinds import Purpose
from plumbline.collect.service.beginning import begin_work, is_over, left_to_others, standing_of
from plumbline.collect.service.giving_back import give_back, keep
from plumbline.collect.service.own_judgements import own_judgement
from plumbline.collect.service.speaking import say as say_turn
from plumbline.collect.service.submitting import Answer, correct_judgement, submit_answer
from plumbline.collect.store.assignments import read_assignment
from plumbline.collect.store.drafts import read_draft as stored_draft
from plumbline.collect.store.drafts import save_draft as store_draft
from plumbline.collect.store.judgements import judgements_of_assignment, judgements_of_worker
from plumbline.collect.store.rows import Person

router = APIRouter(prefix=PREFIX, tags=["work"])

ASSIGNMENT = "/assignments/{assignment}"


# --- the next item ---


@router.post("/studies/{study}/next", **documented(schemas.Work))
async def next_item(request: Request, study: StudyName) -> Response:
    """The worker's next item; the one in hand again, where there is one."""
    return await _next(request, study, Purpose.WORK)


@router.post("/studies/{study}/review/next", **documented(schemas.Work))
async def next_review(request: Request, study: StudyName) -> Response:
    """The next red-team transcript to review; never one's own."""
    return await _next(request, study, Purpose.REVIEW)


@router.post("/studies/{study}/adjudication/next", **documented(schemas.Work))
async def next_adjudication(request: Request, study: StudyName) -> Response:
    """The next disputed label to rule on."""
    return await _next(request, study, Purpose.ADJUDICATION)


@router.post("/studies/{study}/spot-checks/next", **documented(schemas.Work))
async def next_spot_check(request: Request, study: StudyName) -> Response:
    """The next conversation whose writing is to be looked at."""
    return await _next(request, study, Purpose.SPOT_CHECK)


async def _next(request: Request, study: str, queue: Purpose) -> Response:
    serving = serving_of(request)
    collecting = serving.collecting

    def begin(asked: Asked) -> schemas.Work:
        """In a thread: an item, or why there is none."""
        begun = begin_work(collecting, asked.person, study, queue)
        if begun is not None:
            return shown.work(collecting, begun)
        known = collecting.catalogue.named(study)
        over = queue is Purpose.WORK and is_over(known.settings, standing_of(collecting, asked.person, known))
        left = left_to_others(collecting, asked.person, known, queue)
        return schemas.Work(assignment=None, over=over, left=left)

    return await serving.answer(request, begin)


# --- an item in hand ---


@router.post(f"{ASSIGNMENT}/step", **documented(schemas.StepAnswer))
async def step(request: Request, assignment: AssignmentId) -> Response:
    """What the assignment asks now. Replies that it waits for are drawn; where that fails, the same call tries again."""
    serving = serving_of(request)
    person = await serving.done(request, lambda asked: asked.person)
    return shown.step_response(*await serving.drawing.step(person, assignment))


@router.post(f"{ASSIGNMENT}/turn", **documented(schemas.StepAnswer, schemas.Turn))
async def say(request: Request, assignment: AssignmentId) -> Response:
    """The worker's turn, and the two replies to it. The turn is kept where no replies come; then ask for the step."""
    serving = serving_of(request)

    def spoken(asked: Asked) -> Person:
        """In a thread: the turn stored; replies are drawn afterwards."""
        body = asked.body(schemas.Turn)
        say_turn(serving.collecting, asked.person, assignment, body.fence, body.turn, body.text)
        return asked.person

    person = await serving.done(request, spoken)
    return shown.step_response(*await serving.drawing.step(person, assignment))


@router.post(f"{ASSIGNMENT}/submit", **documented(schemas.SubmitAnswer, schemas.Submit, keyed=True))
async def submit(request: Request, assignment: AssignmentId) -> Response:
    """The answer to a step. Where the outcome is late, the slot was another's by then: kept, not counted."""
    serving = serving_of(request)

    def submitted(asked: Asked) -> schemas.SubmitAnswer:
        """In a thread: the receipt."""
        known, body = asked.known(), asked.body(schemas.Submit)
        answer = Answer(body.fence, body.submission, body.guidelines_version, body.seconds)
        return shown.submitted(submit_answer(serving.collecting, asked.person, assignment, answer, known))

    return await serving.answer(request, submitted)


@router.post(f"{ASSIGNMENT}/release", **documented(schemas.Lease, schemas.Leased))
async def release(request: Request, assignment: AssignmentId) -> Response:
    """Gives the item back unjudged; it is not offered again."""
    serving = serving_of(request)

    def released(asked: Asked) -> schemas.Lease:
        """In a thread: the lease given back."""
        return shown.lease(give_back(serving.collecting, asked.person, assignment, asked.body(schemas.Leased).fence))

    return await serving.answer(request, released)


@router.post(f"{ASSIGNMENT}/extend", **documented(schemas.Lease, schemas.Leased))
async def extend(request: Request, assignment: AssignmentId) -> Response:
    """A later end for the lease; has an ended one again where a slot is still open."""
    serving = serving_of(request)

    def extended(asked: Asked) -> schemas.Lease:
        """In a thread: the lease, longer."""
        return shown.lease(keep(serving.collecting, asked.person, assignment, asked.body(schemas.Leased).fence))

    return await serving.answer(request, extended)


# --- drafts ---


@router.get(f"{ASSIGNMENT}/draft", **documented(schemas.DraftAnswer))
async def read_draft(request: Request, assignment: AssignmentId) -> Response:
    """What was written so far; version 0 where nothing was."""
    serving = serving_of(request)
    store = serving.collecting.store
    return await serving.answer(request, lambda asked: shown.draft(stored_draft(store, assignment, asked.person.id)))


@router.put(f"{ASSIGNMENT}/draft", **documented(schemas.DraftAnswer, schemas.SaveDraft))
async def save_draft(request: Request, assignment: AssignmentId) -> Response:
    """Saves over the version that was read; where another was saved meanwhile, 409 with that one."""
    serving = serving_of(request)
    collecting = serving.collecting

    def save(asked: Asked) -> schemas.DraftAnswer:
        """In a thread: the draft stored, where the version read is the newest."""
        body, now, worker = asked.body(schemas.SaveDraft), collecting.clock(), asked.person.id
        return shown.draft(
            store_draft(collecting.store, assignment, worker, body.payload, version_read=body.version, now=now)
        )

    return await serving.answer(request, save)


# --- judgements of one's own ---


@router.get(f"{ASSIGNMENT}/judgements", **documented(schemas.Judgements))
async def list_judgements(request: Request, assignment: AssignmentId) -> Response:
    """The judgements of an assignment of one's own, to name one that is to be corrected."""
    serving = serving_of(request)
    store = serving.collecting.store

    def judgements(asked: Asked) -> schemas.Judgements:
        """In a thread: one's own."""
        read_assignment(store, assignment, asked.person.id)
        return shown.judgements(judgements_of_assignment(store, assignment))

    return await serving.answer(request, judgements)


@router.get("/studies/{study}/judgements/own", **documented(schemas.OwnJudgements))
async def list_own_judgements(
    request: Request, study: StudyName, before: BeforeId | None = None, limit: Limit = 100
) -> Response:
    """One's own judgements of a study as they stand, newest first, to look at one again or to correct it."""
    serving = serving_of(request)
    collecting = serving.collecting

    def own(asked: Asked) -> schemas.OwnJudgements:
        """In a thread: one page of them."""
        known = collecting.catalogue.named(study)
        rows = judgements_of_worker(collecting.store, known.id, asked.person.id, before=before, limit=limit)
        return shown.own_judgements(rows, limit)

    return await serving.answer(request, own)


@router.get("/judgements/{judgement}", **documented(schemas.Judged))
async def read_judgement(request: Request, judgement: JudgementId) -> Response:
    """A judgement of one's own with what was judged, as it was shown; its answer, changed, is what a correction takes."""
    serving = serving_of(request)
    collecting = serving.collecting
    return await serving.answer(request, lambda asked: shown.judged(own_judgement(collecting, asked.person, judgement)))


@router.post("/judgements/{judgement}/correct", **documented(schemas.CorrectAnswer, schemas.Correct, keyed=True))
async def correct(request: Request, judgement: JudgementId) -> Response:
    """Another answer in the place of one's own earlier one; both stay stored."""
    serving = serving_of(request)

    def corrected(asked: Asked) -> schemas.CorrectAnswer:
        """In a thread: the receipt of the correction."""
        known, body = asked.known(), asked.body(schemas.Correct)
        answer = Answer(0, body.submission, body.guidelines_version, body.seconds)
        return shown.corrected(correct_judgement(serving.collecting, asked.person, judgement, answer, known))

    return await serving.answer(request, corrected)
