"""Errors of a release that are more than a message."""

from __future__ import annotations

from collections.abc import Sequence

from plumbline.records import PlumblineError, UsageError, unknown_name
from plumbline.release.gates import ACCEPTABLE, GATES, Gate


class GateError(PlumblineError):
    """Some gate failed: nothing is written.

    Attributes:
        gates: all of them, also those that passed.
    """

    def __init__(self, place: str, gates: Sequence[Gate]) -> None:
        self.gates = tuple(gates)
        super().__init__(
            "PL-REL-001",
            place,
            "some gates failed, so nothing is released",
            advice="mend what is named above, and build again; nothing was written",
        )

    def format(self) -> str:
        """One gate after the other, and what next."""
        failed = [gate for gate in self.gates if gate.stops]
        lines = [f"{self.code}  {self.place}: {self.problem}: {len(failed)} of {len(self.gates)}."]
        for gate in failed:
            lines += [
                f"  {gate.code}  {gate.name}: {gate.said}{_examples(gate)}.",
                f"              Mend: {gate.advice}",
            ]
        lines.append(f"{' ' * (len(self.code) + 2)}Try: {self.advice}")
        return "\n".join(lines)


def _examples(gate: Gate) -> str:
    return f"; the first: {', '.join(gate.examples)}" if gate.examples else ""


def reasons_by_gate(stated: Sequence[str]) -> dict[str, str]:
    """``GATE=REASON`` of the command line, by gate.

    Raises:
        UsageError: PL-REL-007, no reason, or a gate that nobody may accept; PL-ARG-001, no such gate.
    """
    reasons: dict[str, str] = {}
    for each in stated:
        gate, _, reason = each.partition("=")
        if gate not in GATES:
            raise unknown_name("--accept", gate[:60], GATES)
        if gate not in ACCEPTABLE or not reason.strip():
            raise UsageError(
                "PL-REL-007",
                "accept (--accept)",
                "a gate is accepted with a reason"
                if gate in ACCEPTABLE
                else f"nobody can accept {gate}: it can be mended",
                expected=f"GATE=REASON, of {', '.join(ACCEPTABLE)}",
                found=gate,
                advice=f'--accept {gate}="WHY IT IS NO FAULT HERE"' if gate in ACCEPTABLE else "leave it out",
            )
        reasons[gate] = reason.strip()
    return reasons
