"""What a stored judgement says, in numbers: no text of it is kept.

Polarity is read as it is stored, and nowhere turned: `first_better` speaks of stored sides. What stood at A is only
looked at to see whether places on the screen draw answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import combinations
from typing import NamedTuple

from plumbline.collect.kinds.adjudication import RULING, StoredRuling
from plumbline.collect.kinds.blind_review import REVIEW, StoredReview
from plumbline.collect.kinds.bounds import JsonObject, read_stored
from plumbline.collect.kinds.chat import TURN, TurnVerdict
from plumbline.collect.kinds.harm_labels import HarmLabel
from plumbline.collect.kinds.pairs import PAIR, PairVerdict
from plumbline.collect.kinds.preference_chat import CLOSING, Closing
from plumbline.collect.kinds.ranking_records import better_of
from plumbline.collect.kinds.red_team_chat import SELF_RATING, SelfRating
from plumbline.collect.kinds.safety_labels import LABEL, StoredLabel
from plumbline.collect.kinds.spot_check import WRITING, StoredCheck
from plumbline.collect.kinds.two_axis_ranking import RANKING, StoredRanking
from plumbline.collect.study_settings import StudyFile
from plumbline.records import TAXONOMIES, Axis, Outcome

AXES = (Axis.HELPFULNESS, Axis.HARMLESSNESS)
GRADES = ("rating", "self-rating", "closing rating", "mark", "confidence")
"""Questions that are answered by a number."""
RATING, SELF, CLOSED, MARK, CONFIDENCE = range(len(GRADES))
NOT_NAMED = -1
_FIRST_BETTER = {Outcome.FIRST: 1.0, Outcome.SECOND: 0.0, Outcome.TIE: 0.5}


class Choice(NamedTuple):
    """Two replies compared on an axis.

    Attributes:
        axis: its place in `AXES`.
        place: which pair of the judgement's it is: the turn of a chat, the number of the pair in a ranking.
        sides: where the item holds the two; (0, 1) but for rankings.
        first_better: 1 where the first of them is better, 0 where the second is, 0.5 a tie.
        strength: from 1 = barely; 0 where none is asked.
        step: on the scale as shown, from 1; 0 where there is none.
        a_named: 1 where the one shown earlier was named, 0 the other, `NOT_NAMED` for a tie.
    """

    axis: int
    place: int
    sides: tuple[int, int]
    first_better: float
    strength: int
    step: int
    a_named: int


class Label(NamedTuple):
    """A harm label; `categories` has a bit for each category of the study's taxonomy."""

    is_safe: bool
    categories: int


@dataclass(frozen=True, slots=True)
class Answers:
    """What one judgement says; `replies` are the numbers of the two that a turn's verdict is about."""

    choices: Sequence[Choice] = ()
    replies: tuple[int, int] | None = None
    label: Label | None = None
    grades: Sequence[tuple[int, int]] = ()


NOTHING = Answers()
ReadAnswers = Callable[[JsonObject], Answers]


def readers(study: StudyFile) -> Mapping[str, ReadAnswers]:
    """How judgements are read, by their kind; kinds that answer nothing in numbers are left out."""
    bits = {name: 1 << place for place, name in enumerate(TAXONOMIES[study.taxonomy])}
    half = study.strengths // 2
    return {
        TURN: partial(_turn, half),
        PAIR: partial(_pair, half),
        RANKING: _ranking,
        LABEL: partial(_label, bits),
        RULING: partial(_ruling, bits),
        REVIEW: lambda payload: Answers(grades=((RATING, read_stored(StoredReview, payload).rating),)),
        SELF_RATING: lambda payload: Answers(grades=((SELF, read_stored(SelfRating, payload).rating),)),
        WRITING: lambda payload: Answers(grades=((MARK, read_stored(StoredCheck, payload).mark),)),
        CLOSING: _closing,
    }


def _turn(half: int, payload: JsonObject) -> Answers:
    said = read_stored(TurnVerdict, payload)
    choice = Choice(
        axis=AXES.index(said.axis),
        place=said.turn,
        sides=(0, 1),
        first_better=_FIRST_BETTER[said.outcome],
        strength=said.strength,
        step=said.step,
        a_named=int(said.step <= half),
    )
    return Answers(choices=(choice,), replies=(int(said.replies[0]), int(said.replies[1])))


def _pair(half: int, payload: JsonObject) -> Answers:
    stored = read_stored(PairVerdict, payload)
    return Answers(
        choices=tuple(
            Choice(
                axis=AXES.index(said.axis),
                place=0,
                sides=(0, 1),
                first_better=_FIRST_BETTER[said.outcome],
                strength=said.strength,
                step=said.step,
                a_named=int(said.step <= half),
            )
            for said in stored.verdicts
        )
    )


def _ranking(payload: JsonObject) -> Answers:
    stored = read_stored(StoredRanking, payload)
    choices = tuple(
        choice for axis, ranks in stored.ranks().items() for choice in _ranked(AXES.index(axis), ranks, stored.shown)
    )
    return Answers(choices=choices, grades=((CONFIDENCE, stored.confidence),))


@lru_cache(maxsize=1 << 14)
def _ranked(axis: int, ranks: tuple[int, ...], shown: tuple[int, ...]) -> tuple[Choice, ...]:
    """Every pair of a ranking on an axis; few replies are ranked in few ways, so most of it is known already."""
    shown_at = {side: position for position, side in enumerate(shown)}
    made = []
    for place, (first, second) in enumerate(combinations(range(len(ranks)), 2)):
        better = _FIRST_BETTER[better_of(ranks[first], ranks[second])]
        earlier = shown_at[first] < shown_at[second]
        named = NOT_NAMED if better == 0.5 else int((better == 1.0) == earlier)
        made.append(Choice(axis, place, (first, second), better, 0, 0, named))
    return tuple(made)


def _label(bits: Mapping[str, int], payload: JsonObject) -> Answers:
    stored = read_stored(StoredLabel, payload)
    return Answers(label=_label_of(stored, bits), grades=((CONFIDENCE, stored.confidence),))


def _ruling(bits: Mapping[str, int], payload: JsonObject) -> Answers:
    return Answers(label=_label_of(read_stored(StoredRuling, payload), bits))


def _label_of(stored: HarmLabel, bits: Mapping[str, int]) -> Label:
    return Label(stored.is_safe, sum(bits[name] for name in stored.categories or ()))


def _closing(payload: JsonObject) -> Answers:
    rating = read_stored(Closing, payload).rating
    return NOTHING if rating is None else Answers(grades=((CLOSED, rating),))
