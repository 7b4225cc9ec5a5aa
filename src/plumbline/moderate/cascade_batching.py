"""A cascade behind two queues: the first model's texts wait for no batch of the second's.

Every text goes to the first model's queue. Those that it is sure of are answered by it; the others of the request go on to
the second's queue, which has limits of its own. A text that the second fails on was not judged: what the first thought of it,
unsure, is no answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from plumbline.models.cascade.model import Band
from plumbline.moderate.batching import Batcher, Load
from plumbline.moderate.judging import TurnScores
from plumbline.moderate.rows import Turn


@dataclass(frozen=True)
class CascadeBatcher:
    """Judges turns by two models; belongs to one event loop.

    Attributes:
        first, second: the queues before the models; both answer probabilities, the main head's first.
        band: where the first is not sure.
    """

    first: Batcher
    second: Batcher
    band: Band

    async def judge(self, turns: Sequence[Turn]) -> list[TurnScores | None]:
        """The answer for each turn, the first model's or the second's; None where the one that had to answer failed.

        Raises:
            WebError: PL-MDR-010 or PL-MDR-011, by either queue; then the request has no answer at all.
        """
        answers = await self.first.judge(turns)
        unsure = [place for place, answer in enumerate(answers) if answer is None or not self._is_sure(answer)]
        if unsure:
            asked = await self.second.judge([turns[place] for place in unsure])
            for place, answer in zip(unsure, asked, strict=True):
                answers[place] = answer
        return answers

    def close(self) -> None:
        """Ends the threads of both."""
        self.first.close()
        self.second.close()

    def loads(self) -> dict[str, Load]:
        """What there is to do, by which of the two."""
        return {"first": self.first.load, "second": self.second.load}

    def _is_sure(self, answer: TurnScores) -> bool:
        return self.band.is_sure(answer.values)
