"""What a worker judged, as it was shown to them, and their answer as they gave it: for looking at it again.

What was shown follows from what was stored before the judgement, as everything that is asked does; no answer of a later
moment, and nothing that was not shown then, is in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from pydantic import JsonValue

from plumbline.collect.kinds.adjudication import RULING, StoredRuling
from plumbline.collect.kinds.blind_review import REVIEW
from plumbline.collect.kinds.bounds import JsonObject, read_stored
from plumbline.collect.kinds.chat import ENDED, TURN, Ended, TurnVerdict
from plumbline.collect.kinds.harm_labels import HarmLabel
from plumbline.collect.kinds.pairs import PAIR, PairVerdict
from plumbline.collect.kinds.preference_chat import CLOSING
from plumbline.collect.kinds.red_team_chat import CONSENT, INTENT, SELF_RATING
from plumbline.collect.kinds.refusals import StoredWorkError
from plumbline.collect.kinds.registry import task_for
from plumbline.collect.kinds.safety_labels import LABEL, StoredLabel
from plumbline.collect.kinds.sides import ShownOrder
from plumbline.collect.kinds.spot_check import WRITING
from plumbline.collect.kinds.two_axis_ranking import RANKING, StoredRanking
from plumbline.collect.kinds.work import Ask, Purpose, StoredJudgement, Work
from plumbline.collect.study_settings import StudyFile

Answer = dict[str, JsonValue]

CORRECTABLE = frozenset((TURN, CLOSING, SELF_RATING, PAIR, LABEL, RANKING, REVIEW, RULING, WRITING))
"""Kinds of judgements that a correction may take the place of; consent and intent stay as they were given."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A judgement of one's own.

    Attributes:
        ask: the question as it was asked, replies in the order shown; with `shown` in its fields where it is a turn.
        answer: what was answered, in the words of a submission: positions and steps of the screen. Sent as a correction it
            says the same again; which reply went on and what was edited is not in it, since no correction changes that.
        can_be_corrected: whether it is the last word, and of a kind that is corrected.
    """

    ask: Ask
    answer: Answer
    can_be_corrected: bool


def judged(work: Work, study: StudyFile, purpose: Purpose, judgement_id: str) -> Judged:
    """A judgement with what it was about.

    Args:
        work: all that is stored of the assignment.
        judgement_id: one of its judgements, a correction perhaps.
    Raises:
        StoredWorkError: it is none of them, or what is stored does not lead to it.
    """
    by_id = {each.id: each for each in work.judgements}
    first = named = by_id.get(judgement_id)
    while first is not None and first.corrects is not None:
        first = by_id.get(first.corrects)
    if first is None or named is None:
        raise StoredWorkError(work.assignment_id, "a judgement, or one that it corrects, is not there")
    ask = task_for(study, purpose).next_step(_before(work, first), study)
    if not isinstance(ask, Ask):
        raise StoredWorkError(work.assignment_id, f"a judgement of kind {named.kind} where nothing was asked")
    is_last = all(each.corrects != named.id for each in work.judgements)
    return Judged(ask, _answer(named, ask), is_last and named.kind in CORRECTABLE)


def _before(work: Work, judgement: StoredJudgement) -> Work:
    """What was stored before a judgement was made; of a chat that was ended without a turn that came at that very moment."""
    judgements = work.judgements[: work.judgements.index(judgement)]
    if judgement.kind != ENDED:
        return replace(work, judgements=judgements)
    last = read_stored(Ended, judgement.payload).turns
    return replace(work, judgements=judgements, turns=tuple(turn for turn in work.turns if turn.number <= last))


def _answer(judgement: StoredJudgement, ask: Ask) -> Answer:
    given = _ANSWERS[judgement.kind](judgement.payload)
    if judgement.kind == TURN:
        given["shown"] = ask.fields["shown"]
    return {"act": ask.act, **given}


def _as_stored(payload: JsonObject) -> Answer:
    """Kinds whose payload says it in the submission's own words."""
    return dict(payload)


def _turn(payload: JsonObject) -> Answer:
    stored = read_stored(TurnVerdict, payload)
    return {"turn": stored.turn, "step": stored.step}


def _ended(payload: JsonObject) -> Answer:
    return {"act": "end", "turn": read_stored(Ended, payload).turns + 1}


def _pair(payload: JsonObject) -> Answer:
    stored = read_stored(PairVerdict, payload)
    return {**{each.axis.value: each.step for each in stored.verdicts}, "comment": stored.comment}


def _applying(label: HarmLabel) -> Answer:
    return {"categories": list(label.categories or ()), "none_applies": label.is_safe}


def _label(payload: JsonObject) -> Answer:
    stored = read_stored(StoredLabel, payload)
    return {**_applying(stored), "confidence": stored.confidence, "comment": stored.comment}


def _ruling(payload: JsonObject) -> Answer:
    stored = read_stored(StoredRuling, payload)
    applying = {"categories": None, "none_applies": False} if stored.names_nothing else _applying(stored)
    return {**applying, "note": stored.note}


def _ranking(payload: JsonObject) -> Answer:
    stored = read_stored(StoredRanking, payload)
    order = ShownOrder(stored.shown)
    disputes: list[JsonValue] = [
        {"position": order.sides.index(each.reply), **_applying(each.label), "note": each.note}
        for each in stored.disputes
    ]
    return {
        "helpfulness": list(order.as_shown(stored.helpfulness)),
        "harmlessness": list(order.as_shown(stored.harmlessness)),
        "confidence": stored.confidence,
        "disputes": disputes,
        "comment": stored.comment,
    }


_ANSWERS: Mapping[str, Callable[[JsonObject], Answer]] = {
    TURN: _turn,
    ENDED: _ended,
    PAIR: _pair,
    LABEL: _label,
    RULING: _ruling,
    RANKING: _ranking,
    **dict.fromkeys((CONSENT, INTENT, CLOSING, SELF_RATING, REVIEW, WRITING), _as_stored),
}
