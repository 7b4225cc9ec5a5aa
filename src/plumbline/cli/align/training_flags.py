"""Options of commands that train a policy: groups that several of them take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from plumbline.loop.aligning.policy_training import Unfinished

Lora = Annotated[
    int | None,
    typer.Option(help="Train low-rank adapters of this rank, worked into the weights at the end.", min=1),
]
Half = Annotated[bool, typer.Option("--bf16", help="Compute in bfloat16; weights stay in 32 bits.")]


@dataclass(frozen=True)
class UnfinishedFlags:
    """What to do with a run that was stopped."""

    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was stopped.")] = False
    restart: Annotated[bool, typer.Option("--restart", help="Begin anew where one was stopped.")] = False

    def decided(self) -> Unfinished:
        """As runs take it."""
        from plumbline.loop.aligning.policy_training import Unfinished

        return Unfinished(self.resume, self.restart)


@dataclass(frozen=True)
class LambdaFlags:
    """How the price of a cost moves."""

    cost_limit: Annotated[float | None, typer.Option(help="The mean cost of a reply that is allowed; 0.")] = None
    lambda_first: Annotated[float | None, typer.Option(help="λ, the price of a cost, at the start; 1.")] = None
    lambda_rate: Annotated[float | None, typer.Option(help="How fast λ moves; 0.1, and 0 holds it.", min=0.0)] = None
    lambda_most: Annotated[float | None, typer.Option(help="λ never exceeds it; 5.")] = None
    cost_window: Annotated[int | None, typer.Option(help="Latest replies whose mean cost counts; 128.", min=1)] = None

    def settings(self) -> dict[str, Any]:
        """As `LagrangianSettings` names them."""
        return {
            "cost_limit": self.cost_limit,
            "first": self.lambda_first,
            "rate": self.lambda_rate,
            "most": self.lambda_most,
            "window": self.cost_window,
        }


@dataclass(frozen=True)
class PriceFlags(LambdaFlags):
    """How the price of a cost moves, or that there is none."""

    plain: Annotated[bool, typer.Option("--plain", help="Plain PPO: λ is 0, costs are watched and weigh nothing.")] = (
        False
    )

    def settings(self) -> dict[str, Any]:
        """As `LagrangianSettings` names them.

        Raises:
            UsageError: PL-ARG-005, there is no price, and it is told how it moves.
        """
        said = asdict(self)
        if said.pop("plain"):
            refuse_idle(said, "with --plain, where λ is 0", "leave --plain out")
        return super().settings()


def refuse_idle(said: Mapping[str, object], where: str, instead: str) -> None:
    """Refuse options that change nothing beside the others, so that none is taken for done.

    Args:
        said: option's name in Python → value; None or False where it was not said.
        where: it means nothing so.
        instead: what to do, but to leave it out.
    Raises:
        UsageError: PL-ARG-005, one was said.
    """
    from plumbline.records import UsageError

    for name, value in said.items():
        if value is not None and value is not False:
            flag = f"--{name.replace('_', '-')}"
            raise UsageError("PL-ARG-005", flag, f"it means nothing {where}", advice=f"{instead}, or leave {flag} out")
