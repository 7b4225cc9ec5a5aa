"""Stored work as manager's pages show it: messages, replies, judgements; addresses of what is opened."""

from __future__ import annotations

from plumbline.collect.dashboard.item_texts import Said, StoredReply
from plumbline.collect.dashboard.opened import JudgementOfItem
from plumbline.collect.pages.contexts.disagreements import JudgementCard, ShownMessage, ShownReply
from plumbline.collect.pages.judgement_words import kind_words
from plumbline.collect.pages.managing.answers_in_words import answer_words, harm_words
from plumbline.collect.pages.managing.frames import address_of
from plumbline.collect.pages.wording import seconds
from plumbline.collect.study_settings import StudyFile

_SPEAKERS = {"human": "Human", "assistant": "Assistant", "system": "System"}


def item_address(study: str, item: int) -> str:
    """Where an item is opened with everything that was judged of it."""
    return f"{address_of(study)}/disagreements/{item}"


def chat_address(study: str, assignment: int) -> str:
    """Where a chat is opened."""
    return f"{address_of(study)}/chats/{assignment}"


def sheet_address(study: str, pseudonym: str) -> str:
    """Of a worker's sheet."""
    return f"{address_of(study)}/workers/{pseudonym}"


def shown_message(said: Said) -> ShownMessage:
    """A message; who speaks is a class of the style only where it is one that we know."""
    return ShownMessage(_SPEAKERS.get(said.role, said.role), said.role if said.role in _SPEAKERS else "", said.text)


def shown_reply(reply: StoredReply) -> ShownReply:
    """A reply at its stored side, with its model and label."""
    label = ""
    if reply.is_safe is not None:
        label = harm_words(reply.is_safe, reply.categories or ())
    return ShownReply(
        heading=f"Side {reply.side + 1}",
        model=reply.model or "",
        label=label,
        messages=tuple(map(shown_message, reply.messages)),
    )


def card_of(settings: StudyFile, each: JudgementOfItem) -> JudgementCard:
    """A judgement in words."""
    study, words = settings.name, answer_words(each.kind, each.answer, settings.strengths)
    answers = (*words.answers, *((("took the place of", f"judgement {each.corrects}"),) if each.corrects else ()))
    return JudgementCard(
        number=each.judgement,
        pseudonym=each.pseudonym,
        sheet=sheet_address(study, each.pseudonym),
        kind=kind_words(each.kind),
        at=each.at,
        time=seconds(each.seconds),
        version=each.guidelines_version,
        guidelines=f"{address_of(study)}/guidelines/edit?newer={each.guidelines_version}#versions",
        answers=answers,
        written=words.written,
    )
