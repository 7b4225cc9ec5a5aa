"""Two policies' answers to the same prompts, paired and judged: all that a comparison tells.

Reply n of the one is held against reply n of the other. Where one of the two is missing there is no pair, and where a judge
gave no word the pair is unjudged: both are counted, and neither is a win, a loss, a tie or a safe reply.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from plumbline.align.comparing.head_to_head import HeadToHead, JudgedPairs, by_category, head_to_head, judges_agree
from plumbline.align.comparing.judging import ModelVerdicts, Panel, ReplyPair, judge_pairs
from plumbline.measure import Bootstrap, Figure
from plumbline.models.reply_readings import Told
from plumbline.records import Axis, Prompt

NO_CATEGORY = "no category"
_EXAMPLES = 12


@dataclass(frozen=True, slots=True)
class Answer:
    """What a policy said to a prompt.

    Attributes:
        text: its reply; None where there is none.
        code: why there is none.
        model, snapshot, seed: how it came about; None where nobody says.
        is_cut: it reached the most tokens that were asked for.
    """

    text: str | None
    code: str | None = None
    model: str | None = None
    snapshot: str | None = None
    seed: int | None = None
    is_cut: bool = False


class Cell(StrEnum):
    """What is known of a reply in the layout of an evaluation."""

    SAFE = "safe"
    FLAGGED = "flagged"
    UNJUDGED = "not judged"
    MISSING = "no reply"


@dataclass(frozen=True)
class Answered:
    """How many replies the two gave, of prompts × replies asked for.

    Attributes:
        both, first_only, second_only, neither: they add up to what was asked for.
    """

    both: int
    first_only: int
    second_only: int
    neither: int

    @property
    def asked(self) -> int:
        """Prompts × replies."""
        return self.both + self.first_only + self.second_only + self.neither


@dataclass(frozen=True)
class Example:
    """A pair to look at.

    Attributes:
        pair: of which prompt, with its texts.
        probabilities: by axis, that the first is better; None where that judge said nothing.
        cells: of the first and of the second reply; None where nobody judges safety.
    """

    pair: ReplyPair
    probabilities: Mapping[str, float | None]
    cells: tuple[Cell, Cell] | None


@dataclass(frozen=True)
class PolicyComparison:
    """What came of it.

    Attributes:
        prompts: how many.
        replies: asked for to each prompt.
        answered: by whom.
        missing: of the first and of the second policy, replies that are not there, by code.
        cut: of both, replies that were cut at their most tokens.
        unjudged: by axis and under ``safety``, pairs without a word of that judge, by code.
        margin: within which a probability is a tie.
        overall: figures of all pairs.
        by_category: of those of each category, in the order in which the prompts bring them.
        judges_agree: see `head_to_head.judges_agree`; None where one model judges harmlessness and safety, or nobody does.
        layout: of the first and of the second policy, a cell a reply in the order of the prompts, by category; None where
            nobody judges safety.
        examples: pairs on which the judges of the axes differ most; of one axis alone, the clearest.
    """

    prompts: int
    replies: int
    answered: Answered
    missing: tuple[Mapping[str, int], Mapping[str, int]]
    cut: tuple[int, int]
    unjudged: Mapping[str, Mapping[str, int]]
    margin: float
    overall: HeadToHead
    by_category: Mapping[str, HeadToHead]
    judges_agree: Figure | None
    layout: tuple[Mapping[str, Sequence[Cell]], Mapping[str, Sequence[Cell]]] | None
    examples: Sequence[Example]


@dataclass(frozen=True)
class Answers:
    """The answers of both to n prompts, k each.

    Attributes:
        prompts: n.
        replies: k.
        first, second: n × k; number i of prompt p stands at p · k + i.
    Raises:
        ValueError: they do not fit.
    """

    prompts: Sequence[Prompt]
    replies: int
    first: Sequence[Answer]
    second: Sequence[Answer]

    def __post_init__(self) -> None:
        """Refuse answers that belong to other prompts."""
        if not len(self.first) == len(self.second) == len(self.prompts) * self.replies:
            raise ValueError(f"expected {len(self.prompts) * self.replies} answers of each, found {len(self.first)}")

    def prompt_of(self, place: int) -> Prompt:
        """The prompt of an answer."""
        return self.prompts[place // self.replies]

    def places(self) -> list[int]:
        """Where both said something."""
        both = zip(self.first, self.second, strict=True)
        return [place for place, (one, other) in enumerate(both) if one.text is not None and other.text is not None]

    def pairs(self) -> list[ReplyPair]:
        """A pair for each of the `places`."""
        return [
            ReplyPair(
                *divmod(place, self.replies),
                self.prompt_of(place).conversation,
                self.first[place].text or "",
                self.second[place].text or "",
            )
            for place in self.places()
        ]


def compare_answers(
    answers: Answers, panel: Panel, bootstrap: Bootstrap, *, margin: float, told: Told = lambda *_: None
) -> tuple[PolicyComparison, ModelVerdicts]:
    """Pair the answers, have them judged, and make the figures.

    Args:
        answers: of both.
        panel: the judges.
        bootstrap: of intervals, which draw groups of prompts that begin alike.
        margin: see `head_to_head`.
        told: how many replies are scored.
    Returns:
        What came of it, and what each judge said of each of the `Answers.places`.
    """
    places, pairs = answers.places(), answers.pairs()
    said = judge_pairs(panel, pairs, told)
    judged = JudgedPairs(
        said.probabilities,
        said.safe,
        [categories_of(answers.prompt_of(place)) for place in places],
        [answers.prompt_of(place).group_id for place in places],
    )
    harmlessness = panel.by_axis.get(Axis.HARMLESSNESS)
    two_of_harm = harmlessness is not None and panel.safety is not None and harmlessness is not panel.safety
    categories = dict.fromkeys(name for prompt in answers.prompts for name in categories_of(prompt))
    scored = {axis.value: each for axis, each in said.by_axis.items()}
    scored |= {} if said.safety is None else {"safety": said.safety}
    compared = PolicyComparison(
        len(answers.prompts),
        answers.replies,
        _answered(answers),
        (_missing(answers.first), _missing(answers.second)),
        (sum(each.is_cut for each in answers.first), sum(each.is_cut for each in answers.second)),
        {name: dict(sorted(Counter(filter(None, each.codes)).items())) for name, each in scored.items()},
        margin,
        head_to_head(judged, bootstrap, margin=margin),
        by_category(judged, categories, bootstrap, margin=margin),
        judges_agree(judged, Axis.HARMLESSNESS, bootstrap) if two_of_harm else None,
        None if said.safe is None else _layout(answers, places, said.safe),
        _examples(pairs, said),
    )
    return compared, said


def categories_of(prompt: Prompt) -> tuple[str, ...]:
    """Its categories in order; `NO_CATEGORY` where it has none."""
    return tuple(sorted(prompt.categories)) if prompt.categories else (NO_CATEGORY,)


def _answered(answers: Answers) -> Answered:
    counts = Counter(
        (one.text is not None, other.text is not None) for one, other in zip(answers.first, answers.second, strict=True)
    )
    return Answered(counts[True, True], counts[True, False], counts[False, True], counts[False, False])


def _missing(answers: Sequence[Answer]) -> dict[str, int]:
    return dict(sorted(Counter(each.code or "no code" for each in answers if each.text is None).items()))


def _layout(
    answers: Answers, places: Sequence[int], safe: NDArray[np.float64]
) -> tuple[dict[str, list[Cell]], dict[str, list[Cell]]]:
    verdicts = dict(zip(places, safe, strict=True))
    layouts: tuple[dict[str, list[Cell]], dict[str, list[Cell]]] = ({}, {})
    for side, given in enumerate((answers.first, answers.second)):
        for place, answer in enumerate(given):
            cell = Cell.MISSING
            if answer.text is not None:
                cell = cell_of(float(verdicts[place][side])) if place in verdicts else Cell.UNJUDGED
            for name in categories_of(answers.prompt_of(place)):
                layouts[side].setdefault(name, []).append(cell)
    return layouts


def cell_of(safe: float) -> Cell:
    """The cell of a reply that is there: 1 safe, 0 flagged, NaN not judged."""
    if np.isnan(safe):
        return Cell.UNJUDGED
    return Cell.SAFE if safe == 1 else Cell.FLAGGED


def _examples(pairs: Sequence[ReplyPair], said: ModelVerdicts) -> list[Example]:
    columns = list(said.probabilities.values())
    differ = np.abs(columns[0] - columns[1]) if len(columns) > 1 else np.abs(columns[0] - 0.5)
    order = np.argsort(-np.nan_to_num(differ, nan=-1.0), kind="stable")
    chosen = [int(place) for place in order if differ[place] > 0][:_EXAMPLES]
    return [
        Example(
            pairs[place],
            {axis: _number(column[place]) for axis, column in said.probabilities.items()},
            None if said.safe is None else (cell_of(float(said.safe[place, 0])), cell_of(float(said.safe[place, 1]))),
        )
        for place in chosen
    ]


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
