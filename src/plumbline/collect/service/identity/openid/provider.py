"""The issuer: what it says of itself, its keys, and the exchange of a code for an ID token.

Imported where an issuer is talked to. An issuer is trusted with who comes in, and with nothing else: it sends us to no
address in the clear, and to none of this machine or its neighbours but its own.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from joserfc.jwk import Key

from plumbline.collect.service.failures import ServiceError
from plumbline.collect.service.identity.openid.failures import bad_id_token, not_exchanged, unfit_issuer, unreachable
from plumbline.collect.service.identity.openid.fetching import Fetching
from plumbline.collect.service.identity.openid.flow import Flow
from plumbline.collect.service.identity.openid.id_tokens import (
    ALGORITHMS,
    Expected,
    checked_claims,
    key_id_of,
    keys_of,
)
from plumbline.collect.service.identity.openid.settings import OpenIdConfig, secure_or_loopback
from plumbline.sources.network import is_public

_KEPT_SECONDS = 3600.0
"""How long the issuer's documents are good here."""
_FAILED_SECONDS = 5.0
_REFETCHED_AFTER = 60.0
"""A key that nobody knows is looked for again, so long after the last time at the earliest."""
_DISCOVERY = "discovery document"
_WORD = re.compile(r"[a-z_]{1,40}")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")
"""What a browser takes the last label of an address for (WHATWG URL, "ends in a number")."""
_OK = 200


@dataclass(frozen=True, slots=True)
class Metadata:
    """What an issuer says of itself.

    Attributes:
        authorization, tokens, keys: addresses.
        names_itself: its answers bring `iss` (RFC 9207).
        secret_in_body: it takes the client's secret in the form alone.
        algorithms: that it signs with and we take.
    """

    authorization: str
    tokens: str
    keys: str
    names_itself: bool
    secret_in_body: bool
    algorithms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Kept:
    """Something of the issuer, and when it was fetched."""

    value: Any
    at: float


class _Document:
    """One document of the issuer, which is fetched by one at a time; while that fails, those who wait are told so at once.

    Attributes:
        seconds: a clock that only goes forward.
        kept: the last one that came.
        failed: why the last try failed, where it did.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        self.seconds = seconds
        self.kept: _Kept | None = None
        self.failed: _Kept | None = None
        self._lock = asyncio.Lock()

    async def get(self, fetch: Callable[[], Awaitable[Any]], is_good: Callable[[_Kept, float], bool]) -> Any:
        """The one that is kept, where it `is_good`, given its age; otherwise what is fetched.

        Raises:
            ServiceError: of `fetch`; for a few seconds the one of before.
        """
        async with self._lock:
            now = self.seconds()
            if self.kept is not None and is_good(self.kept, now - self.kept.at):
                return self.kept.value
            if self.failed is not None and now - self.failed.at < _FAILED_SECONDS:
                raise self.failed.value
            try:
                self.kept = _Kept(await fetch(), self.seconds())
            except ServiceError as error:
                self.failed = _Kept(error.with_traceback(None), self.seconds())
                raise
            return self.kept.value


class Provider:
    """Talks to one issuer, within one event loop.

    Attributes:
        config: of the server.
        seconds: a clock that only goes forward.
    """

    def __init__(
        self,
        config: OpenIdConfig,
        fetching: Fetching | None = None,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self.config = config
        self.seconds = seconds
        self._fetching = fetching or Fetching(config.settings.issuer)
        # Each with a lock of its own: who begins to log in does not wait for keys.
        self._metadata, self._keys = (_Document(lambda: self.seconds()) for _ in range(2))

    async def close(self) -> None:
        """Ends its connections."""
        await self._fetching.close()

    async def address_for(self, flow: Flow) -> str:
        """Where somebody is sent to log in.

        Raises:
            ServiceError: PL-OID-010, 011.
        """
        found, settings = await self.metadata(), self.config.settings
        asked = {
            "response_type": "code",
            "client_id": settings.client_id,
            "redirect_uri": self.config.redirect_uri,
            "scope": settings.asked_scopes,
            "state": flow.state,
            "nonce": flow.nonce,
            "code_challenge": flow.challenge,
            "code_challenge_method": "S256",
        }
        return found.authorization + ("&" if "?" in found.authorization else "?") + urlencode(asked)

    async def claims_of(self, code: str, flow: Flow, now: Callable[[], datetime]) -> dict[str, Any]:
        """The claims of the ID token that a code is exchanged for, checked.

        Raises:
            ServiceError: PL-OID-010 to 012, PL-OID-024.
        """
        found = await self.metadata()
        text = await self._exchanged(code, flow, found)
        key_id = key_id_of(text, found.algorithms)
        keys = await self._keys_with(key_id, found)
        settings = self.config.settings
        expected = Expected(settings.issuer, settings.client_id, found.algorithms, flow.nonce)
        return checked_claims(text, keys, expected, now=now())

    async def metadata(self) -> Metadata:
        """What the issuer says of itself; fetched once an hour.

        Raises:
            ServiceError: PL-OID-010, 011.
        """
        found: Metadata = await self._metadata.get(self._discovered, lambda _, age: age <= _KEPT_SECONDS)
        return found

    async def _discovered(self) -> Metadata:
        issuer = self.config.settings.issuer
        document = await self._fetching.get(issuer.rstrip("/") + "/.well-known/openid-configuration", _DISCOVERY)
        return metadata_of(document, issuer)

    async def _keys_with(self, key_id: str | None, found: Metadata) -> dict[str, Key]:
        """The issuer's keys; fetched anew where none has this id, but not again and again."""

        async def fetch() -> dict[str, Key]:
            """What stands at the issuer's jwks_uri now."""
            return keys_of(await self._fetching.get(found.keys, "keys"))

        def is_good(kept: _Kept, age: float) -> bool:
            """Old keys do as long as they have the id; where they lack it, they are asked for again, not at once."""
            is_known = key_id is None or key_id in kept.value
            return age <= (_KEPT_SECONDS if is_known else _REFETCHED_AFTER)

        keys: dict[str, Key] = await self._keys.get(fetch, is_good)
        if not keys or (key_id is not None and key_id not in keys):
            raise bad_id_token("it is signed by a key that the issuer does not publish", "a key of its jwks_uri")
        return keys

    async def _exchanged(self, code: str, flow: Flow, found: Metadata) -> str:
        settings, secret = self.config.settings, self.config.secret
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.config.redirect_uri,
            "code_verifier": flow.verifier,
        }
        login = None
        if secret is None or found.secret_in_body:
            fields |= {"client_id": settings.client_id, **({} if secret is None else {"client_secret": secret})}
        else:
            login = (_form_encoded(settings.client_id), _form_encoded(secret))
        status, answer = await self._fetching.post(found.tokens, "token endpoint", fields, login)
        token = answer.get("id_token")
        if status == _OK and isinstance(token, str):
            return token
        word = answer.get("error")
        if status >= 500:
            raise unreachable("token endpoint", f"it answers with status {status}", expected="200")
        raise not_exchanged(word if isinstance(word, str) and _WORD.fullmatch(word) else "")


def metadata_of(document: dict[str, Any], issuer: str) -> Metadata:
    """What a discovery document says, where all of it can be used.

    Raises:
        ServiceError: PL-OID-011.
    """
    if document.get("issuer") != issuer:
        raise unfit_issuer(
            _DISCOVERY,
            "it is that of another issuer",
            expected="the issuer of the file of --openid, letter by letter",
            advice="write the issuer as its discovery document has it, with or without a slash at the end; of Entra, that of "
            "your own tenant, not common or organizations",
        )
    methods = document.get("code_challenge_methods_supported")
    if isinstance(methods, list) and "S256" not in methods:
        raise unfit_issuer(_DISCOVERY, "the issuer does not know PKCE", expected="S256 among its challenge methods")
    signed = document.get("id_token_signing_alg_values_supported")
    algorithms = tuple(each for each in ALGORITHMS if not isinstance(signed, list) or each in signed)
    if not algorithms:
        raise unfit_issuer(_DISCOVERY, "it signs by no algorithm that is taken", expected=", ".join(ALGORITHMS))
    logins = document.get("token_endpoint_auth_methods_supported")
    in_body = isinstance(logins, list) and "client_secret_basic" not in logins and "client_secret_post" in logins
    return Metadata(
        authorization=_address(document, "authorization_endpoint", issuer),
        tokens=_address(document, "token_endpoint", issuer),
        keys=_address(document, "jwks_uri", issuer),
        names_itself=document.get("authorization_response_iss_parameter_supported") is True,
        secret_in_body=in_body,
        algorithms=algorithms,
    )


def _address(document: dict[str, Any], name: str, issuer: str) -> str:
    """An address that the issuer names: not in the clear, and not of this machine or its neighbours but on its own host."""
    said = document.get(name)
    fine = isinstance(said, str) and len(said) <= 2000 and secure_or_loopback(said)
    if not isinstance(said, str) or not fine or not (_is_own(said, issuer) or _may_be_public(said)):
        raise unfit_issuer(
            _DISCOVERY,
            f"its {name} is missing, in the clear, or at an address of this machine or its neighbours",
            expected="https://, on the issuer's own host or on the open internet",
        )
    return said


def _is_own(said: str, issuer: str) -> bool:
    return urlsplit(said).hostname == urlsplit(issuer).hostname


def _may_be_public(said: str) -> bool:
    parts = urlsplit(said)
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme != "https" or host == "localhost" or host.endswith(".localhost"):
        return False
    try:
        return is_public(host)
    except ValueError:
        # A name, which is looked up at each request; or a number as only resolvers read it, such as 2130706433 or 0x7f.1.
        return not _NUMBER.fullmatch(host.rpartition(".")[2])


def _form_encoded(said: str) -> str:
    """As RFC 6749 2.3.1 wants it before HTTP's basic authentication."""
    return urlencode({"": said})[1:]
