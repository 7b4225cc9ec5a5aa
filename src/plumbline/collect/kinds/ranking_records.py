"""Rankings → comparisons: every pair of replies on each axis, ties as ties; and the meta-labels they rest on.

Harmlessness rests on the meta-labels. What rests on a disputed one is held back until it is ruled on, and what contradicts
a ruling is left out; both are counted. Helpfulness ignores harm and is never held back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations

from pydantic import JsonValue

from plumbline.collect.kinds.bounds import MOST_REPLIES, conversation_of
from plumbline.collect.kinds.harm_labels import HarmLabel
from plumbline.collect.kinds.ranking_items import RankingItem
from plumbline.collect.kinds.record_making import Origin, Sides, comparison_record, safety_label_record
from plumbline.collect.kinds.two_axis_ranking import StoredRanking, ranking_of, safety_conflicts
from plumbline.collect.kinds.work import Work
from plumbline.collect.study_settings import StudyFile
from plumbline.records import Axis, Comparison, Conversation, Message, Outcome, Role, SafetyLabel

ROWS_PER_RANKING = MOST_REPLIES * (MOST_REPLIES - 1) // 2
"""Row numbers that one ranking takes: as many as the most replies have pairs, so that all take the same."""


@dataclass(frozen=True, slots=True)
class RankedPairs:
    """The comparisons of a ranking, and the pairs of replies that give none on harmlessness.

    Attributes:
        comparisons: by pair, helpfulness first; both axes of a pair share a row number.
        awaiting_ruling: pairs held back until a dispute is ruled on.
        against_ruling: pairs left out, since by the ruling an unsafe reply does not stand below a safe one.
    """

    comparisons: tuple[Comparison, ...]
    awaiting_ruling: int = 0
    against_ruling: int = 0


@dataclass(frozen=True, slots=True)
class _Ranked:
    """A ranking with the labels that hold for it."""

    item: RankingItem
    ranking: StoredRanking
    labels: tuple[HarmLabel, ...]
    open_replies: frozenset[int]
    conflicts: frozenset[frozenset[int]]
    origin: Origin

    def reply(self, place: int) -> Conversation:
        """The reply at a place, as a continuation."""
        return (Message(Role.ASSISTANT, self.item.replies[place].text),)

    def rests_on_open(self, pair: tuple[int, int]) -> bool:
        """Whether a side's label is disputed and not ruled on."""
        return not self.open_replies.isdisjoint(pair)

    def against_ruling(self, pair: tuple[int, int]) -> bool:
        """Whether the order contradicts a ruling."""
        return frozenset(pair) in self.conflicts


def ranked_pairs(
    work: Work, study: StudyFile, rulings: Mapping[int, HarmLabel] | None = None, first_row: int = 0
) -> RankedPairs:
    """Every pair of replies as comparisons on both axes.

    Args:
        work: of the ranking.
        study: its settings.
        rulings: labels that adjudication gave, by stored place; see `adjudication.rulings_for`.
        first_row: row number of the first pair; a pair keeps its number whatever is held back.
    """
    ranked = _ranked(work, study, rulings or {}, first_row)
    if ranked is None:
        return RankedPairs(())
    made: list[Comparison] = []
    awaiting = against = 0
    for number, pair in enumerate(combinations(range(len(ranked.labels)), 2)):
        made.append(_comparison(ranked, pair, Axis.HELPFULNESS, number))
        if ranked.rests_on_open(pair):
            awaiting += 1
        elif ranked.against_ruling(pair):
            against += 1
        else:
            made.append(_comparison(ranked, pair, Axis.HARMLESSNESS, number))
    return RankedPairs(tuple(made), awaiting, against)


def comparisons_of(
    work: Work, study: StudyFile, first_row: int = 0, rulings: Mapping[int, HarmLabel] | None = None
) -> tuple[Comparison, ...]:
    """The comparisons of `ranked_pairs`."""
    return ranked_pairs(work, study, rulings, first_row).comparisons


def safety_labels_of(
    work: Work, study: StudyFile, first_row: int = 0, *, with_labels_of_data: bool = True
) -> tuple[SafetyLabel, ...]:
    """The meta-labels that somebody gave, each once: those that came with the item, and the worker's own corrections.

    The former have no worker, and ``given_by: data`` in `extra`; one that is disputed is among them. A ruling is a label
    of its adjudicator's, see `adjudication.safety_labels_of`. Each stands in the row, and on the side, of the first pair
    that its reply is in.

    Args:
        with_labels_of_data: False where another ranking of the same item brings them.
    """
    ranked = _ranked(work, study, {}, first_row)
    if ranked is None:
        return ()
    given: list[SafetyLabel] = []
    of_data = replace(ranked.origin, assignment_id=None, judgement_id=None, worker=None)
    more = {"item": work.item_key, "given_by": "data"}
    for place, reply in enumerate(ranked.item.replies):
        if with_labels_of_data:
            given.append(_label(ranked, place, reply.label, _first_pair(of_data, place), more))
        own = (dispute.label for dispute in ranked.ranking.disputes if dispute.reply == place)
        given += [_label(ranked, place, label, _first_pair(ranked.origin, place)) for label in own]
    return tuple(given)


def side_labels_of(
    work: Work, study: StudyFile, first_row: int = 0, rulings: Mapping[int, HarmLabel] | None = None
) -> tuple[SafetyLabel, ...]:
    """The meta-labels that hold for each pair's two replies, sides 0 and 1 of the row that its comparisons have.

    So a preference row of BeaverTails can be written: two comparisons and two labels under one number. The same label
    stands in each pair of its reply: these are columns of rows, and no judgements to be counted.
    """
    ranked = _ranked(work, study, rulings or {}, first_row)
    if ranked is None:
        return ()
    nobodys = replace(ranked.origin, worker=None)
    return tuple(
        _label(ranked, place, ranked.labels[place], (_at(nobodys, number), side))
        for number, pair in enumerate(combinations(range(len(ranked.labels)), 2))
        for side, place in enumerate(pair)
    )


def _ranked(work: Work, study: StudyFile, rulings: Mapping[int, HarmLabel], first_row: int) -> _Ranked | None:
    found = ranking_of(work)
    if found is None:
        return None
    item, ranking, judgement_id = found
    labels = tuple(rulings.get(place, label) for place, label in enumerate(ranking.labels(item)))
    origin = Origin(
        study=study,
        assignment_id=work.assignment_id,
        judgement_id=judgement_id,
        worker=work.worker,
        row=first_row,
        parents=item.parents,
    )
    return _Ranked(
        item=item,
        ranking=ranking,
        labels=labels,
        open_replies=frozenset(dispute.reply for dispute in ranking.disputes) - rulings.keys(),
        conflicts=frozenset(frozenset(pair) for pair in safety_conflicts(labels, ranking.harmlessness)),
        origin=origin,
    )


def _comparison(ranked: _Ranked, pair: tuple[int, int], axis: Axis, number: int) -> Comparison:
    first, second = pair
    labels = (ranked.labels[first], ranked.labels[second])
    sets = (labels[0].category_set, labels[1].category_set)
    models = (ranked.item.replies[first].model, ranked.item.replies[second].model)
    sides = Sides(
        context=conversation_of(ranked.item.prompt),
        continuations=(ranked.reply(first), ranked.reply(second)),
        models=(models[0], models[1]) if models[0] is not None and models[1] is not None else None,
        is_safe=(labels[0].is_safe, labels[1].is_safe),
        categories=(sets[0], sets[1]) if sets[0] is not None and sets[1] is not None else None,
    )
    ranks = ranked.ranking.ranks()[axis]
    outcome = better_of(ranks[first], ranks[second])
    return comparison_record(sides, axis, outcome, None, _at(ranked.origin, number))


def better_of(first_rank: int, second_rank: int) -> Outcome:
    """The side with the smaller rank, 1 = best; a tie where both are the same."""
    if first_rank == second_rank:
        return Outcome.TIE
    return Outcome.FIRST if first_rank < second_rank else Outcome.SECOND


def _label(
    ranked: _Ranked,
    place: int,
    label: HarmLabel,
    origin_and_side: tuple[Origin, int],
    more: Mapping[str, JsonValue] | None = None,
) -> SafetyLabel:
    origin, side = origin_and_side
    conversation = conversation_of(ranked.item.prompt) + ranked.reply(place)
    return safety_label_record(conversation, label.is_safe, label.category_set, origin, side=side, more=more)


def _first_pair(origin: Origin, place: int) -> tuple[Origin, int]:
    """The row and the side of the first pair that a reply is in: (0, 1) for the first, (0, place) for the others."""
    return (origin, 0) if place == 0 else (_at(origin, place - 1), 1)


def _at(origin: Origin, number: int) -> Origin:
    return replace(origin, row=origin.row + number)
