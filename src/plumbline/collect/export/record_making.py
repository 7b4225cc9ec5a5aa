"""Finished work → records: of real items alone, held back where the kinds hold it back, counted where it is left out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import msgspec
from pydantic import ValidationError

from plumbline.collect.export.forms import KINDS, Form
from plumbline.collect.kinds import (
    Purpose,
    StoredWorkError,
    Work,
    attempt_of,
    comparisons_of,
    rows_per_assignment,
    rulings_for,
    safety_labels_of,
    side_labels_of,
)
from plumbline.collect.kinds.adjudication import dispute_key
from plumbline.collect.kinds.blind_review import review_key
from plumbline.collect.kinds.bounds import JsonObject
from plumbline.collect.kinds.harm_labels import HarmLabel
from plumbline.collect.kinds.ranking_records import ranked_pairs
from plumbline.collect.kinds.two_axis_ranking import RANKING
from plumbline.collect.service.held_work import is_chat
from plumbline.collect.store.finished_work import FinishedBatch, FinishedWork
from plumbline.collect.study_settings import StudyFile, StudyKind
from plumbline.records import PKU_19, TAXONOMIES, UNSPECIFIED, Axis, Comparison, Kind, Record, SafetyLabel

UNREADABLE = "PL-EXP-005"
"""Stored work that its kind cannot read: changed by hand, of another version, or its text was erased."""


@dataclass
class Tally:
    """What became of the work, over one pass.

    Attributes:
        assignments: finished ones that were looked at.
        people: pseudonyms of those whose judgements are in it, by what these were for: work, adjudication, review.
        guidelines_versions: that it was judged under.
        left_out: work that stays inside, by why.
        quarantined: records that could not be made or written, by code.
        categories_dropped: rows by kind whose categories the form has no place for.
    """

    assignments: int = 0
    people: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    guidelines_versions: set[int] = field(default_factory=set)
    left_out: Counter[str] = field(default_factory=Counter)
    quarantined: Counter[str] = field(default_factory=Counter)
    categories_dropped: Counter[Kind] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class RecordMaker:
    """Makes the records of one form from a study's finished work."""

    study: StudyFile
    form: Form

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """Of the records that are made."""
        return KINDS[self.form][self.study.kind]

    def follow_up_keys(self, finished: FinishedWork) -> Iterable[str]:
        """The keys of the items that followed from some work, and that its records need."""
        if finished.purpose is not Purpose.WORK:
            return ()
        work = finished.work
        if Kind.RED_TEAM_ATTEMPTS in self.kinds and self.study.review is not None:
            return (review_key(work.assignment_id),)
        if self.study.kind is not StudyKind.TWO_AXIS_RANKING:
            return ()
        replies = {place for judgement in work.judgements for place in _disputed(judgement.kind, judgement.payload)}
        return [dispute_key(work.assignment_id, reply, self.study) for reply in sorted(replies)]

    def records(self, batch: FinishedBatch, tally: Tally) -> dict[Kind, list[Record]]:
        """The records of a batch by kind, by ascending row."""
        made: dict[Kind, list[Record]] = {kind: [] for kind in self.kinds}
        for finished in batch.works:
            tally.assignments += 1
            if finished.erased and is_chat(self.study, finished.purpose):
                tally.left_out["erased"] += 1
                continue
            following = [work for key in self.follow_up_keys(finished) for work in batch.following.get(key, ())]
            try:
                of_work = self._of_work(finished, [each.work for each in following], tally)
            except StoredWorkError as error:
                tally.quarantined[error.code] += 1
                continue
            except ValidationError:
                tally.quarantined[UNREADABLE] += 1
                continue
            for kind, records in of_work.items():
                made[kind] += records
            if any(of_work.values()):
                for each in (finished, *following):
                    tally.people[each.purpose.value].add(each.work.worker)
                tally.guidelines_versions |= finished.guidelines_versions
        return made

    def _of_work(self, finished: FinishedWork, following: Sequence[Work], tally: Tally) -> dict[Kind, Sequence[Record]]:
        work, study = finished.work, self.study
        row = finished.assignment_id * rows_per_assignment(study)
        if study.kind is StudyKind.TWO_AXIS_RANKING and finished.purpose is Purpose.WORK:
            made = self._of_ranking(finished, following, row, tally)
        else:
            made = {
                Kind.COMPARISONS: comparisons_of(work, study, finished.purpose, row),
                Kind.SAFETY_LABELS: safety_labels_of(work, study, finished.purpose, row),
            }
        if Kind.RED_TEAM_ATTEMPTS in self.kinds:
            attempt = attempt_of(work, study, following, row)
            made[Kind.RED_TEAM_ATTEMPTS] = () if attempt is None else (attempt,)
        return {kind: made[kind] for kind in self.kinds}

    def _of_ranking(
        self, finished: FinishedWork, following: Sequence[Work], row: int, tally: Tally
    ) -> dict[Kind, Sequence[Record]]:
        work = finished.work
        rulings: dict[int, HarmLabel] = {}
        for adjudication in following:
            try:
                rulings |= rulings_for(work, [adjudication])
            except ValidationError:
                tally.quarantined[UNREADABLE] += 1
        ranked = ranked_pairs(work, self.study, rulings, row)
        tally.left_out["awaiting_ruling"] += ranked.awaiting_ruling
        tally.left_out["against_ruling"] += ranked.against_ruling
        comparisons = ranked.comparisons
        labels: tuple[SafetyLabel, ...] = ()
        if self.form is Form.PKU_SAFERLHF:
            sides = side_labels_of(work, self.study, row, rulings)
            comparisons, labels = self._whole_rows(comparisons, sides, tally)
        elif Kind.SAFETY_LABELS in self.kinds:
            # Several workers rank an item, and its own labels are nobody's act: they leave with the first.
            brings = finished.first_of_item
            labels = safety_labels_of(work, self.study, Purpose.WORK, row, with_labels_of_data=brings)
        return {Kind.COMPARISONS: comparisons, Kind.SAFETY_LABELS: labels}

    def _whole_rows(
        self, comparisons: Sequence[Comparison], labels: Sequence[SafetyLabel], tally: Tally
    ) -> tuple[tuple[Comparison, ...], tuple[SafetyLabel, ...]]:
        """Rows that have both axes; without categories where they are not the 19 of this form.

        The preference rows of BeaverTails, with its 14 categories, come without them too.
        """
        whole = {each.row for each in comparisons if each.axis is Axis.HARMLESSNESS}
        kept = tuple(each for each in comparisons if each.row in whole)
        labelled = tuple(each for each in labels if each.row in whole)
        if TAXONOMIES[self.study.taxonomy] == PKU_19:
            return kept, labelled
        tally.categories_dropped[Kind.COMPARISONS] += sum(each.categories is not None for each in kept)
        tally.categories_dropped[Kind.SAFETY_LABELS] += sum(each.categories is not None for each in labelled)
        return (
            tuple(replace(each, categories=None) for each in kept),
            tuple(replace(each, categories=None, taxonomy=UNSPECIFIED) for each in labelled),
        )


def _disputed(kind: str, payload: JsonObject) -> Iterator[int]:
    try:
        disputes = payload.get("disputes") if kind == RANKING else None
    except msgspec.DecodeError:  # told when the ranking itself is read
        return
    for dispute in disputes if isinstance(disputes, list) else ():
        if isinstance(dispute, dict) and isinstance(reply := dispute.get("reply"), int):
            yield reply
