"""An OpenID provider of our own on loopback: real HTTP, RS256 keys made at run time, and a switch for each fault.

It is written by the specifications and not with the library that is tested: signatures are made by `cryptography` itself.
It is no provider that anybody runs: what Keycloak, Entra, Google or Okta do otherwise it does not know.
"""

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

CLIENT, SECRET = "plumbline", "a secret / of the client"
PEOPLE = {"ada": "248289761001", "grace": "910-éàü", "alan": "zz-alan"}
"""Whom the provider knows, and their subjects."""


def base64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@cache
def rsa_key(name="first", bits=2048):
    """A key of this name; drawn once a run."""
    return rsa.generate_private_key(public_exponent=65_537, key_size=bits)


def public_jwk(key, kid):
    numbers = key.public_key().public_numbers()
    whole = {"n": numbers.n, "e": numbers.e}
    return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid} | {
        name: base64url(value.to_bytes((value.bit_length() + 7) // 8, "big")) for name, value in whole.items()
    }


def public_pem(key):
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def signed(header, claims, key):
    """A JWS: RS256 by an RSA key, HS256 by bytes, none by None."""
    said = ".".join(base64url(json.dumps(part).encode()) for part in (header, claims))
    if key is None:
        return said + "."
    if isinstance(key, bytes):
        return f"{said}.{base64url(hmac.new(key, said.encode(), hashlib.sha256).digest())}"
    return f"{said}.{base64url(key.sign(said.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


@dataclass
class Faults:
    """What goes wrong. Overrides take a thing out where their value is None.

    Attributes:
        claims, header: of the ID token.
        key: that signs it: an RSA key, bytes for HS256, "none" for none.
        document: of the discovery document.
        jwks: another JWKS.
        returned: parameters of the address that browsers are sent back to.
        codes_are_good_for_ever: they can be exchanged again and again.
        status: by path.
        big, slow: paths whose answers have no end; `seconds` between two bytes.
    """

    claims: dict = field(default_factory=dict)
    header: dict = field(default_factory=dict)
    key: object = None
    document: dict = field(default_factory=dict)
    jwks: dict | None = None
    returned: dict = field(default_factory=dict)
    codes_are_good_for_ever: bool = False
    status: dict = field(default_factory=dict)
    big: tuple = ()
    slow: tuple = ()
    seconds: float = 0.05
    moved: dict = field(default_factory=dict)


def changed(values, changes):
    return {name: value for name, value in (values | changes).items() if value is not None}


class OpenIdProvider:
    """Serves until it is closed; `asked` counts requests by path, `sent` bytes of answers without end, `faults` can be changed."""

    def __init__(self, redirect_uri, *, secret=SECRET, clock=time.time):
        self.redirect_uri, self.secret, self.clock = redirect_uri, secret, clock
        self.faults, self.asked, self.codes, self.used = Faults(), Counter(), {}, set()
        self.sent = 0
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def document(self):
        """The discovery document."""
        said = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "response_types_supported": ["code"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
        }
        return changed(said, self.faults.document)

    def back_to(self, asked, who):
        """Where somebody who logged in is sent: back, with a code."""
        assert asked["client_id"] == CLIENT
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        assert asked["redirect_uri"] == self.redirect_uri, "a redirect URI is compared letter by letter"
        code = secrets.token_urlsafe()
        self.codes[code] = asked | {"subject": PEOPLE[who], "name": who}
        returned = {"code": code, "state": asked["state"], "iss": self.issuer}
        return f"{self.redirect_uri}?{urlencode(changed(returned, self.faults.returned))}"

    def token_for(self, form, login):
        """The status and the answer of the token endpoint."""
        fields = {name: values[0] for name, values in parse_qs(form).items()}
        said = login or (fields.get("client_id"), fields.get("client_secret"))
        if said != (CLIENT, self.secret):
            return 401, {"error": "invalid_client"}
        code = fields["code"]
        asked = self.codes.get(code)
        verifier = fields.get("code_verifier", "")
        challenge = base64url(hashlib.sha256(verifier.encode()).digest())
        good = asked and asked["redirect_uri"] == fields["redirect_uri"] and asked["code_challenge"] == challenge
        if not good or (code in self.used and not self.faults.codes_are_good_for_ever):
            return 400, {"error": "invalid_grant", "error_description": "never shown to anybody"}
        self.used.add(code)
        return 200, {"access_token": "unused", "token_type": "Bearer", "id_token": self.id_token(asked)}

    def id_token(self, asked):
        now = int(self.clock())
        claims = {
            "iss": self.issuer,
            "sub": asked["subject"],
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            "email": f"{asked['name']}@example.org",
            "email_verified": True,
        }
        faults, header = self.faults, {"alg": "RS256", "kid": "first", "typ": "JWT"}
        key = None if faults.key == "none" else faults.key or rsa_key()
        return signed(changed(header, faults.header), changed(claims, faults.claims), key)


def _handler(provider):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            path, asked = self._path()
            if path == "/.well-known/openid-configuration":
                return self._json(200, provider.document())
            if path == "/keys":
                return self._json(200, provider.faults.jwks or {"keys": [public_jwk(rsa_key(), "first")]})
            if path == "/authorize" and "as" in asked:
                return self._send(302, b"", [("Location", provider.back_to(asked, asked["as"]))])
            if path == "/authorize":
                links = "".join(f'<p><a href="{self.path}&amp;as={who}">{who}</a></p>' for who in PEOPLE)
                page = f"<!doctype html><title>Example</title><h1>Who are you?</h1>{links}"
                return self._send(200, page.encode(), [("Content-Type", "text/html; charset=utf-8")])
            return self._send(204, b"", []) if path == "/favicon.ico" else self._json(404, {})

        def do_POST(self):
            self._path()
            form = self.rfile.read(int(self.headers["Content-Length"])).decode()
            scheme, _, given = self.headers.get("Authorization", "").partition(" ")
            login = None
            if scheme == "Basic":
                login = tuple(unquote(part.replace("+", " ")) for part in base64.b64decode(given).decode().split(":"))
            self._json(*provider.token_for(form, login))

        def _path(self):
            parts = urlsplit(self.path)
            provider.asked[parts.path] += 1
            return parts.path, {name: values[0] for name, values in parse_qs(parts.query).items()}

        def _json(self, status, value):
            path = urlsplit(self.path).path
            status = provider.faults.status.get(path, status)
            if path in provider.faults.moved:
                return self._send(302, b"", [("Location", provider.faults.moved[path])])
            if path in provider.faults.big or path in provider.faults.slow:
                return self._endless(path)
            return self._send(status, json.dumps(value).encode(), [("Content-Type", "application/json")])

        def _endless(self, path):
            self.close_connection = True
            self.send_response(200)
            self.end_headers()
            piece = b" " * 65_536 if path in provider.faults.big else b" "
            try:
                while not provider.server._BaseServer__shutdown_request:
                    self.wfile.write(piece)
                    self.wfile.flush()
                    provider.sent += len(piece)
                    if path in provider.faults.slow:
                        time.sleep(provider.faults.seconds)
            except OSError:
                pass

        def _send(self, status, body, headers):
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    return Handler
