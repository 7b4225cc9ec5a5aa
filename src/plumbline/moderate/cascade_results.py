"""Results of a cascade: as any model's, and which of its two models answered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from plumbline.moderate.judging import TurnScores
from plumbline.moderate.results import Json, Teller
from plumbline.moderate.rows import Row


@dataclass(frozen=True)
class CascadeTeller(Teller):
    """Tells results of a cascade by one policy."""

    def results(self, rows: Iterable[Row], probabilities: Iterable[TurnScores | None]) -> list[Json]:
        """A result a row; the arguments are those of `Teller.results`.

        Returns:
            Each with ``answered_by``: the version of the model that answered, of several turns that of the one most likely
            unsafe; null where the row was not judged. Turns that are told say it each.
        """
        asked, answers = list(rows), list(probabilities)
        told = super().results(asked, answers)
        left = iter(answers)
        for row, result in zip(asked, told, strict=True):
            found = [each for each in islice(left, len(row.turns)) if each is not None]
            is_judged = found and result["error"] is None
            result["answered_by"] = max(found, key=lambda each: each.values[0]).answered_by if is_judged else None
            for turn, answer in zip(result.get("turns", ()), found, strict=False):  # most rows tell no turns
                turn["answered_by"] = answer.answered_by
        return told
