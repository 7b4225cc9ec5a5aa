"""What of an ID token is checked (OpenID Connect Core 3.1.3.7), with joserfc for keys and signatures.

Imported where tokens are checked: the library takes its time.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, TypeGuard

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key, KeySet

from plumbline.collect.service.identity.openid.failures import bad_id_token

ALGORITHMS: Final = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "Ed25519"),
)
"""By a key that the issuer alone has: `none` and HS, by a secret that is shared, are not among them."""
LEEWAY = timedelta(minutes=1)
"""By how much two clocks may differ."""
MOST_CHARACTERS = 64 << 10
MOST_KEYS = 64
MOST_SUBJECT = 255
_LEAST_RSA_BITS = 2048
_KINDS = ("RSA", "EC", "OKP")


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token has to say.

    Attributes:
        algorithms: of which it may be signed by one.
        nonce: that was sent along.
    """

    issuer: str
    client_id: str
    algorithms: Collection[str]
    nonce: str = field(repr=False)


def keys_of(document: Mapping[str, Any]) -> dict[str, Key]:
    """The keys of a JWKS that a signature can be checked with, by their id; others are left out.

    A key without an id has its thumbprint's.
    """
    found = {}
    listed = document.get("keys")
    for each in listed[:MOST_KEYS] if isinstance(listed, list) else []:
        if not isinstance(each, dict) or each.get("kty") not in _KINDS or each.get("use", "sig") != "sig":
            continue
        try:
            if each["kty"] == "RSA" and _bits(each["n"]) < _LEAST_RSA_BITS:
                continue  # before it is imported: the library warns of it
            key = JWKRegistry.import_key({name: value for name, value in each.items() if name != "key_ops"})
            key.ensure_kid()
        except (JoseError, ValueError, TypeError, KeyError, AttributeError):
            continue
        found[str(key.kid)] = key
    return found


def key_id_of(text: str, algorithms: Collection[str]) -> str | None:
    """Which key a token says that it is signed with; None where it does not say.

    Raises:
        ServiceError: PL-OID-024, it is no signed token, or signed by an algorithm that is not among these.
    """
    try:
        if len(text) > MOST_CHARACTERS:
            raise ValueError
        header = jws.extract_compact(text.encode()).headers()
    except (JoseError, ValueError, TypeError, RecursionError):
        raise bad_id_token("it is no signed token", "three parts, as RFC 7515 has them") from None
    if not isinstance(header, dict) or header.get("alg") not in algorithms:
        raise bad_id_token("it is signed by an algorithm that is not taken, or not at all", ", ".join(algorithms))
    key_id = header.get("kid")
    return key_id if isinstance(key_id, str) else None


def checked_claims(text: str, keys: Mapping[str, Key], expected: Expected, *, now: datetime) -> dict[str, Any]:
    """The claims of a token that is right in everything.

    Raises:
        ServiceError: PL-OID-024.
    """
    key_id_of(text, expected.algorithms)
    try:
        claims = jwt.decode(text, KeySet(list(keys.values())), algorithms=list(expected.algorithms)).claims
    except (JoseError, ValueError, TypeError, RecursionError):
        raise bad_id_token("its signature is not one of the issuer's", "a key that the issuer publishes") from None
    _check_about(claims, expected)
    _check_times(claims, now)
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 1 <= len(subject) <= MOST_SUBJECT or not subject.isprintable():
        raise bad_id_token("it does not say whom it is about", f"sub, of 1 to {MOST_SUBJECT} characters")
    return claims


def _bits(number: str) -> int:
    """How long a number of a key is."""
    return int.from_bytes(base64.urlsafe_b64decode(number + "=" * (-len(number) % 4)), "big").bit_length()


def _check_about(claims: Mapping[str, Any], expected: Expected) -> None:
    if claims.get("iss") != expected.issuer:
        raise bad_id_token("another issuer made it", "the issuer of the server's file")
    said = claims.get("aud")
    audience = said if isinstance(said, list) else [said]
    party = claims.get("azp")
    if expected.client_id not in audience or party not in (None, expected.client_id):
        raise bad_id_token("it was made for another client", "this server's client_id as its audience")
    if len(audience) > 1 and party is None:
        raise bad_id_token("it was made for several clients, and does not say which asked", "azp")
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode("utf-8", "replace"), expected.nonce.encode()):
        raise bad_id_token("it was not made for this log-in", "the nonce that was sent along")


def _check_times(claims: Mapping[str, Any], now: datetime) -> None:
    moment, leeway = now.timestamp(), LEEWAY.total_seconds()
    expires, issued, begins = (claims.get(name) for name in ("exp", "iat", "nbf"))
    if not _is_moment(expires) or not _is_moment(issued) or not (begins is None or _is_moment(begins)):
        raise bad_id_token("it does not say from when until when it is good", "exp and iat, in seconds")
    if moment >= expires + leeway:
        raise bad_id_token("it is over", f"exp after now, by {leeway:g} s less at most; is the server's clock right?")
    if max(issued, begins or 0) > moment + leeway:
        raise bad_id_token(
            "it is of the future", f"iat before now, by {leeway:g} s more at most; is the server's clock right?"
        )


def _is_moment(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e11
