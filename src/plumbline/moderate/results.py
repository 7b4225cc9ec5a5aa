"""Probabilities → what a client is told of each row: OpenAI's fields, and what goes beyond them.

A row that was not judged is told with an `error`, without any score, and as flagged: whoever looks at `flagged` alone takes it
for harmful, never for safe.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from operator import ge
from typing import Any

from plumbline.moderate.judging import TurnScores
from plumbline.moderate.openai_names import closest_heads
from plumbline.moderate.policy import Policy
from plumbline.moderate.rows import NOT_SCORED, UNJUDGED, Row, Turn
from plumbline.records import Role

Json = dict[str, Any]
JudgedTurn = tuple[Turn, TurnScores]
"""A turn and what a model says of it: a probability for each head."""

_ROLES = {Role.HUMAN: "user", Role.ASSISTANT: "assistant"}
_NEVER = 2.0
"""No probability reaches it."""
_MOST_PATTERNS = 1_000
"""Decisions that are kept; most rows are decided alike."""


@dataclass(frozen=True, slots=True)
class _Decision:
    """What thresholds say of a row: the same of every row whose heads reach the same thresholds.

    Attributes:
        flagged, controversial: of the row.
        result: what is told of such a row, but for its scores.
    """

    flagged: bool
    controversial: bool
    result: Json


@dataclass(frozen=True)
class Teller:
    """Tells results of one model by one policy.

    It decides as `policy.decide` does, but row by row and without arrays: most requests have one row, and arrays of one would
    cost more than the model.

    Attributes:
        heads: k names, the columns of probabilities; the first is that of any harm.
        policy: fits the heads.
        judged_by: which versions of model, data and policy; in every result.
    """

    heads: tuple[str, ...]
    policy: Policy
    judged_by: Mapping[str, str]
    _decided: dict[tuple[bool, ...], _Decision] = field(default_factory=dict, init=False, repr=False, compare=False)

    def results(self, rows: Iterable[Row], probabilities: Iterable[TurnScores | None]) -> list[Json]:
        """A result a row.

        Args:
            rows: n.
            probabilities: of the turns of all rows, one after the other, k numbers each; None where the model failed.
        """
        told = []
        answers = iter(probabilities)
        for row in rows:
            judged = [
                (turn, answer)
                for turn, answer in zip(row.turns, islice(answers, len(row.turns)), strict=True)
                if answer is not None and all(0 <= chance <= 1 for chance in answer.values)
            ]
            is_whole = row.unjudged is None and len(judged) == len(row.turns)
            told.append(self._judged(row, judged) if is_whole else self._unjudged(row, judged))
        return told

    def _judged(self, row: Row, judged: Sequence[JudgedTurn]) -> Json:
        """Of all turns the highest probability of each head; flagged where any turn is."""
        turns = [answer.values for _, answer in judged]
        scores = [max(of_head) for of_head in zip(*turns, strict=True)] if len(turns) > 1 else turns[0]
        decision = self._decision(scores)
        result = decision.result.copy()
        result["category_scores"] = self._named(scores, max)
        result["truncated"] = any(answer.truncated for _, answer in judged)
        if row.is_conversation:
            result["turns"] = [self._of_turn(*each) for each in judged]
        return result

    def _decision(self, scores: Sequence[float]) -> _Decision:
        reached = (*map(ge, scores, self._flags), *map(ge, scores, self._reviews))
        if reached not in self._decided:
            if len(self._decided) >= _MOST_PATTERNS:
                self._decided.clear()
            self._decided[reached] = self._decide(reached[: len(self.heads)], reached[len(self.heads) :])
        return self._decided[reached]

    def _decide(self, flags: Sequence[bool], reviews: Sequence[bool]) -> _Decision:
        """By which heads flag, and which are enough for people to look."""
        between = [
            name for name, is_over, is_near in zip(self.heads, flags, reviews, strict=True) if is_near and not is_over
        ]
        is_flagged = any(flags)
        result: Json = {
            "flagged": is_flagged,
            "categories": self._named(flags, any),
            "category_scores": None,
            "category_applied_input_types": self._applied,
            "controversial": bool(between) and not is_flagged,
            "controversial_categories": between,
            "truncated": False,
            "error": None,
            "judged_by": self.judged_by,
        }
        return _Decision(is_flagged, result["controversial"], result)

    def _of_turn(self, turn: Turn, answer: TurnScores) -> Json:
        decision = self._decision(answer.values)
        return {
            "message": turn.position,
            "role": _ROLES[turn.role],
            "flagged": decision.flagged,
            "controversial": decision.controversial,
            "category_scores": dict(zip(self.heads, answer.values, strict=True)),
        }

    def _unjudged(self, row: Row, judged: Sequence[JudgedTurn]) -> Json:
        """Without any score; of a conversation it says which messages could not be judged, and tells the other turns."""
        code = row.unjudged or NOT_SCORED
        error: Json = {"code": code, "message": UNJUDGED[code]}
        turns: Json = {}
        if row.is_conversation:
            seen = {turn.position for turn, _ in judged}
            failed = (turn.position for turn in row.turns if turn.position not in seen)
            error["messages"] = sorted([*row.unjudged_at, *failed])
            turns = {"turns": [self._of_turn(*each) for each in judged]}
        return {
            "flagged": True,
            "categories": self._nothing,
            "category_scores": self._nothing,
            "category_applied_input_types": {name: [] for name in self._nothing},
            "controversial": False,
            "controversial_categories": [],
            "truncated": False,
            "error": error,
            "judged_by": self.judged_by,
            **turns,
        }

    def _named(self, values: Sequence[Any], joined: Any) -> Json:
        """Values by the heads' names, and by OpenAI's; null under a name that no head comes close to."""
        named = self._nothing.copy()
        named.update(zip(self.heads, values, strict=True))
        for name, places in self._meant:
            named[name] = values[places[0]] if len(places) == 1 else joined([values[place] for place in places])
        return named

    @cached_property
    def _flags(self) -> list[float]:
        """From which probability each head flags."""
        return [self.policy.thresholds[name].flag if name in self.policy.thresholds else _NEVER for name in self.heads]

    @cached_property
    def _reviews(self) -> list[float]:
        """From which probability each head sends a text to people."""
        return [
            self.policy.thresholds[name].review if name in self.policy.thresholds else _NEVER for name in self.heads
        ]

    @cached_property
    def _closest(self) -> dict[str, tuple[int, ...]]:
        return closest_heads(self.heads)

    @cached_property
    def _nothing(self) -> Json:
        """Every name, without a value."""
        return dict.fromkeys([*self.heads, *self._closest])

    @cached_property
    def _meant(self) -> list[tuple[str, tuple[int, ...]]]:
        return [(name, places) for name, places in self._closest.items() if places]

    @cached_property
    def _applied(self) -> Json:
        applied: Json = {name: ["text"] for name in self.heads}
        return applied | {name: ["text"] if places else [] for name, places in self._closest.items()}
