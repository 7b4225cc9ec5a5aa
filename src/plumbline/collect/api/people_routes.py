"""People and their tokens, by pseudonym."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from plumbline.collect.api import schemas, shown
from plumbline.collect.api.documented import documented
from plumbline.collect.api.parameters import PREFIX, Limit, Pseudonym, serving_of
from plumbline.collect.api.serving import Asked
from plumbline.collect.service.people import change_blocked, end_tokens, new_person, new_token, reach
from plumbline.collect.store.people import list_people as stored_people
from plumbline.collect.store.rows import Role

router = APIRouter(prefix=PREFIX, tags=["people"])


@router.get("/me", **documented(schemas.MeAnswer))
async def me(request: Request) -> Response:
    """Whose token or session it is; also for who is blocked, so that they can be told."""
    serving = serving_of(request)
    return await serving.answer(request, lambda asked: shown.me(serving.collecting, asked.person))


@router.get("/people", **documented(schemas.People))
async def list_people(
    request: Request, after: Annotated[str, Query(max_length=64)] = "", limit: Limit = 100
) -> Response:
    """Everybody, page by page; for who is of one study, the people of that study."""
    serving = serving_of(request)

    def people(asked: Asked) -> schemas.People:
        """In a thread: one page."""
        only = asked.person.only_study_id
        rows = stored_people(serving.collecting.store, after=after, limit=limit, only_study_id=only)
        return schemas.People([shown.person(row) for row in rows], rows[-1].id if len(rows) == limit else None)

    return await serving.answer(request, people)


@router.post("/people", **documented(schemas.TokenAnswer, schemas.NewPerson, status=201))
async def add_person(request: Request) -> Response:
    """Somebody new, with a token that is shown once; managers add workers and reviewers, owners anyone."""
    serving = serving_of(request)

    def add(asked: Asked) -> schemas.TokenAnswer:
        """In a thread: the person, and the token, which is shown once."""
        body = asked.body(schemas.NewPerson)
        role = Role(body.role)
        person, token, expires_at = new_person(serving.collecting, asked.person, role, body.token_days)
        return schemas.TokenAnswer(person.pseudonym, person.role.value, token, expires_at)

    return await serving.answer(request, add, 201)


@router.post("/people/{pseudonym}/tokens", **documented(schemas.TokenAnswer, schemas.NewToken, status=201))
async def issue_token(request: Request, pseudonym: Pseudonym) -> Response:
    """Another token for somebody who has nothing but tokens; who has an account, or came from elsewhere, gets a link instead."""
    serving = serving_of(request)

    def issue(asked: Asked) -> schemas.TokenAnswer:
        """In a thread: the token, which is shown once."""
        by, days = asked.person, asked.body(schemas.NewToken).token_days
        role = reach(serving.collecting, by, pseudonym).role
        token, expires_at = new_token(serving.collecting, by, pseudonym, days)
        return schemas.TokenAnswer(pseudonym, role.value, token, expires_at)

    return await serving.answer(request, issue, 201)


@router.delete("/people/{pseudonym}/tokens", **documented(schemas.Revoked))
async def revoke_tokens(request: Request, pseudonym: Pseudonym) -> Response:
    """Ends all tokens and sessions of somebody."""
    serving = serving_of(request)
    return await serving.answer(
        request, lambda asked: schemas.Revoked(end_tokens(serving.collecting, asked.person, pseudonym))
    )


@router.put("/people/{pseudonym}/blocked", **documented(schemas.PersonAnswer, schemas.Blocked))
async def set_blocked(request: Request, pseudonym: Pseudonym) -> Response:
    """Blocks somebody, or lifts it: a blocked one gets no work and may submit none."""
    serving = serving_of(request)

    def changed(asked: Asked) -> schemas.PersonAnswer:
        """In a thread: the person as now."""
        blocked = asked.body(schemas.Blocked).blocked
        return shown.person(change_blocked(serving.collecting, asked.person, pseudonym, blocked))

    return await serving.answer(request, changed)
