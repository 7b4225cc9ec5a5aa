"""What both chats share: a turn of two replies, judged with a strength, one of which goes on.

Source: Bai et al. 2022, §2.3; Ganguli et al. 2022, §3.2. Deviation: which reply goes on is a setting apart from which
was judged better, since steering to the worse one hurt the authors' training (Bai et al. 2022, §4.4).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, model_validator

from plumbline.collect.kinds.bounds import (
    MOST_MESSAGES,
    Bounded,
    HumanText,
    MessageJson,
    Name,
    ReplyText,
    conversation_of,
    messages_of,
    read_stored,
)
from plumbline.collect.kinds.item_entry import Entry, ItemRefusal
from plumbline.collect.kinds.refusals import StoredWorkError
from plumbline.collect.kinds.sides import ShownOrder, shown_order
from plumbline.collect.kinds.strength import asked_on
from plumbline.collect.kinds.topics import Topical, categories_of
from plumbline.collect.kinds.work import Ask, Draw, DrawnReply, Effective, Work
from plumbline.collect.study_settings import Continues, Question, StudyFile
from plumbline.records import Axis, Comparison, Conversation, Message, Outcome, Prompt, Record, Role
from plumbline.records.identity import canonical_conversation, digest

Position = Literal[0, 1]
Side = Annotated[int, Field(ge=0, le=1)]


MOST_OPENING = MOST_MESSAGES - 2 * 50
"""Messages of an opening: with the 50 turns that a study may have, the transcript can still be stored."""

Opening = Annotated[tuple[MessageJson, ...], Field(max_length=MOST_OPENING)]


class ChatItem(Topical):
    """A conversation to be had; `opening` is what was said before the worker's first turn, and may be empty."""

    opening: Opening = ()
    parents: tuple[str, ...] = ()

    @property
    def asks_already(self) -> bool:
        """Whether the opening ends with a human turn, so that replies are drawn at once."""
        return bool(self.opening) and self.opening[-1].role is Role.HUMAN


# --- submissions ---


class Say(Bounded):
    """The worker's turn."""

    act: Literal["say"] = "say"
    turn: Annotated[int, Field(ge=1, le=50)]
    text: HumanText


class EndChat(Bounded):
    """The worker has no more to say; `turn` is the one that they were asked for."""

    act: Literal["end"] = "end"
    turn: Annotated[int, Field(ge=1, le=50)]


class Edit(Bounded):
    """A reply made better by the worker: `position` is where it was shown, 0 for A."""

    position: Position
    text: ReplyText


class JudgeTurn(Bounded):
    """Which of two replies; `step` from 1, all for A, to the study's `strengths`, all for B.

    `shown` says which two replies the worker has before them, as the question said it, so that a verdict never lands on
    others that were drawn meanwhile. `continue_with` is wanted where the study leaves the choice to the worker, and
    nowhere else. A correction says what was shown, too, and takes neither an edit nor a choice.
    """

    act: Literal["judge-turn"] = "judge-turn"
    turn: Annotated[int, Field(ge=1, le=50)]
    step: Annotated[int, Field(ge=1, le=20)]
    shown: Name | None = None
    continue_with: Position | None = None
    edit: Edit | None = None


# --- what is stored of a judged turn ---


class StoredEdit(Bounded):
    """The edited text and the side that it was made from."""

    side: Side
    text: ReplyText


class TurnVerdict(Bounded):
    """A judged turn. `outcome` is the better side on `axis`, whatever `question` asked; sides are stored sides."""

    turn: int
    axis: Axis
    question: Question
    step: int
    shown: Annotated[tuple[int, ...], Field(min_length=2, max_length=2)]
    replies: tuple[str, str]
    outcome: Outcome
    strength: int
    continues_with: Side
    continues: Continues
    edit: StoredEdit | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if sorted(self.shown) != [0, 1] or self.outcome is Outcome.TIE:
            raise ValueError("shown must name both sides, and there is no tie")
        return self


class Ended(Bounded):
    """A chat that its worker ended, after so many turns."""

    turns: int


TURN, ENDED = "turn", "end"
"""The kinds of these judgements."""

# --- items ---


def chat_entries(records: Iterable[Record]) -> Iterator[Entry | ItemRefusal]:
    """Openings from prompts (whole) and from comparisons (their contexts); nothing that anyone judged is kept."""
    for record in records:
        if isinstance(record, Prompt):
            conversation = record.conversation
        elif isinstance(record, Comparison):
            conversation = record.context
        else:
            yield ItemRefusal(record, "PL-ITM-001", "a chat begins with a prompt or with a comparison's context")
            continue
        key = digest("chat", canonical_conversation(conversation))
        item = partial(_chat_item, conversation, record.id)
        yield Entry(record, key, item, topics=categories_of(record))


def _chat_item(opening: Conversation, parent: str) -> ChatItem:
    return ChatItem(opening=messages_of(opening), parents=(parent,))


def chat_item_of_worker(number: int) -> tuple[str, ChatItem]:
    """(key, payload) of the `number`-th conversation that a worker begins themselves."""
    return digest("chat from workers", str(number)), ChatItem()


# --- where a chat stands ---


def chat_item(work: Work) -> ChatItem:
    """The item of a chat."""
    return read_stored(ChatItem, work.payload)


Verdicts = Mapping[int, tuple[TurnVerdict, TurnVerdict, Effective]]
"""By turn: what was said first, what holds now, and the judgements themselves."""


def verdicts(work: Work) -> Verdicts:
    """The turns that were judged."""
    found = {}
    for effective in work.effective(TURN):
        first, last = (read_stored(TurnVerdict, each.payload) for each in (effective.first, effective.last))
        if first.turn in found or first.turn != last.turn:
            raise StoredWorkError(work.assignment_id, f"turn {first.turn} was judged twice")
        found[first.turn] = (first, last, effective)
    return found


def next_turn_step(work: Work, study: StudyFile) -> Ask | Draw | None:
    """What comes next in the conversation itself; None once all turns are judged, or the worker ended it."""
    judged = verdicts(work)
    ended = work.only(ENDED) is not None
    for turn in range(1, study.turns + 1):
        if turn in judged:
            continue
        if ended:  # also where a turn was said at that very moment
            return None
        conversation = conversation_through_question(work, turn, judged)
        if _needs_saying(work, turn):
            return _ask_for_words(work, study, turn, conversation)
        pair = work.pair(turn)
        if pair is None:
            return Draw(turn=turn, conversation=conversation)
        return _ask_for_judgement(work, study, turn, conversation, pair)
    return None


def _ask_for_words(work: Work, study: StudyFile, turn: int, conversation: Conversation) -> Ask:
    may_end = study.least_turns is not None and turn > study.least_turns
    return Ask(
        act="say",
        other_act="end" if may_end else None,
        turn=turn,
        conversation=conversation,
        fields={
            "turns": study.turns,
            "least_turns": study.least_turns,
            "may_end": may_end,
            **edited_before(work, turn),
        },
    )


def _ask_for_judgement(
    work: Work, study: StudyFile, turn: int, conversation: Conversation, pair: tuple[DrawnReply, DrawnReply]
) -> Ask:
    order = shown_order(study.seed, work.assignment_id, turn)
    axis = study.judged_axes[0]
    return Ask(
        act="judge-turn",
        turn=turn,
        conversation=conversation,
        replies=order.as_shown([reply.text for reply in pair]),
        order=order,
        fields={
            "turns": study.turns,
            "least_turns": study.least_turns,
            "axis": axis.value,
            "question": asked_on(axis, study.question).value,
            "steps": study.strengths,
            "choose_continuation": study.continues is Continues.CHOICE,
            "edit": study.edit,
            "shown": shown_token(work, study, pair, order),
            **edited_before(work, turn),
        },
    )


def shown_token(work: Work, study: StudyFile, pair: tuple[DrawnReply, DrawnReply], order: ShownOrder) -> str:
    """What names two texts as they are shown in a turn.

    It is made of what the worker has before them and of the study's seed, never of a row's number: those of two sides
    follow each other, so that trying both orders would say which side is A.
    """
    place = (work.assignment_id, str(pair[0].turn), str(pair[0].draw))
    return digest("shown", str(study.seed), *place, *order.as_shown([reply.text for reply in pair]))[:16]


def _human_text(work: Work, turn: int) -> str | None:
    return next((said.text for said in work.turns if said.number == turn), None)


def _needs_saying(work: Work, turn: int) -> bool:
    opened = turn == 1 and chat_item(work).asks_already
    return not opened and _human_text(work, turn) is None


def _said(work: Work, turn: int) -> Conversation:
    text = _human_text(work, turn)
    return () if text is None else (Message(Role.HUMAN, text),)


def conversation_before(work: Work, turn: int, judged: Verdicts | None = None) -> Conversation:
    """Everything that was said before a turn; after the last one, the transcript.

    A correction changes what was judged, never what was said: the reply that went on is that of the first judgement.

    Args:
        work: of the chat.
        turn: from 1.
        judged: its `verdicts`, where they are at hand.
    """
    judged = verdicts(work) if judged is None else judged
    conversation = conversation_of(chat_item(work).opening)
    for earlier in range(1, turn):
        if earlier not in judged:
            break
        conversation += (*_said(work, earlier), _continuing(work, judged[earlier][0]))
    return conversation


def edited_before(work: Work, turn: int) -> dict[str, JsonValue]:
    """A field of the form: which messages before a turn the worker edited, and what each was; none where nothing was.

    Returns:
        ``{"edited": [{"message": its place in the conversation, from 0, "original": the reply as it came}]}``, or ``{}``.
    """
    edited: list[JsonValue] = [
        {"message": place, "original": judged_pair(work, first)[edit.side].text}
        for place, first, edit in edits_before(work, turn)
        if edit.side == first.continues_with
    ]
    return {"edited": edited} if edited else {}


def edits_before(work: Work, turn: int) -> Iterator[tuple[int, TurnVerdict, StoredEdit]]:
    """Of each turn before one in which a reply was edited: where its reply stands in the conversation, from 0, and the edit.

    What was edited went on where ``edit.side == verdict.continues_with``; else another text stands there.
    """
    judged, place = verdicts(work), len(chat_item(work).opening) - 1
    for earlier in range(1, turn):
        if earlier not in judged:
            return
        first = judged[earlier][0]
        place += len(_said(work, earlier)) + 1
        if first.edit is not None:
            yield place, first, first.edit


def conversation_through_question(work: Work, turn: int, judged: Verdicts | None = None) -> Conversation:
    """Everything up to what the worker said in a turn: what its two replies answer."""
    return conversation_before(work, turn, judged) + _said(work, turn)


def judged_pair(work: Work, turn_verdict: TurnVerdict) -> tuple[DrawnReply, DrawnReply]:
    """The two replies that a verdict is about, by side.

    Raises:
        StoredWorkError: one of them is not stored.
    """
    by_id = {reply.id: reply for reply in work.replies}
    found = [by_id.get(name) for name in turn_verdict.replies]
    first, second = found
    if first is None or second is None or (first.side, second.side) != (0, 1):
        raise StoredWorkError(work.assignment_id, f"turn {turn_verdict.turn} judges replies that are not stored")
    return first, second


def _continuing(work: Work, turn_verdict: TurnVerdict) -> Message:
    side, edit = turn_verdict.continues_with, turn_verdict.edit
    if edit is not None and edit.side == side:
        return Message(Role.ASSISTANT, edit.text)
    return Message(Role.ASSISTANT, judged_pair(work, turn_verdict)[side].text)


def continuing_models(work: Work) -> tuple[str, ...]:
    """The model behind each reply of the transcript, in order."""
    judged = verdicts(work)
    firsts = [judged[turn][0] for turn in sorted(judged)]
    return tuple(judged_pair(work, first)[first.continues_with].model for first in firsts)
