"""The file of ``--openid``: which issuer, as which client, and who may come.

A secret never stands in it: it names the variable of the environment that holds one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from plumbline.collect.service.identity.openid.failures import needs_public_url, needs_study
from plumbline.collect.study_lines import KeyPath, key_lines, line_of
from plumbline.collect.study_problems import StudyFileError, StudyProblem, written_key
from plumbline.records import UsageError
from plumbline.records.strict_toml import parse_toml, read_small_text, validated
from plumbline.web.sessions import is_loopback

MOST_BYTES = 64 << 10
CALLBACK_PATH = "/openid/callback"
"""Where the issuer sends browsers back to."""


def secure_or_loopback(url: str) -> bool:
    """Whether what is sent to an address can be read by nobody on the way: https, or this very machine."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    if not parts.hostname or "@" in parts.netloc or parts.fragment or not url.isascii() or not url.isprintable():
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))


def _issuer(said: str) -> str:
    if not secure_or_loopback(said) or "?" in said or " " in said:
        raise ValueError("https://…, without a query, as its discovery document writes it")
    return said


def _label(said: str) -> str:
    if not said.isprintable() or said != said.strip():
        raise ValueError("1 to 40 characters that can be seen, such as the organisation's name")
    return said


class OpenIdSettings(BaseModel):
    """The file of ``--openid``.

    Attributes:
        issuer: its address, as it writes it itself.
        client_id: under which this server is registered there.
        client_secret_variable: the environment variable with the client's secret; none for a public client.
        label: what buttons call it: "Log in with …".
        scopes: asked for besides `openid`, such as those that bring claims which are required.
        allowed_domains: of addresses that the issuer says are verified (`email_verified`), of Google those of the
            organisation (`hd`); any by default.
        required_claims: claims of the ID token with the value that each must have, or have among its values.
        new_people: "invited" lets nobody in who has no invitation yet; "worker" makes workers of `study` of them.
        study: the study that new workers come into; may be left out where one alone is served.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    issuer: Annotated[str, StringConstraints(max_length=500), AfterValidator(_issuer)]
    client_id: Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]{1,500}$")]
    client_secret_variable: Annotated[str, StringConstraints(pattern=r"^[A-Z_][A-Z0-9_]{0,99}$")] | None = None
    label: Annotated[str, StringConstraints(min_length=1, max_length=40), AfterValidator(_label)]
    scopes: tuple[Annotated[str, StringConstraints(pattern=r"^[\x21\x23-\x5b\x5d-\x7e]{1,200}$")], ...] = ()
    allowed_domains: tuple[Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)+$")], ...] = ()
    required_claims: dict[str, str | int | bool] = Field(default_factory=dict)
    new_people: Literal["invited", "worker"] = "invited"
    study: Annotated[str, StringConstraints(min_length=1, max_length=63)] | None = None

    @property
    def asked_scopes(self) -> str:
        """What is asked for: as little as the settings need."""
        wanted = ["openid", *self.scopes, *(["email"] if self.allowed_domains else [])]
        return " ".join(dict.fromkeys(wanted))


@dataclass(frozen=True, slots=True)
class OpenIdConfig:
    """What a server needs to let people in; travels to every process, so all of it can be pickled.

    Attributes:
        settings: of the file.
        secret: the client's; None for a public client.
        public_url: what browsers know the server by.
    """

    settings: OpenIdSettings
    secret: str | None = field(repr=False)
    public_url: str

    @property
    def redirect_uri(self) -> str:
        """Where the issuer sends browsers back to; registered there."""
        return self.public_url + CALLBACK_PATH


def openid_config(
    path: Path, environment: Mapping[str, str], *, public_url: str | None, studies: Sequence[str]
) -> OpenIdConfig:
    """The file, its secret, and what of the server it needs.

    Args:
        environment: its variables.
        public_url: of ``--public-url``.
        studies: names of those that are served.
    Raises:
        StudyFileError: PL-OID-001 to 004, everything that is wrong with the file.
        UsageError: PL-OID-005, the variable of the secret has no value.
        ServeError: PL-OID-006, no public address, or one that could be listened to; PL-OID-007, no study to come into.
    """
    settings = read_openid_settings(path)
    if public_url is None or not secure_or_loopback(public_url):
        raise needs_public_url("none" if public_url is None else "http:// to another machine")
    if settings.new_people == "worker":
        if settings.study is None and len(studies) == 1:
            settings = settings.model_copy(update={"study": studies[0]})
        if settings.study not in studies:
            raise needs_study("none" if settings.study is None else "a study that is not served")
    return OpenIdConfig(settings, _secret(settings, environment), public_url)


def read_openid_settings(path: Path) -> OpenIdSettings:
    """The settings in a file.

    Raises:
        StudyFileError: PL-OID-001 to 004, everything that is wrong with it.
    """
    text = _read(path)
    try:
        return validated(OpenIdSettings, parse_toml(text))
    except ValidationError as error:
        lines = key_lines(text)
        details = error.errors(include_url=False, include_context=False, include_input=False)
        problems = [_problem_of(detail, line_of(lines, tuple(detail["loc"]))) for detail in details]
        raise StudyFileError(path.name, problems) from None
    except ValueError as error:
        raise StudyFileError(path.name, [_unreadable("is no TOML", found=str(error)[:200])]) from None


def _read(path: Path) -> str:
    try:
        return read_small_text(path, MOST_BYTES)
    except OSError as error:
        expected, found = f"a text in UTF-8 of at most {MOST_BYTES >> 10} KiB", error.strerror or type(error).__name__
        raise StudyFileError(path.name, [_unreadable("cannot be read", expected=expected, found=found)]) from None


def _unreadable(problem: str, *, found: str, expected: str = "") -> StudyProblem:
    return StudyProblem(
        code="PL-OID-004",
        problem=problem,
        expected=expected,
        found=found,
        advice="mend it, or the path behind --openid",
    )


def _problem_of(detail: ErrorDetails, line: int | None) -> StudyProblem:
    """What is wrong with one key; what stands there is not quoted, since somebody may have put a secret there."""
    key: KeyPath = tuple(part for part in detail["loc"] if part not in ("str", "int", "bool"))
    name = str(key[0])
    if detail["type"] == "extra_forbidden":
        known = list(OpenIdSettings.model_fields)
        near = get_close_matches(name.lower(), known, n=1, cutoff=0.6)
        hidden = "the secret itself stands in no file: client_secret_variable names the variable that holds it"
        mean = f"{near[0]}, if that is what you mean" if near else "remove it"
        return StudyProblem(
            code="PL-OID-001",
            key=key,
            line=line,
            problem="there is no such setting",
            expected=f"one of {', '.join(known)}",
            advice=hidden if "secret" in name.lower() else mean,
        )
    if detail["type"] == "missing":
        return StudyProblem(code="PL-OID-003", key=key, problem="is missing", advice=f"add {name} = …")
    said = _EXPECTED.get(name) or re.sub(r"^(Input should be|Value error,) ", "", detail["msg"])
    advice = f"mend {written_key(key)}"
    return StudyProblem(
        code="PL-OID-002",
        key=key,
        line=line,
        problem="is not a value that this setting takes",
        expected=said,
        advice=advice,
    )


_EXPECTED: Mapping[str, Any] = {
    "client_secret_variable": "the name of an environment variable, in capitals; never the secret itself",
    "client_id": "the id under which this server is registered with the issuer",
    "allowed_domains": 'a list of domains in small letters, such as ["example.org"]',
    "scopes": 'a list of scopes besides openid, such as ["groups"]',
}


def _secret(settings: OpenIdSettings, environment: Mapping[str, str]) -> str | None:
    name = settings.client_secret_variable
    if name is None:
        return None
    value = environment.get(name, "").strip()
    if not value or not value.isascii() or not value.isprintable():
        raise UsageError(
            "PL-OID-005",
            f"environment variable {name}",
            "it holds no secret",
            expected="the client's secret, as the issuer gave it",
            found="nothing" if not value else "characters that no secret has",
            advice=f"set {name} where the server is started; a public client has no client_secret_variable",
        )
    return value
