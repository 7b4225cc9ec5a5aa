"""Logging in by OpenID Connect: to the issuer, back from it, connecting one's account and disconnecting it.

The issuer sends browsers back to a page, which changes nothing: its module asks for the rest here, as all pages do. So a
log-in is finished by our own page in the browser that began it, and by no address that somebody else makes it open.
"""

from __future__ import annotations

import msgspec
from fastapi import APIRouter, Request, Response

from plumbline.collect.api import schemas
from plumbline.collect.api.documented import documented
from plumbline.collect.api.parameters import PREFIX, serving_of
from plumbline.collect.api.serving import Asked, Serving, blocked, json_response
from plumbline.collect.service.identity.logging_in import SESSION_TIME, LoggedIn
from plumbline.collect.service.identity.openid import coming_in
from plumbline.collect.service.identity.openid.failures import not_configured
from plumbline.collect.service.identity.openid.flow import COOKIE, KEPT_SECONDS, Flow, Purpose, flow_of
from plumbline.collect.store.failures import NotFoundError
from plumbline.collect.store.identity.outside_identities import OutsideIdentity
from plumbline.collect.store.rows import Person
from plumbline.web.failures import not_known
from plumbline.web.sessions import require_csrf

router = APIRouter(prefix=PREFIX, tags=["identity"])


@router.post("/openid/requests", **documented(schemas.OpenIdAddress, schemas.NewOpenIdRequest, status=201))
async def request_openid(request: Request) -> Response:
    """Begins logging in, or joining, by OpenID Connect: where the browser has to go."""
    serving = serving_of(request)
    sent = await serving.of_nobody(request)
    serving.require_login_here(request)
    openid = _configured(serving)
    body = sent.body(schemas.NewOpenIdRequest)
    flow = coming_in.flow_to_come_in(body.goes_on_to, body.invitation)
    return await _gone(request, openid, flow)


@router.post("/openid/answers", **documented(schemas.OpenIdDone, schemas.OpenIdAnswer, status=201))
async def answer_openid(request: Request) -> Response:
    """Finishes what this browser began, with what the issuer sent it back with."""
    serving = serving_of(request)
    sent = await serving.of_nobody(request)
    serving.require_login_here(request)
    openid = _configured(serving)
    body = sent.body(schemas.OpenIdAnswer)
    kept, earlier = serving.site.kept_by(request.scope, COOKIE), serving.earlier_session(request)
    answer = coming_in.Answer(body.state, body.code, body.error, body.iss)
    flow = coming_in.flow_begun_here(None if kept is None else flow_of(kept), answer)
    connecting = flow.purpose is Purpose.CONNECT
    person = await serving.collecting.calls.run(_who_connects, serving, request, earlier) if connecting else None
    identity = await coming_in.identity_of(serving.collecting, openid, flow, answer, address=sent.address)
    found = await serving.collecting.calls.run(_finished, serving, openid, flow, identity, person, earlier)
    response = json_response(msgspec.json.encode(schemas.OpenIdDone(flow.goes_on_to)), 201)
    response.headers.append("set-cookie", serving.site.keep_cookie(request.scope, COOKIE, "", 0))
    if found is not None:
        seconds = int(SESSION_TIME.total_seconds())
        response.headers.append("set-cookie", serving.site.set_cookie(request.scope, found.session, seconds))
    return response


@router.post("/me/openid", **documented(schemas.OpenIdAddress, schemas.NewOpenIdConnection, status=201))
async def connect_openid(request: Request) -> Response:
    """Begins to connect one's account, for who knows its password: where the browser has to go."""
    serving = serving_of(request)
    asked = await serving.done(request, lambda asked: asked)
    serving.require_login_here(request)
    openid = _configured(serving)
    if asked.session is None:
        raise not_known()
    flow = await coming_in.flow_to_connect(
        serving.collecting,
        asked.person,
        asked.body(schemas.NewOpenIdConnection).password,
        session=asked.session,
        address=asked.address,
    )
    return await _gone(request, openid, flow)


@router.delete("/me/openid", **documented(schemas.OpenIdDisconnected))
async def disconnect_openid(request: Request) -> Response:
    """Ends that one can log in by OpenID Connect, for who has a password besides."""
    serving = serving_of(request)

    def ended(asked: Asked) -> schemas.OpenIdDisconnected:
        """In a thread: whether there was a connection."""
        return schemas.OpenIdDisconnected(coming_in.disconnect(serving.collecting, _configured(serving), asked.person))

    return await serving.answer(request, ended)


async def _gone(request: Request, openid: coming_in.OpenId, flow: Flow) -> Response:
    serving = serving_of(request)
    address = await coming_in.go(serving.collecting, openid, flow)
    response = json_response(msgspec.json.encode(schemas.OpenIdAddress(address)), 201)
    response.headers["set-cookie"] = serving.site.keep_cookie(request.scope, COOKIE, flow.to_cookie(), KEPT_SECONDS)
    return response


def _who_connects(serving: Serving, request: Request, session: str | None) -> Person:
    """In a thread: whose session it is, shown by the page's token too; a blocked person's connects nothing."""
    if session is None:
        raise not_known()
    person = serving.person_of_page(request)
    if person is None:
        raise not_known()
    require_csrf(request.scope, session)
    if person.blocked_at is not None:
        raise blocked(person)
    return person


def _finished(
    serving: Serving,
    openid: coming_in.OpenId,
    flow: Flow,
    identity: OutsideIdentity,
    person: Person | None,
    session: str | None,
) -> LoggedIn | None:
    """In a thread: the session of who comes in; None where an account was connected."""
    collecting = serving.collecting
    if person is not None and session is not None:
        coming_in.connect(collecting, person, session, flow, identity)
        return None
    try:
        return coming_in.come_in(collecting, openid.config.settings, flow, identity, session)
    except NotFoundError:
        # As in `Serving`: a restore may have put another study of the name there.
        if not collecting.catalogue.forget_gone():
            raise
        return coming_in.come_in(collecting, openid.config.settings, flow, identity, session)


def _configured(serving: Serving) -> coming_in.OpenId:
    if serving.openid is None:
        raise not_configured()
    return serving.openid
