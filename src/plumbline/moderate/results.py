"""Probabilities → what a client is told of each row: OpenAI's fields, and what goes beyond them.

A row that was not judged is told with an `error`, without any score, and as flagged: whoever looks at `flagged` alone takes it
for harmful, never for safe.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plumbline.moderate.openai_names import closest_heads
from plumbline.moderate.policy import Decisions, Policy, decide, judged_rows
from plumbline.moderate.rows import NOT_SCORED, UNJUDGED, Row
from plumbline.records import Role

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Json = dict[str, Any]

_ROLES = {Role.HUMAN: "user", Role.ASSISTANT: "assistant"}


@dataclass(frozen=True)
class Teller:
    """Tells results of one model by one policy.

    Attributes:
        heads: k names, the columns of probabilities; the first is that of any harm.
        policy: decides.
        judged_by: which versions of model, data and policy; in every result.
    """

    heads: tuple[str, ...]
    policy: Policy
    judged_by: Mapping[str, str]

    def results(self, rows: Sequence[Row], probabilities: Sequence[Floats | None]) -> list[Json]:
        """A result a row.

        Args:
            rows: n.
            probabilities: of the turns of all rows, one after the other: shape (k,) each, None where the model failed.
        """
        counts = np.array([len(row.turns) for row in rows])
        starts = np.cumsum(counts) - counts
        nothing = np.full(len(self.heads), np.nan)
        table = np.array([nothing if each is None else each for each in probabilities]).reshape(-1, len(self.heads))
        known = judged_rows(table)
        decided = decide(self.policy, self.heads, np.where(known[:, None], table, 0.0))
        of_turns = _OfTurns.of(table, decided)
        told = []
        for row, start, count in zip(rows, starts.tolist(), counts.tolist(), strict=True):
            turns = slice(start, start + count)
            if row.unjudged or not known[turns].all():
                told.append(self._unjudged(row.unjudged or NOT_SCORED))
                continue
            told.append(self._judged(row, of_turns.part(turns)))
        return told

    def _judged(self, row: Row, turns: _OfTurns) -> Json:
        """Of all turns the highest probability of each head; flagged where any turn is."""
        flagged, is_flagged = turns.flagged.any(axis=0), bool(turns.is_flagged.any())
        controversial = turns.controversial.any(axis=0) & ~flagged
        result: Json = {
            "flagged": is_flagged,
            "categories": self._named([bool(each) for each in flagged], any),
            "category_scores": self._named(turns.probabilities.max(axis=0).tolist(), max),
            "category_applied_input_types": self._applied,
            "controversial": bool(turns.is_controversial.any()) and not is_flagged,
            "controversial_categories": [self.heads[place] for place in np.flatnonzero(controversial)],
            "error": None,
            "judged_by": self.judged_by,
        }
        if row.is_conversation:
            result["turns"] = [
                {
                    "message": turn.position,
                    "role": _ROLES[turn.role],
                    "flagged": bool(turns.is_flagged[place]),
                    "controversial": bool(turns.is_controversial[place]),
                    "category_scores": dict(zip(self.heads, turns.probabilities[place].tolist(), strict=True)),
                }
                for place, turn in enumerate(row.turns)
            ]
        return result

    def _unjudged(self, code: str) -> Json:
        nothing = dict.fromkeys([*self.heads, *self._closest])
        return {
            "flagged": True,
            "categories": nothing,
            "category_scores": nothing,
            "category_applied_input_types": {name: [] for name in nothing},
            "controversial": False,
            "controversial_categories": [],
            "error": {"code": code, "message": UNJUDGED[code]},
            "judged_by": self.judged_by,
        }

    def _named(self, values: list[Any], joined: Any) -> Json:
        """Values by the heads' names, and by OpenAI's; null under a name that no head comes close to."""
        named = dict(zip(self.heads, values, strict=True))
        for name, places in self._closest.items():
            named[name] = joined([values[place] for place in places]) if places else None
        return named

    @cached_property
    def _closest(self) -> dict[str, tuple[int, ...]]:
        return closest_heads(self.heads)

    @cached_property
    def _applied(self) -> Json:
        applied: Json = {name: ["text"] for name in self.heads}
        return applied | {name: ["text"] if places else [] for name, places in self._closest.items()}


@dataclass(frozen=True, slots=True)
class _OfTurns:
    """What is said of n turns.

    Attributes:
        probabilities, flagged, controversial: shape (n, k).
        is_flagged, is_controversial: shape (n,); by any head.
    """

    probabilities: Floats
    flagged: Bools
    controversial: Bools
    is_flagged: Bools
    is_controversial: Bools

    @classmethod
    def of(cls, probabilities: Floats, decided: Decisions) -> _OfTurns:
        """From what a policy decided."""
        return cls(
            probabilities, decided.flagged, decided.controversial, decided.rows_flagged, decided.rows_controversial
        )

    def part(self, turns: slice) -> _OfTurns:
        """Those of one row."""
        return _OfTurns(
            self.probabilities[turns],
            self.flagged[turns],
            self.controversial[turns],
            self.is_flagged[turns],
            self.is_controversial[turns],
        )
