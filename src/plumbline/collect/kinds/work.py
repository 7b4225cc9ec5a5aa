"""What is stored about one assignment, what is asked next, and what a submission adds: plain values in and out.

Where an assignment stands is worked out from what is stored about it, each time anew; nothing is remembered between calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from pydantic import JsonValue

from plumbline.collect.kinds.bounds import JsonObject
from plumbline.collect.kinds.refusals import StoredWorkError, SubmissionError
from plumbline.collect.kinds.sides import ShownOrder
from plumbline.records import Conversation


class Purpose(StrEnum):
    """What an item is for."""

    WORK = "work"
    TRAINING = "training"
    GOLD = "gold"
    ATTENTION = "attention"
    REVIEW = "review"
    ADJUDICATION = "adjudication"
    SPOT_CHECK = "spot_check"


KNOWN_ANSWERS = (Purpose.TRAINING, Purpose.GOLD, Purpose.ATTENTION)
"""Purposes whose items carry the truth."""


ACTS = (
    *("say", "end", "judge-turn", "close", "consent", "describe", "rate-self"),
    *("label", "rank", "judge-pair", "review", "rule", "check-writing"),
)
"""Everything that can be submitted; errors name no other."""


# --- what is stored ---


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanTurn:
    """What the worker wrote as turn `number`, from 1."""

    number: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnReply:
    """One reply that was drawn for a turn; `side` is where records hold it, not where it is shown.

    A turn may have been drawn for several times; the first draw that gave both replies counts.
    """

    id: str
    turn: int
    draw: int
    side: int
    text: str
    model: str
    snapshot: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredJudgement:
    """One act of a worker; `corrects` names the act that it takes the place of."""

    id: str
    kind: str
    payload: JsonObject
    corrects: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Effective:
    """A judgement that counts: what was said first, and what holds after its corrections (the same without any)."""

    first: StoredJudgement
    last: StoredJudgement


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Everything that is stored about one assignment.

    Attributes:
        assignment_id: seeds what is drawn for it.
        item_key: of the item.
        worker: pseudonym.
        payload: the item's.
        turns, replies, judgements: in the order they were stored.
    """

    assignment_id: str
    item_key: str
    worker: str
    payload: JsonObject
    turns: tuple[HumanTurn, ...] = ()
    replies: tuple[DrawnReply, ...] = ()
    judgements: tuple[StoredJudgement, ...] = ()

    def effective(self, kind: str) -> tuple[Effective, ...]:
        """The judgements of a kind that count, in the order in which they were first made.

        Raises:
            StoredWorkError: one corrects a judgement that is not stored before it.
        """
        last: dict[str, StoredJudgement] = {}
        root_of: dict[str, str] = {}
        first: dict[str, StoredJudgement] = {}
        for judgement in self.judgements:
            if judgement.kind != kind:
                continue
            if judgement.corrects is None:
                root = judgement.id
                first[root] = judgement
            elif judgement.corrects in root_of:
                root = root_of[judgement.corrects]
            else:
                raise StoredWorkError(self.assignment_id, "a judgement corrects one that is not there")
            root_of[judgement.id] = root
            last[root] = judgement
        return tuple(Effective(first=first[root], last=last[root]) for root in first)

    def only(self, kind: str) -> Effective | None:
        """The judgement of a kind that an assignment has at most once."""
        found = self.effective(kind)
        if len(found) > 1:
            raise StoredWorkError(self.assignment_id, f"{len(found)} judgements of kind {kind} where one can be")
        return found[0] if found else None

    def pair(self, turn: int) -> tuple[DrawnReply, DrawnReply] | None:
        """The two replies of a turn by side, of the first draw that has both; None where none was drawn yet."""
        draws: dict[int, dict[int, DrawnReply]] = {}
        for reply in self.replies:
            if reply.turn == turn:
                draws.setdefault(reply.draw, {})[reply.side] = reply
        whole = [draw for draw, sides in draws.items() if set(sides) == {0, 1}]
        return (draws[min(whole)][0], draws[min(whole)][1]) if whole else None


# --- what is asked next ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What the worker is asked.

    Attributes:
        act: the submission that is wanted, a key of `SUBMISSIONS`.
        other_act: another that may come instead; None where there is none.
        turn: of a chat, from 1; None elsewhere.
        conversation: what was said so far.
        replies: to be judged, as shown: the first is A.
        order: which side stands where; not for the worker's eyes.
        fields: what a form needs: question, axes, steps, categories …
    """

    act: str
    other_act: str | None = None
    turn: int | None = None
    conversation: Conversation = ()
    replies: tuple[str, ...] = ()
    order: ShownOrder | None = None
    fields: Mapping[str, JsonValue] = field(default_factory=dict)

    def as_json(self) -> dict[str, JsonValue]:
        """What may leave the server: no side, no model, no author."""
        return {
            "act": self.act,
            "turn": self.turn,
            "conversation": [{"role": message.role.value, "text": message.text} for message in self.conversation],
            "replies": list(self.replies),
            "fields": dict(self.fields),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """Two replies must be drawn for a turn and stored before anyone is asked; asked again until that succeeds."""

    turn: int
    conversation: Conversation


@dataclass(frozen=True, slots=True)
class Finished:
    """Nothing is left to do."""


Step = Ask | Draw | Finished


# --- what a submission adds ---


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJudgement:
    """A judgement to be stored; sides and polarity are spelled out in its payload."""

    kind: str
    payload: dict[str, JsonValue]
    corrects: str | None = None

    @property
    def part(self) -> str:
        """Which part of the assignment it judges: ``turn-2``, else its kind; each part is judged once, and corrected."""
        turn = self.payload.get("turn")
        return self.kind if turn is None else f"{self.kind}-{turn}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewItem:
    """An item to be entered.

    Attributes:
        key: of its content; the same content is entered once.
        purpose: what it is for.
        payload: plain JSON; never an answer.
        overlap: how many workers it wants.
        priority: 0 to 9; higher comes first.
        author: pseudonym of whose own it is and who must not get it; None = nobody's.
        truth: the known answer, for the purposes in `KNOWN_ANSWERS`; never shown.
    """

    key: str
    purpose: Purpose
    payload: dict[str, JsonValue]
    overlap: int = 1
    priority: int = 0
    author: str | None = None
    truth: dict[str, JsonValue] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """What a submission adds, to be stored in one transaction.

    Attributes:
        next: what is asked after it.
        turn: what the worker said.
        judgements: to be stored.
        new_items: reviews and adjudications that follow from it.
        declined: the worker did not consent: give the item back without counting it against them.
    """

    next: Step
    turn: HumanTurn | None = None
    judgements: tuple[NewJudgement, ...] = ()
    new_items: tuple[NewItem, ...] = ()
    declined: bool = False

    @property
    def finished(self) -> bool:
        """Whether the assignment is done with this."""
        return isinstance(self.next, Finished) and not self.declined


def with_added(work: Work, turn: HumanTurn | None, judgements: tuple[NewJudgement, ...]) -> Work:
    """The work as it stands once these are stored; their ids are made up."""
    stored = tuple(
        StoredJudgement(id=f"new {number}", kind=new.kind, payload=new.payload, corrects=new.corrects)
        for number, new in enumerate(judgements)
    )
    return replace(work, turns=work.turns + ((turn,) if turn else ()), judgements=work.judgements + stored)


def expected_ask(step: Step, submission: JsonObject) -> Ask:
    """The question that a submission answers; its `act` is the one that was submitted.

    Args:
        step: what the worker is asked now.
        submission: with its `act`.
    Raises:
        SubmissionError: nothing is asked now, or something else.
    """
    if not isinstance(step, Ask):
        waiting = isinstance(step, Draw)
        raise SubmissionError(
            "PL-SUB-003",
            "nothing is asked at the moment",
            found="replies that are not drawn yet" if waiting else "a finished item",
            advice="ask for the next step" if waiting else "ask for the next item",
        )
    act = submission.get("act")
    if act not in (step.act, step.other_act) or act is None:
        raise SubmissionError(
            "PL-SUB-002",
            "not what is asked now",
            expected=f'act "{step.act}"',
            found=f'act "{act}"' if act in ACTS else "no act that there is",
            advice="ask for the next step, and answer that",
            field="act",
        )
    return replace(step, act=str(act))
