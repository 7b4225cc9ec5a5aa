"""Options of the commands that collect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from plumbline.collect.service.served_studies import Permits

_EXTRA = ("sqlalchemy", "alembic", "fastapi", "uvicorn", "argon2", "jinja2")

STORE_VARIABLE = "PLUMBLINE_STORE"
"""Names the store where no option does."""
PUBLIC_URL_VARIABLE = "PLUMBLINE_PUBLIC_URL"
"""Says what people type where no option does."""

Study = Annotated[Path, typer.Argument(help="A study folder, with study.toml in it, or a study file.")]
Studies = Annotated[list[Path], typer.Argument(help="Study folders or study files; several where they share a store.")]
StorePlace = Annotated[
    str | None,
    typer.Option(
        "--store",
        envvar=STORE_VARIABLE,
        show_default=False,
        help="Where the judgements are kept: a file, or postgresql://USER@HOST/NAME; collect.db beside the study file by "
        "default.",
    ),
]


PublicUrl = Annotated[
    str | None,
    typer.Option(
        "--public-url",
        envvar=PUBLIC_URL_VARIABLE,
        show_default=False,
        help="What people type to get here, where a proxy with TLS stands in front: https://NAME.",
    ),
]


OpenIdFile = Annotated[
    Path | None,
    typer.Option(
        "--openid",
        show_default=False,
        help="A TOML file that names an issuer of OpenID Connect: people log in with their organisation's accounts. Needs "
        "--public-url.",
    ),
]


@dataclass(frozen=True)
class ListenFlags:
    """Where a server listens, and who may stand before it."""

    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1"
    port: Annotated[int, typer.Option(help="The port; 0 takes a free one.", min=0, max=65_535)] = 8080
    public_url: PublicUrl = None
    trusted_proxy: Annotated[
        list[str] | None,
        typer.Option(
            show_default=False,
            help="A proxy's address, or a network of proxies, whose X-Forwarded-For and -Proto are believed; may be given "
            "several times. Those of this machine by default.",
        ),
    ] = None


@dataclass(frozen=True)
class PermitFlags:
    """What study files may name on a server."""

    permit_variable: Annotated[
        list[str] | None,
        typer.Option(help="An environment variable that may hold an endpoint's key; may be given several times."),
    ] = None
    permit_private: Annotated[
        bool, typer.Option("--permit-private", help="Endpoints may stand at private and loopback addresses.")
    ] = False
    permit_local_models: Annotated[
        bool, typer.Option("--permit-local-models", help="Sources may load models: transformers:PATH.")
    ] = False

    def permits(self) -> Permits:
        """As the service takes them."""
        from plumbline.collect.service.served_studies import Permits

        return Permits(frozenset(self.permit_variable or ()), self.permit_private, self.permit_local_models)


def require_extra() -> None:
    """Refuse to go on without the libraries that collecting needs.

    Raises:
        MissingExtraError: PL-STA-021.
    """
    from plumbline.records.errors import require_libraries

    require_libraries(
        _EXTRA,
        "PL-STA-021",
        "plumbline collect",
        expected="the extra that collects",
        advice="pip install -c constraints.txt -e '.[collect]'",
    )


def require_folders(folders: Sequence[Path]) -> None:
    """Refuse a folder that is not there before anything is done that cannot be undone.

    Raises:
        SourceError: PL-SRC-001.
    """
    from plumbline.records.errors import SourceError

    for folder in folders:
        if not folder.is_dir():
            raise SourceError(
                "PL-SRC-001", str(folder), "there is no such folder", advice="name a folder with exports or models"
            )


def without_passwords(words: Sequence[str]) -> tuple[str, ...]:
    """The words of a command line as manifests keep them."""
    from plumbline.collect.service.store_places import shown_place

    shown = []
    for word in words:
        option, sign, value = word.partition("=") if word.startswith("--store=") else ("", "", word)
        shown.append(option + sign + shown_place(value) if "://" in value else word)
    return tuple(shown)
