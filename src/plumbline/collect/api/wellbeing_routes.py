"""A worker's own standing in a study, what they do not want to see, how they feel; and arriving from elsewhere."""

from __future__ import annotations

import msgspec
from fastapi import APIRouter, Request, Response

from plumbline.collect.api import schemas
from plumbline.collect.api.documented import documented
from plumbline.collect.api.parameters import PREFIX, StudyName, serving_of
from plumbline.collect.api.serving import Asked
from plumbline.collect.service.identity.arriving import Arriving, arrive_from
from plumbline.collect.service.identity.logging_in import LoggedIn, begin_session
from plumbline.collect.service.wellbeing.moods import SCALE, tell_mood
from plumbline.collect.service.wellbeing.preferences import set_opted_out
from plumbline.collect.service.wellbeing.standing import Standing
from plumbline.collect.service.wellbeing.standing import read_standing as standing_in
from plumbline.collect.store.failures import NotFoundError

router = APIRouter(prefix=PREFIX, tags=["wellbeing"])


@router.get("/studies/{study}/standing", **documented(schemas.StandingAnswer))
async def read_standing(request: Request, study: StudyName) -> Response:
    """How far one is in a study, what is due, and what it offers for one's well-being."""
    serving = serving_of(request)
    return await serving.answer(request, lambda asked: _standing(standing_in(serving.collecting, asked.person, study)))


@router.put("/studies/{study}/preferences", **documented(schemas.PreferencesAnswer, schemas.Preferences))
async def set_preferences(request: Request, study: StudyName) -> Response:
    """Opts out of topics: their items are given back before one sees them, and nothing counts against anybody."""
    serving = serving_of(request)

    def stored(asked: Asked) -> schemas.PreferencesAnswer:
        """In a thread: the topics, as they are stored."""
        wished = asked.body(schemas.Preferences).opted_out
        return schemas.PreferencesAnswer(list(set_opted_out(serving.collecting, asked.person, study, wished)))

    return await serving.answer(request, stored)


@router.post("/studies/{study}/moods", **documented(schemas.MoodAnswer, schemas.NewMood, status=201))
async def add_mood(request: Request, study: StudyName) -> Response:
    """How one feels, or that one would rather not say. Managers see days with five people or more, and no one person."""
    serving = serving_of(request)

    def stored(asked: Asked) -> schemas.MoodAnswer:
        """In a thread: the survey, once."""
        body = asked.body(schemas.NewMood)
        feelings = None if body.feelings is None else msgspec.structs.asdict(body.feelings)
        told = tell_mood(serving.collecting, asked.person, study, feelings, declined=body.declined)
        return schemas.MoodAnswer(told)

    return await serving.answer(request, stored, 201)


@router.post("/arrivals", **documented(schemas.LoggedInAnswer, schemas.NewArrival, status=201))
async def arrive(request: Request) -> Response:
    """Lets in who comes from Prolific or MTurk, as a worker of that study alone, and begins a session as logging in does."""
    serving = serving_of(request)
    sent = await serving.of_nobody(request)
    serving.require_login_here(request)
    body, earlier = sent.body(schemas.NewArrival), serving.earlier_session(request)
    arriving = Arriving(body.provider, body.study, body.participant, body.visit, body.study_of_provider)

    def let_in() -> LoggedIn:
        """In a thread: the person, and their session."""
        try:
            person = arrive_from(serving.collecting, arriving)
        except NotFoundError:
            # As in `Serving`: a restore may have put another study of the name there.
            if not serving.collecting.catalogue.forget_gone():
                raise
            person = arrive_from(serving.collecting, arriving)
        return begin_session(serving.collecting, person, earlier)

    return serving.session_response(request, await serving.collecting.calls.run(let_in))


def _standing(found: Standing) -> schemas.StandingAnswer:
    wellbeing, completion = found.settings.wellbeing, found.visit.completion
    return schemas.StandingAnswer(
        finished=found.finished,
        submitted={purpose.value: count for purpose, count in found.submitted.items()},
        training_items_left=found.training_items_left,
        qualified=found.qualified,
        over=found.over,
        minutes_today=found.minutes_today,
        enough_today=found.enough_today,
        mood_due=found.mood_due,
        feelings=list(found.feelings),
        feeling_scale=list(SCALE) if found.feelings else [],
        topics=schemas.TopicsAnswer(list(found.topics), list(found.opted_out)),
        wellbeing=None if wellbeing is None else schemas.WellbeingAnswer(**wellbeing.model_dump()),
        help=found.settings.help,
        completion=None if completion is None else schemas.CompletionAnswer(completion.code, completion.url),
        next_items_to_completion=found.visit.items_to_go,
        items_open=found.items_open,
        newest_note_at=found.newest_note_at,
    )
