"""Logging in and out, passwords, invitations.

Routes that need no session take JSON alone, which no other site's form can send, so nobody is logged in by another site.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Request, Response

from plumbline.collect.api import schemas, shown
from plumbline.collect.api.documented import documented
from plumbline.collect.api.parameters import PREFIX, AfterId, Limit, serving_of
from plumbline.collect.api.serving import Asked, json_response
from plumbline.collect.service.identity import inviting
from plumbline.collect.service.identity.logging_in import change_password as set_another_password
from plumbline.collect.service.identity.logging_in import log_in as log_somebody_in
from plumbline.collect.service.identity.logging_in import log_out as end_one_session
from plumbline.collect.store.identity.invitations import list_invitations as stored_invitations
from plumbline.collect.store.rows import Role

router = APIRouter(prefix=PREFIX, tags=["identity"])
InvitationId = Annotated[int, Path(ge=1, le=2**62)]


@router.post("/sessions", **documented(schemas.LoggedInAnswer, schemas.LogIn, status=201))
async def log_in(request: Request) -> Response:
    """Begins a session, in a cookie, for who has this name and this password. Over TLS, or on the server's machine."""
    serving = serving_of(request)
    sent = await serving.of_nobody(request)
    serving.require_login_here(request)
    body, earlier = sent.body(schemas.LogIn), serving.earlier_session(request)
    found = await log_somebody_in(serving.collecting, body.name, body.password, sent.address, earlier)
    return serving.session_response(request, found)


@router.delete("/sessions/current", **documented(schemas.LoggedOut))
async def log_out(request: Request) -> Response:
    """Ends the session that the request came by; a token in a header is not ended."""
    serving = serving_of(request)

    def ended(asked: Asked) -> schemas.LoggedOut:
        """In a thread: whether there was one."""
        return schemas.LoggedOut(asked.session is not None and end_one_session(serving.collecting, asked.session))

    response = await serving.answer(request, ended)
    if serving.earlier_session(request) is not None:
        response.headers["set-cookie"] = serving.site.end_cookies(request.scope)
    return response


@router.post("/invitations/read", **documented(schemas.InvitationRead, schemas.ReadCode))
async def read_invitation(request: Request) -> Response:
    """What an invitation is for, by its code; nothing changes by it."""
    serving = serving_of(request)
    code = (await serving.of_nobody(request)).body(schemas.ReadCode).code
    found = await serving.collecting.calls.run(inviting.read_invitation, serving.collecting, code)
    answer = schemas.InvitationRead(
        found.role.value, found.study, found.for_somebody, found.has_account, found.ends_others, found.expires_at
    )
    return json_response(msgspec.json.encode(answer))


@router.post("/invitations/accepted", **documented(schemas.LoggedInAnswer, schemas.Accept, status=201))
async def accept_invitation(request: Request) -> Response:
    """Lets somebody in by an invitation's code, with a name and a password of theirs, and begins a session."""
    serving = serving_of(request)
    sent = await serving.of_nobody(request)
    serving.require_login_here(request)
    body, earlier = sent.body(schemas.Accept), serving.earlier_session(request)
    found = await inviting.accept(serving.collecting, body.code, body.name, body.password, earlier)
    return serving.session_response(request, found)


@router.post("/invitations", **documented(schemas.InvitationMade, schemas.NewInvitation, status=201))
async def create_invitation(request: Request) -> Response:
    """A link that lets somebody in; managers invite workers and reviewers, owners anyone. The code is shown once."""
    serving = serving_of(request)

    def made(asked: Asked) -> schemas.InvitationMade:
        """In a thread: the invitation with its code."""
        body = asked.body(schemas.NewInvitation)
        role = None if body.role is None else Role(body.role)
        wanted = inviting.Wanted(role, body.study, body.pseudonym, body.days, body.uses, body.note)
        return shown.invited(inviting.invite(serving.collecting, asked.person, wanted))

    return await serving.answer(request, made, 201)


@router.get("/invitations", **documented(schemas.Invitations))
async def list_invitations(request: Request, after: AfterId = 0, limit: Limit = 100) -> Response:
    """Invitations without their codes, page by page; for who is of one study, those into it."""
    serving = serving_of(request)

    def listed(asked: Asked) -> schemas.Invitations:
        """In a thread: one page."""
        only = asked.person.only_study_id
        rows = stored_invitations(serving.collecting.store, after=after, limit=limit, only_study_id=only)
        lines = [shown.invitation(serving.collecting, row) for row in rows]
        return schemas.Invitations(lines, rows[-1].invitation.id if len(rows) == limit else None)

    return await serving.answer(request, listed)


# A number, so that the paths above are not taken for it.
@router.delete("/invitations/{invitation:int}", **documented(schemas.InvitationRevoked))
async def revoke_invitation(request: Request, invitation: InvitationId) -> Response:
    """Ends an invitation; who came by it stays."""
    serving = serving_of(request)
    return await serving.answer(
        request,
        lambda asked: schemas.InvitationRevoked(inviting.revoke(serving.collecting, asked.person, invitation)),
    )


@router.put("/me/password", **documented(schemas.PasswordChanged, schemas.NewPassword))
async def change_password(request: Request) -> Response:
    """Another password, for who knows the one they have; their other sessions end."""
    serving = serving_of(request)
    asked = await serving.done(request, lambda asked: asked)
    serving.site.require_private(request.scope)
    body = asked.body(schemas.NewPassword)
    done = await set_another_password(
        serving.collecting,
        asked.person,
        body.old,
        body.new,
        session=asked.session,
        address=asked.address,
        disconnect=body.disconnect,
    )
    return json_response(msgspec.json.encode(schemas.PasswordChanged(done.sessions_ended, done.outside_connected)))
