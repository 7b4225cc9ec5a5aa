"""Options of the commands that ask for replies: how they are drawn, how an endpoint is reached, whether to begin anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from plumbline.sources import Sampling

Restart = Annotated[
    bool,
    typer.Option(
        "--restart",
        help="Begin anew where an earlier run to this output kept replies or is done; they are replaced.",
    ),
]


@dataclass(frozen=True)
class SamplingFlags:
    """How replies are drawn."""

    temperature: Annotated[float, typer.Option(help="Of sampling; 0 for the likeliest reply.")] = 1.0
    top_p: Annotated[float, typer.Option(help="Draw from the likeliest tokens that make up this probability.")] = 1.0
    top_k: Annotated[int | None, typer.Option(help="Draw from so many of the likeliest tokens; all by default.")] = None
    max_tokens: Annotated[int, typer.Option(help="A longer reply is cut.")] = 512

    def sampling(self, seed: int) -> Sampling:
        """As sources take it."""
        from plumbline.sources import Sampling

        return Sampling(self.temperature, self.top_p, self.top_k, self.max_tokens, seed)


@dataclass(frozen=True)
class EndpointFlags:
    """How an endpoint is reached."""

    key_variable: Annotated[
        str | None, typer.Option(help="The environment variable that holds the endpoint's key; none by default.")
    ] = None
    allow_private: Annotated[
        bool, typer.Option("--allow-private", help="The endpoint may stand at a private or loopback address.")
    ] = False
