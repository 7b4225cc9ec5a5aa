"""Results of a cascade: as any model's, and which of its two models answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from plumbline.moderate.judging import TurnScores
from plumbline.moderate.results import Json, JudgedTurn, Teller
from plumbline.moderate.rows import Row, Turn


@dataclass(frozen=True)
class CascadeTeller(Teller):
    """Tells results of a cascade by one policy.

    Each has ``answered_by``: the version of the model that answered, of several turns that of the one most likely unsafe; null
    where the row was not judged. Turns that are told say it each.
    """

    def _judged(self, row: Row, judged: Sequence[JudgedTurn]) -> Json:
        worst = max((answer for _, answer in judged), key=lambda answer: answer.values[0])
        return {**super()._judged(row, judged), "answered_by": worst.answered_by}

    def _unjudged(self, row: Row, judged: Sequence[JudgedTurn]) -> Json:
        return {**super()._unjudged(row, judged), "answered_by": None}

    def _of_turn(self, turn: Turn, answer: TurnScores) -> Json:
        return {**super()._of_turn(turn, answer), "answered_by": answer.answered_by}
