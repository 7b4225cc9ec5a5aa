"""Rankings → comparisons: every pair of replies on each axis, ties as ties; and the meta-labels they rest on.

Harmlessness rests on the meta-labels. What rests on a disputed one is held back until it is ruled on, and what contradicts
a ruling is left out; both are counted. Helpfulness ignores harm and is never held back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations

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
    work: Work, study: StudyFile, first_row: int = 0, rulings: Mapping[int, HarmLabel] | None = None
) -> tuple[SafetyLabel, ...]:
    """The meta-labels of each pair's two replies, sides 0 and 1 of the row that its comparisons have.

    So a preference row of BeaverTails can be written: two comparisons and two labels under one number. The worker is
    named where the label is their own correction. The same label stands in each pair of its reply.
    """
    ranked = _ranked(work, study, rulings or {}, first_row)
    if ranked is None:
        return ()
    return tuple(
        _label(ranked, place, side, number)
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


def _label(ranked: _Ranked, place: int, side: int, number: int) -> SafetyLabel:
    label = ranked.labels[place]
    own = any(dispute.reply == place and dispute.label == label for dispute in ranked.ranking.disputes)
    origin = _at(ranked.origin, number)
    return safety_label_record(
        conversation_of(ranked.item.prompt) + ranked.reply(place),
        label.is_safe,
        label.category_set,
        origin if own else replace(origin, worker=None),
        side=side,
    )


def _at(origin: Origin, number: int) -> Origin:
    return replace(origin, row=origin.row + number)
