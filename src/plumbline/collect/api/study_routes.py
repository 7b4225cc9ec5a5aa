"""Studies: creating and pausing them, their guidelines, how far they are."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from plumbline.collect.api import schemas, shown
from plumbline.collect.api.documented import documented
from plumbline.collect.api.parameters import PREFIX, AfterId, GuidelinesVersion, Limit, Pseudonym, StudyName, serving_of
from plumbline.collect.api.serving import Asked, Serving, json_response
from plumbline.collect.service.status import study_status, worker_status
from plumbline.collect.service.studies import change_state, new_guidelines, new_study, read_named
from plumbline.collect.store.rows import Study, StudyState
from plumbline.collect.store.studies import list_studies as stored_studies
from plumbline.collect.store.studies import newest_guidelines, newest_version
from plumbline.collect.store.studies import read_guidelines as stored_guidelines
from plumbline.collect.store.submission import list_late as stored_late

router = APIRouter(prefix=PREFIX, tags=["studies"])


@router.get("/health", **documented(schemas.Health), tags=["server"])
async def health(request: Request) -> Response:
    """Whether the server and its database answer."""
    collecting = serving_of(request).collecting
    await collecting.checks.run(collecting.store.read, lambda connection: connection.info)
    return json_response(b'{"status":"ok"}')


@router.get("/studies", **documented(schemas.Studies))
async def list_studies(request: Request) -> Response:
    """All studies; for who is of one study, that one."""
    serving = serving_of(request)

    def studies(asked: Asked) -> schemas.Studies:
        """In a thread: those that they may see."""
        rows = stored_studies(serving.collecting.store)
        seen = [row for row in rows if asked.person.only_study_id in (None, row.id)]
        return schemas.Studies([_shown(serving, row) for row in seen])

    return await serving.answer(request, studies)


@router.post("/studies", **documented(schemas.StudyAnswer, schemas.NewStudy, status=201))
async def create_study(request: Request) -> Response:
    """A new study from its file's text; everything that is wrong with it is told at once."""
    serving = serving_of(request)

    def created(asked: Asked) -> schemas.StudyAnswer:
        """In a thread: the study."""
        body = asked.body(schemas.NewStudy)
        made = new_study(serving.collecting, body.file, body.guidelines, serving.rules, by=asked.person)
        return _shown(serving, made)

    return await serving.answer(request, created, 201)


@router.get("/studies/{study}", **documented(schemas.StudyAnswer))
async def read_study(request: Request, study: StudyName) -> Response:
    """A study."""
    serving = serving_of(request)
    return await serving.answer(request, lambda _: _shown(serving, read_named(serving.collecting, study)))


@router.get("/studies/{study}/file", **documented(schemas.StudyFileAnswer))
async def read_study_file(request: Request, study: StudyName) -> Response:
    """The text of its file."""
    serving = serving_of(request)

    def file(_: Asked) -> schemas.StudyFileAnswer:
        """In a thread: the file as it was sent."""
        row = read_named(serving.collecting, study)
        return schemas.StudyFileAnswer(row.file, row.digest)

    return await serving.answer(request, file)


@router.put("/studies/{study}/state", **documented(schemas.StudyAnswer, schemas.NewState))
async def set_state(request: Request, study: StudyName) -> Response:
    """Opens, pauses or closes it; what is in hand can be submitted in every state."""
    serving = serving_of(request)

    def changed(asked: Asked) -> schemas.StudyAnswer:
        """In a thread: the study as now."""
        state = StudyState(asked.body(schemas.NewState).state)
        return _shown(serving, change_state(serving.collecting, study, state, by=asked.person))

    return await serving.answer(request, changed)


@router.get("/studies/{study}/guidelines", **documented(schemas.GuidelinesAnswer))
async def read_newest_guidelines(request: Request, study: StudyName) -> Response:
    """The version that workers are shown now."""
    serving = serving_of(request)
    collecting = serving.collecting
    return await serving.answer(
        request,
        lambda _: shown.guidelines(newest_guidelines(collecting.store, collecting.catalogue.named(study).id)),
    )


@router.get("/studies/{study}/guidelines/{version}", **documented(schemas.GuidelinesAnswer))
async def read_guidelines(request: Request, study: StudyName, version: GuidelinesVersion) -> Response:
    """One version."""
    serving = serving_of(request)
    collecting = serving.collecting
    return await serving.answer(
        request,
        lambda _: shown.guidelines(stored_guidelines(collecting.store, collecting.catalogue.named(study).id, version)),
    )


@router.post("/studies/{study}/guidelines", **documented(schemas.GuidelinesAnswer, schemas.NewGuidelines, status=201))
async def add_guidelines(request: Request, study: StudyName) -> Response:
    """The next version; judgements name the one that was shown."""
    serving = serving_of(request)

    def added(asked: Asked) -> schemas.GuidelinesAnswer:
        """In a thread: the version, unless another came meanwhile."""
        body = asked.body(schemas.NewGuidelines)
        made = new_guidelines(serving.collecting, study, body.text, body.after_version, by=asked.person)
        return shown.guidelines(made)

    return await serving.answer(request, added, 201)


@router.get("/studies/{study}/status", **documented(schemas.StatusAnswer))
async def read_status(request: Request, study: StudyName) -> Response:
    """How far it is; looks at every item."""
    serving = serving_of(request)

    def status(_: Asked) -> schemas.StatusAnswer:
        """In a thread: counts by queue."""
        found = study_status(serving.collecting, study)
        queues = {purpose.value: shown.queue(count) for purpose, count in found.queues.items()}
        return schemas.StatusAnswer(shown.study(serving.collecting, found.study, found.guidelines_version), queues)

    return await serving.answer(request, status)


@router.get("/studies/{study}/workers/{pseudonym}", **documented(schemas.WorkerAnswer))
async def read_worker(request: Request, study: StudyName, pseudonym: Pseudonym) -> Response:
    """How somebody stands in it: training, gold and attention items, what they finished."""
    serving = serving_of(request)
    return await serving.answer(request, lambda _: shown.worker(worker_status(serving.collecting, study, pseudonym)))


@router.get("/studies/{study}/late", **documented(schemas.LateAnswer))
async def list_late(request: Request, study: StudyName, after: AfterId = 0, limit: Limit = 100) -> Response:
    """Submissions to it that came when the slot was another's; kept, not counted."""
    serving = serving_of(request)

    def late(_: Asked) -> schemas.LateAnswer:
        """In a thread: one page."""
        study_id = serving.collecting.catalogue.named(study).id
        rows = stored_late(serving.collecting.store, study_id, after=after, limit=limit)
        return schemas.LateAnswer(
            [
                schemas.LateLine(row.id, row.assignment_id, row.fence, row.reason, row.payload, row.created_at)
                for row in rows
            ]
        )

    return await serving.answer(request, late)


def _shown(serving: Serving, row: Study) -> schemas.StudyAnswer:
    return shown.study(serving.collecting, row, newest_version(serving.collecting.store, row.id))
