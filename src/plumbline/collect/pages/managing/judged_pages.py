"""What was judged, newest first, for who wants to look at somebody's work; and one chat. All as the store has it now."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from plumbline.collect.dashboard.item_texts import line_of, one_line
from plumbline.collect.dashboard.opened_chats import OpenedTurn, open_chat
from plumbline.collect.kinds import KNOWN_ANSWERS
from plumbline.collect.pages.contexts.disagreements import JudgementCard
from plumbline.collect.pages.contexts.frame import Crumb
from plumbline.collect.pages.contexts.judged import ChatPage, JudgedLine, JudgedPage, ShownTurn
from plumbline.collect.pages.judgement_words import what_of
from plumbline.collect.pages.managing.answers_in_words import short_answer
from plumbline.collect.pages.managing.frames import address_of, framed, managed
from plumbline.collect.pages.managing.shown_work import (
    card_of,
    chat_address,
    item_address,
    sheet_address,
    shown_reply,
)
from plumbline.collect.pages.study_cards import is_blurred
from plumbline.collect.pages.visiting import Visit
from plumbline.collect.pages.wording import seconds
from plumbline.collect.service.catalogue import KnownStudy
from plumbline.collect.service.held_work import is_chat
from plumbline.collect.store.conversations import first_turns
from plumbline.collect.store.dashboard_rows import JudgingPerson, read_judging_people
from plumbline.collect.store.items import items_of_numbers
from plumbline.collect.store.judgements import newest_of_finished_work
from plumbline.collect.store.people import find_person
from plumbline.collect.store.rows import Item, Judgement
from plumbline.collect.study_settings import CHATS

PAGE = 25
_STATES = {
    "leased": "not finished yet",
    "submitted": "finished",
    "released": "given back",
    "expired": "ran out before it was finished",
}


def judged_page(visit: Visit, study: str, worker: str, before: int | None) -> JudgedPage:
    """A part of the list.

    Args:
        worker: pseudonym of whose judgements alone; empty for everybody's.
        before: judgements before this number; None from the newest on.
    Raises:
        NotFoundError: PL-COL-010.
    """
    known, store = visit.collecting.catalogue.named(study), visit.collecting.store
    of = find_person(store, worker).id if worker else None
    rows = newest_of_finished_work(store, known.id, worker_id=of, before=before, limit=PAGE + 1)
    base = f"{address_of(study)}/judged"
    return JudgedPage(
        frame=framed(visit, study, "Judgements", Crumb("Judgements"), script="veiled.js"),
        managed=managed(visit, study, "judged"),
        worker=worker,
        everybody=base,
        blur=is_blurred(known.settings),
        has_chats=known.settings.kind in CHATS,
        lines=_lines(visit, known, rows[:PAGE]),
        older=_older(base, worker, rows),
    )


def chat_page(visit: Visit, study: str, assignment: int) -> ChatPage:
    """One chat.

    Raises:
        NotFoundError: PL-COL-010.
    """
    known = visit.collecting.catalogue.named(study)
    opened = open_chat(visit.collecting.store, known, assignment)
    cards = [(each, card_of(known.settings, each)) for each in opened.judgements]
    of_turn = {
        turn.number: tuple(card for each, card in cards if each.answer.get("turn") == turn.number)
        for turn in opened.turns
    }
    way = (Crumb("Judgements", f"{address_of(study)}/judged"), Crumb(f"Chat {assignment}"))
    return ChatPage(
        frame=framed(visit, study, f"Chat {assignment}", *way, script="veiled.js"),
        managed=managed(visit, study, "judged"),
        assignment=assignment,
        pseudonym=opened.pseudonym,
        sheet=sheet_address(study, opened.pseudonym),
        state=_STATES[opened.state],
        blur=is_blurred(known.settings) and not opened.is_erased,
        erased=opened.is_erased,
        turns=tuple(_turn(turn, of_turn[turn.number]) for turn in opened.turns),
        cards=tuple(card for each, card in cards if each.answer.get("turn") not in of_turn),
    )


def _turn(turn: OpenedTurn, cards: tuple[JudgementCard, ...]) -> ShownTurn:
    return ShownTurn(turn.number, turn.human, tuple(map(shown_reply, turn.replies)), cards)


def _lines(visit: Visit, known: KnownStudy, rows: Sequence[Judgement]) -> tuple[JudgedLine, ...]:
    """A line for each piece of work."""
    store = visit.collecting.store
    items = items_of_numbers(store, [row.item_id for row in rows])
    chats = [row.assignment_id for row in rows if is_chat(known.settings, items[row.item_id].purpose)]
    said = first_turns(store, chats)
    people = {each.id: each for each in read_judging_people(store, {row.worker_id for row in rows})}
    study, made = known.settings.name, []
    for row in rows:
        item, chat, who = items[row.item_id], row.assignment_id in chats, people[row.worker_id]
        line = one_line(said.get(row.assignment_id, "")) or line_of(item, known.settings)
        made.append(
            JudgedLine(
                address=chat_address(study, row.assignment_id) if chat else item_address(study, item.id),
                what=what_of(row),
                answer=short_answer(row.kind, row.payload),
                tags=_tags(item, who),
                line=line,
                pseudonym=who.pseudonym,
                sheet=sheet_address(study, who.pseudonym),
                at=row.created_at,
                time=seconds(row.seconds),
            )
        )
    return tuple(made)


def _tags(item: Item, who: JudgingPerson) -> tuple[str, ...]:
    return (*((item.purpose.value,) if item.purpose in KNOWN_ANSWERS else ()), *(("erased",) if who.is_erased else ()))


def _older(base: str, worker: str, rows: Sequence[Judgement]) -> str | None:
    if len(rows) <= PAGE:
        return None
    said = {"worker": worker, "before": str(rows[PAGE - 1].id)}
    return f"{base}?{urlencode({name: value for name, value in said.items() if value})}"
