"""Items that people judged differently: the list, and one opened with its texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import urlencode

from plumbline.collect.dashboard.disagreements import (
    Answer,
    Disagreement,
    DisagreementOrder,
    DisagreementQuestion,
    page_of,
)
from plumbline.collect.dashboard.item_texts import line_of
from plumbline.collect.dashboard.opened import RulingOfItem, open_item, split_rulings
from plumbline.collect.dashboard.snapshot import Snapshot
from plumbline.collect.kinds import Purpose
from plumbline.collect.pages.contexts.dashboard import Waiting
from plumbline.collect.pages.contexts.disagreements import (
    Choice,
    DisagreementPage,
    DisagreementRow,
    DisagreementsPage,
    RulingCard,
    SaidBy,
)
from plumbline.collect.pages.contexts.frame import Crumb
from plumbline.collect.pages.managing.answers_in_words import harm_words, short_answer, side_words
from plumbline.collect.pages.managing.frames import address_of, age_of, framed, managed, waiting_in
from plumbline.collect.pages.managing.shown_work import (
    card_of,
    item_address,
    shown_message,
    shown_reply,
)
from plumbline.collect.pages.panels.wordings import question_words, queue_words
from plumbline.collect.pages.study_cards import is_blurred
from plumbline.collect.pages.visiting import Visit
from plumbline.collect.store.items import items_of_numbers
from plumbline.collect.store.rows import Item
from plumbline.collect.study_settings import StudyFile, StudyKind
from plumbline.records import Axis

PAGE = 25
_ORDERS: Mapping[DisagreementOrder, str] = {"apart": "Furthest apart first", "newest": "Newest first"}
_OF_AXIS: Mapping[Axis, DisagreementQuestion] = {
    Axis.HELPFULNESS: "helpfulness",
    Axis.HARMLESSNESS: "harmlessness",
}
MOST_ANSWERS = 12


def disagreements_page(
    visit: Visit,
    study: str,
    snapshot: Snapshot,
    question: DisagreementQuestion | None,
    order: DisagreementOrder,
    after: str,
) -> DisagreementsPage:
    """A part of the list.

    Args:
        question: one of those of the study's kind; None for all.
        after: `after` of the last line of the part before; empty at the beginning.
    """
    base = f"{address_of(study)}/disagreements"

    def address(of: str | None, by: str, begin: str = "") -> str:
        """The list, looked at in this way."""
        said = {"question": of or "", "sort": by, "after": begin}
        return f"{base}?{urlencode({name: value for name, value in said.items() if value})}"

    begin = tuple(map(int, after.split("-"))) if after else None
    found = page_of(
        snapshot.counted, snapshot.disagreements, question=question, order=order, after=begin, limit=PAGE + 1
    )
    settings = visit.collecting.catalogue.named(study).settings
    names = ((None, "All questions"), *((name, question_words(name)) for name in questions_of(settings)))
    items = items_of_numbers(visit.collecting.store, [each.item for each in found[:PAGE]])
    lines = {number: line_of(item, settings) for number, item in items.items()}
    rulings = _rulings_on(visit, study, items.values())
    return DisagreementsPage(
        frame=framed(visit, study, "Disagreements", Crumb("Disagreements"), script="veiled.js"),
        managed=managed(visit, study, "disagreements"),
        as_of=snapshot.figures.basis.as_of,
        age=age_of(visit, snapshot),
        blur=is_blurred(settings),
        questions=tuple(Choice(label, address(name, order), name == question) for name, label in names),
        orders=tuple(Choice(label, address(question, name), name == order) for name, label in _ORDERS.items()),
        rows=tuple(_row(base, each, lines.get(each.item, ""), rulings.get(each.item)) for each in found[:PAGE]),
        more=address(question, order, found[PAGE - 1].after) if len(found) > PAGE else None,
        queue=_queue(visit, study),
    )


def disagreement_page(visit: Visit, study: str, item: int) -> DisagreementPage:
    """One item, as the store has it now.

    Raises:
        NotFoundError: PL-COL-010.
    """
    known = visit.collecting.catalogue.named(study)
    opened = open_item(visit.collecting.store, known, item)
    way = (Crumb("Disagreements", f"{address_of(study)}/disagreements"), Crumb(f"Item {item}"))
    return DisagreementPage(
        frame=framed(visit, study, f"Item {item}", *way, script="veiled.js"),
        managed=managed(visit, study, "disagreements"),
        item=item,
        purpose=queue_words(opened.purpose),
        is_withdrawn=opened.is_withdrawn,
        conversation=tuple(map(shown_message, opened.conversation)),
        intended=opened.intended or "",
        replies=tuple(map(shown_reply, opened.replies)),
        judgements=tuple(card_of(known.settings, each) for each in opened.judgements),
        rulings=tuple(_ruling(known.settings, each) for each in opened.rulings),
        about=None if opened.about is None else item_address(study, opened.about),
        blur=is_blurred(known.settings),
        queue=_queue(visit, study),
    )


def questions_of(study: StudyFile) -> tuple[DisagreementQuestion, ...]:
    """Those that items of this study can be judged differently on."""
    if study.kind is StudyKind.SAFETY_LABELS:
        return ("is_safe", "categories")
    if study.kind is StudyKind.RED_TEAM_CHAT:
        return ("rating",)
    if study.kind is StudyKind.PREFERENCE_CHAT:
        return ()
    return tuple(_OF_AXIS[axis] for axis in study.judged_axes)


def _queue(visit: Visit, study: str) -> Waiting | None:
    return next(iter(waiting_in(visit, study, Purpose.ADJUDICATION)), None)


def _ruling(settings: StudyFile, ruling: RulingOfItem) -> RulingCard:
    return RulingCard(
        heading="On the labels" if ruling.side is None else f"On the label of side {ruling.side + 1}",
        address=item_address(settings.name, ruling.item),
        card=None if ruling.judgement is None else card_of(settings, ruling.judgement),
    )


def _rulings_on(visit: Visit, study: str, listed: Iterable[Item]) -> dict[int, RulingOfItem]:
    known = visit.collecting.catalogue.named(study)
    is_of_labels = known.settings.kind is StudyKind.SAFETY_LABELS
    return split_rulings(visit.collecting.store, known, listed) if is_of_labels else {}


def _row(base: str, each: Disagreement, line: str, ruling: RulingOfItem | None) -> DisagreementRow:
    shown = each.answers[:MOST_ANSWERS]
    answers = [SaidBy(answer.pseudonym, _answer(each.question, answer)) for answer in shown]
    if len(each.answers) > len(shown):
        answers.append(SaidBy("and", f"{len(each.answers) - len(shown)} more"))
    return DisagreementRow(
        item=each.item,
        address=f"{base}/{each.item}",
        line=line,
        question=question_words(each.question),
        apart=f"apart by {100 * each.apart:.0f} % of the most there can be",
        last=each.last,
        answers=tuple(answers) if any(answer.value is not None for answer in shown) else (),
        count=len(each.answers),
        ruling=_ruling_words(ruling),
        is_ruled=ruling is not None and ruling.judgement is not None,
    )


def _ruling_words(ruling: RulingOfItem | None) -> str:
    if ruling is None:
        return ""
    if ruling.judgement is None:
        return "waits for a ruling"
    return f"ruled: {short_answer(ruling.judgement.kind, ruling.judgement.answer)}"


def _answer(question: str, answer: Answer) -> str:
    if answer.value is None:
        return "opened, it says"
    if answer.categories is not None:
        return harm_words(bool(answer.value), answer.categories)
    if question == "rating":
        return f"{answer.value:.0f}"
    if answer.value == 0.5:
        return "a tie"
    return side_words(question, 1 if answer.value == 1 else 2, answer.strength)
