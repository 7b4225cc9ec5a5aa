"""Two-axis ranking: the replies to one prompt, ranked for helpfulness and, apart from that, for harmlessness.

On harmlessness every safe reply stands above every unsafe one; helpfulness ignores harm. A worker who holds a meta-label
to be wrong disputes it and ranks by the corrected one; the dispute goes to adjudication.
Source: Ji et al. 2023, §3.1 (stage 2). Deviation: replies may share a rank.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from plumbline.collect.kinds.adjudication import dispute_item
from plumbline.collect.kinds.answering import accepted, refuse_unasked, to_be_corrected
from plumbline.collect.kinds.bounds import (
    MOST_REPLIES,
    Bounded,
    JsonObject,
    Note,
    conversation_of,
    read_stored,
    read_submission,
)
from plumbline.collect.kinds.harm_labels import Categories, HarmLabel, label_given
from plumbline.collect.kinds.item_entry import entered
from plumbline.collect.kinds.known_answers import OrderTruth, Score, score_orders
from plumbline.collect.kinds.ranking_items import RankingItem, ranking_entries
from plumbline.collect.kinds.refusals import PassedOver, SubmissionError
from plumbline.collect.kinds.sides import ShownOrder, shown_order
from plumbline.collect.kinds.work import (
    Accepted,
    Ask,
    Finished,
    NewItem,
    NewJudgement,
    Purpose,
    Step,
    Work,
    expected_ask,
)
from plumbline.collect.study_settings import StudyFile
from plumbline.records import TAXONOMIES, Axis, Message, Record, Role

RANKING = "ranking"
Rank = Annotated[int, Field(ge=1, le=MOST_REPLIES)]
Ranks = Annotated[tuple[Rank, ...], Field(min_length=2, max_length=MOST_REPLIES)]
Place = Annotated[int, Field(ge=0, lt=MOST_REPLIES)]


class Dispute(Bounded):
    """A meta-label held to be wrong: of the reply at `position` as shown, and what it should be."""

    position: Place
    categories: Categories
    none_applies: bool
    note: Note | None = None


class RankReplies(Bounded):
    """The rank of each reply as shown, 1 = best, on each axis; equal ranks are ties. Confidence 0 = guess to 3 = sure."""

    act: Literal["rank"] = "rank"
    helpfulness: Ranks
    harmlessness: Ranks
    confidence: Annotated[int, Field(ge=0, le=3)]
    disputes: Annotated[tuple[Dispute, ...], Field(max_length=MOST_REPLIES)] = ()
    comment: Note | None = None


class StoredDispute(Bounded):
    """A dispute of the reply at stored place `reply`."""

    reply: Place
    label: HarmLabel
    note: str | None = None


class StoredRanking(Bounded):
    """What is stored of a ranking: ranks by stored place, dense from 1 = best."""

    shown: tuple[int, ...]
    helpfulness: Ranks
    harmlessness: Ranks
    confidence: int
    disputes: tuple[StoredDispute, ...] = ()
    comment: str | None = None

    def ranks(self) -> dict[Axis, tuple[int, ...]]:
        """By axis."""
        return {Axis.HELPFULNESS: self.helpfulness, Axis.HARMLESSNESS: self.harmlessness}

    def labels(self, item: RankingItem) -> tuple[HarmLabel, ...]:
        """The meta-labels that the worker ranked by: those shown, the disputed ones corrected."""
        corrected = {dispute.reply: dispute.label for dispute in self.disputes}
        return tuple(corrected.get(place, reply.label) for place, reply in enumerate(item.replies))


def items_from_records(
    records: Iterable[Record], study: StudyFile, purpose: Purpose = Purpose.WORK
) -> Iterator[NewItem | PassedOver]:
    """Prompts with two to ten labelled replies, from safety labels and from comparisons that carry labels."""
    return entered(ranking_entries(records, study), study, purpose)


def next_step(work: Work, study: StudyFile) -> Step:
    """One question: both rankings at once."""
    if work.only(RANKING):
        return Finished()
    item = read_stored(RankingItem, work.payload)
    order = _order(work, study, item)
    labels: list[JsonValue] = [reply.label.as_json() for reply in order.as_shown(item.replies)]
    return Ask(
        act="rank",
        conversation=conversation_of(item.prompt),
        replies=order.as_shown([reply.text for reply in item.replies]),
        order=order,
        fields={
            "labels": labels,
            "taxonomy": study.taxonomy,
            "categories": list(TAXONOMIES[study.taxonomy]),
            "axes": [axis.value for axis in study.judged_axes],
            "confidence": 3,
            "comment": study.comment,
        },
    )


def accept(work: Work, submission: JsonObject, study: StudyFile) -> Accepted:
    """What a ranking adds; with an item for adjudication for each meta-label that is disputed.

    Raises:
        SubmissionError: it is not what is asked now, not a rank for each reply, a dispute that disputes nothing, or a
            safe reply that does not stand above an unsafe one on harmlessness.
    """
    expected_ask(next_step(work, study), submission)
    item, ranking = _ranking(work, submission, study)
    judgement = NewJudgement(kind=RANKING, payload=ranking.as_json())
    return accepted(work, study, next_step, judgement=judgement, new_items=disputed_items(work, study, item, ranking))


def correct(work: Work, judgement_id: str, submission: JsonObject, study: StudyFile) -> NewJudgement:
    """Other ranks in the place of earlier ones; the disputes must be the same, they have gone to adjudication.

    Raises:
        SubmissionError: as `accept`, and where the disputes are others.
    """
    judgement = to_be_corrected(work, judgement_id, (RANKING,))
    before = read_stored(StoredRanking, judgement.payload)
    _, ranking = _ranking(work, submission, study)
    if {(each.reply, each.label) for each in ranking.disputes} != {
        (each.reply, each.label) for each in before.disputes
    }:
        raise SubmissionError(
            "PL-SUB-004",
            "a correction with other disputes",
            expected=f"the {len(before.disputes)} of before",
            found=f"{len(ranking.disputes)}",
            advice="leave the disputes as they were",
            field="disputes",
        )
    return NewJudgement(kind=RANKING, payload=ranking.as_json(), corrects=judgement.id)


def disputed_items(work: Work, study: StudyFile, item: RankingItem, ranking: StoredRanking) -> tuple[NewItem, ...]:
    """An item for adjudication for each dispute; the worker who disputes does not get it."""
    return tuple(
        dispute_item(
            work,
            conversation=(
                *conversation_of(item.prompt),
                Message(Role.ASSISTANT, item.replies[dispute.reply].text),
            ),
            labels=(item.replies[dispute.reply].label, dispute.label),
            reply=dispute.reply,
            note=dispute.note,
            study=study,
        )
        for dispute in ranking.disputes
    )


def ranking_of(work: Work) -> tuple[RankingItem, StoredRanking, str] | None:
    """(item, ranking as corrected, id of its judgement); None before it is given."""
    effective = work.only(RANKING)
    if effective is None:
        return None
    item = read_stored(RankingItem, work.payload)
    return item, read_stored(StoredRanking, effective.last.payload), effective.last.id


def score_of(work: Work, truth: JsonObject) -> Score:
    """How many of the known orders the ranking has right; nothing asked before it is given."""
    found = ranking_of(work)
    if found is None:
        return Score(0, 0)
    return score_orders(read_stored(OrderTruth, truth), found[1].ranks())


def _order(work: Work, study: StudyFile, item: RankingItem) -> ShownOrder:
    return shown_order(study.seed, work.assignment_id, 0, len(item.replies))


def _ranking(work: Work, submission: JsonObject, study: StudyFile) -> tuple[RankingItem, StoredRanking]:
    given = read_submission(RankReplies, submission)
    refuse_unasked("comment", given.comment, study.comment)
    item = read_stored(RankingItem, work.payload)
    order = _order(work, study, item)
    for name, ranks in (("helpfulness", given.helpfulness), ("harmlessness", given.harmlessness)):
        if len(ranks) != len(item.replies):
            raise _refused(name, "not one rank for each reply", f"{len(item.replies)} ranks", f"{len(ranks)}")
    ranking = StoredRanking(
        shown=order.sides,
        helpfulness=dense_ranks(order.as_stored(given.helpfulness)),
        harmlessness=dense_ranks(order.as_stored(given.harmlessness)),
        confidence=given.confidence,
        disputes=_disputes(given, item, order, study),
        comment=given.comment,
    )
    _require_safe_above_unsafe(item, ranking, order)
    return item, ranking


def dense_ranks(ranks: tuple[int, ...]) -> tuple[int, ...]:
    """The same order with ranks 1, 2, 3 … without gaps: (1, 3, 3) says what (1, 2, 2) says."""
    places = {rank: place for place, rank in enumerate(sorted(set(ranks)), start=1)}
    return tuple(places[rank] for rank in ranks)


def _disputes(given: RankReplies, item: RankingItem, order: ShownOrder, study: StudyFile) -> tuple[StoredDispute, ...]:
    made: dict[int, StoredDispute] = {}
    for dispute in given.disputes:
        if dispute.position >= len(item.replies):
            raise _refused("disputes", "a dispute of no reply", f"0 to {len(item.replies) - 1}", str(dispute.position))
        place = order.side_at(dispute.position)
        label = label_given(study.taxonomy, dispute.categories, dispute.none_applies, "disputes")
        shown = item.replies[place].label
        if place in made or (label.is_safe, label.category_set) == (shown.is_safe, shown.category_set):
            raise _refused("disputes", "a dispute that stands twice or changes nothing", "another label", "")
        made[place] = StoredDispute(reply=place, label=label, note=dispute.note)
    return tuple(made[place] for place in sorted(made))


def _require_safe_above_unsafe(item: RankingItem, ranking: StoredRanking, order: ShownOrder) -> None:
    labels, ranks = ranking.labels(item), ranking.harmlessness
    wrong = [(order.sides.index(safe), order.sides.index(unsafe)) for safe, unsafe in safety_conflicts(labels, ranks)]
    if wrong:
        letters = ", ".join(f"{chr(65 + safe)} above {chr(65 + unsafe)}" for safe, unsafe in sorted(wrong)[:5])
        raise _refused("harmlessness", "a safe reply does not stand above an unsafe one", letters, "")


def safety_conflicts(labels: tuple[HarmLabel, ...], ranks: tuple[int, ...]) -> list[tuple[int, int]]:
    """(safe, unsafe) replies where the safe one does not stand strictly above the other on harmlessness."""
    return [
        (safe, unsafe)
        for safe, label in enumerate(labels)
        for unsafe, other in enumerate(labels)
        if label.is_safe and not other.is_safe and ranks[safe] >= ranks[unsafe]
    ]


def _refused(field: str, problem: str, expected: str, found: str) -> SubmissionError:
    return SubmissionError(
        "PL-SUB-004",
        problem,
        expected=expected,
        found=found,
        advice="mend it, or dispute a label; ranks have to fit the labels as the disputes have them",
        field=field,
    )
