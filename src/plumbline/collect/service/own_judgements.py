"""A worker's own judgement, looked at again."""

from __future__ import annotations

from dataclasses import dataclass, replace

from plumbline.collect.kinds import Judged, judged
from plumbline.collect.service.collecting import Collecting
from plumbline.collect.service.held_work import Held, hold
from plumbline.collect.service.wellbeing.topics import with_topics
from plumbline.collect.store.items import is_withdrawn
from plumbline.collect.store.judgements import read_judgement
from plumbline.collect.store.rows import AssignmentState, Judgement, Person


@dataclass(frozen=True, slots=True)
class OwnJudgement:
    """A stored judgement, the assignment it belongs to, and what it was about."""

    row: Judgement
    held: Held
    judged: Judged

    @property
    def is_skipped(self) -> bool:
        """Whether its item was given back: what was judged of it stays stored, and counts nowhere."""
        return self.held.assignment.state is AssignmentState.RELEASED


def own_judgement(collecting: Collecting, worker: Person, judgement_id: int) -> OwnJudgement:
    """What a worker judged, as it was shown to them, and what they answered.

    Raises:
        NotFoundError: PL-COL-010, no such judgement of theirs.
    """
    row = read_judgement(collecting.store, judgement_id)
    held = hold(collecting, row.assignment_id, worker)
    found = judged(held.work, held.settings, held.item.purpose, str(judgement_id))
    asked = with_topics(collecting, held.study, held.item.payload, found.ask)
    own = OwnJudgement(row, held, replace(found, ask=asked))
    if own.is_skipped or is_withdrawn(collecting.store, held.item.id):
        return replace(own, judged=replace(own.judged, can_be_corrected=False))
    return own
