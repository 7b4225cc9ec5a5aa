"""``plumbline collect serve --openid FILE``: the file is read and its issuer looked at before anything is served."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from plumbline.cli.console import note
from plumbline.records.errors import require_libraries

if TYPE_CHECKING:
    from plumbline.collect.service.identity.openid.settings import OpenIdConfig

_EXTRA = ("joserfc", "httpx2")


def ready_openid(file: Path | None, *, public_url: str | None, studies: Sequence[str]) -> OpenIdConfig | None:
    """What the server needs to let people in by an issuer; None where no file is named.

    An issuer that does not answer now is noted, and asked again when somebody logs in: the others go on meanwhile.

    Raises:
        PlumblineError: PL-OID-001 to 008, of the file, the environment and the server; PL-OID-011, of the issuer.
    """
    if file is None:
        return None
    require_libraries(
        _EXTRA,
        "PL-OID-008",
        "--openid",
        expected="the extra that lets people in by OpenID Connect",
        advice="pip install -c constraints.txt -e '.[collect,oidc]'",
    )
    from plumbline.collect.service.failures import ServiceError
    from plumbline.collect.service.identity.openid.settings import openid_config

    config = openid_config(file, os.environ, public_url=public_url, studies=studies)
    try:
        asyncio.run(_looked_at(config))
    except ServiceError as error:
        if error.code != "PL-OID-010":
            raise
        note(f"the issuer of {file.name} does not answer now, and is asked again when somebody logs in: {error}")
    note(f"log-ins by {config.settings.label}; its redirect URI, to be registered there: {config.redirect_uri}")
    return config


async def _looked_at(config: OpenIdConfig) -> None:
    from plumbline.collect.service.identity.openid.provider import Provider

    provider = Provider(config)
    try:
        await provider.metadata()
    finally:
        await provider.close()
