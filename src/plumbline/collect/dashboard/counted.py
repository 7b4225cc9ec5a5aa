"""What counts of a ledger: finished work, each judgement as it was last corrected, each purpose apart.

The rules are those of exports: work that was never finished or came late counts for nothing. But for these: somebody's
erasing takes their conversations out of exports, which have nothing to say without words, and leaves what was judged here.
Of rankings, exports hold back pairs for harmlessness whose labels wait for a ruling or that contradict one; here workers are
held against each other, and all they ranked counts. And what a chat's edit says, that the edited reply is above the original,
is a comparison in exports alone: nobody chose between the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from plumbline.collect.dashboard.columns import Frozen
from plumbline.collect.dashboard.ledger import PURPOSES, LedgerView
from plumbline.collect.kinds import Purpose
from plumbline.collect.kinds.bounds import MOST_REPLIES
from plumbline.collect.study_settings import StudyFile
from plumbline.measure import Bootstrap

MOST_PLACES = MOST_REPLIES * (MOST_REPLIES - 1) // 2
"""Pairs that one ranking has at the most."""
BOOTSTRAP = Bootstrap(seed=0, resamples=1000)
"""Of every interval here: the same judgements give the same figures."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Reals = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Counted:
    """A view with what counts of it; everything is worked out once.

    Attributes:
        view: of the ledger.
        study: its settings.
    """

    view: LedgerView
    study: StudyFile

    @cached_property
    def is_finished(self) -> Bools:
        """Of assignments: submitted."""
        return self.view.assignments["submitted"].astype(bool)

    @cached_property
    def is_first(self) -> Bools:
        """Of acts: of finished work, and no correction."""
        acts = self.view.acts
        return np.asarray(self.is_finished[acts["assignment"]] & (acts["corrects"] == 0))

    @cached_property
    def stands(self) -> Bools:
        """Of acts: of finished work, and nothing stands in its place."""
        acts = self.view.acts
        corrected = np.isin(acts["id"], acts["corrects"][acts["corrects"] > 0])
        return self.is_finished[acts["assignment"]] & ~corrected

    @cached_property
    def purpose_of_act(self) -> Ints:
        """Place in `PURPOSES`."""
        return np.asarray(self.view.assignments["purpose"][self.view.acts["assignment"]])

    def rows(self, table: Frozen, purpose: Purpose) -> Frozen:
        """Answers of a purpose that stand, each with its assignment, item, worker and moment.

        The moment is that of the judgement, or of the correction that stands.
        """
        act = table["act"]
        kept = np.flatnonzero(self.stands[act] & (self.purpose_of_act[act] == PURPOSES.index(purpose)))
        rows = {name: column[kept] for name, column in table.items()}
        assignment = self.view.acts["assignment"][rows["act"]]
        rows["assignment"] = assignment
        rows["item"] = self.view.assignments["item"][assignment]
        rows["worker"] = self.view.assignments["worker"][assignment]
        rows["at"] = self.view.acts["at"][rows["act"]]
        return rows

    def finished(self, purpose: Purpose) -> Ints:
        """Row numbers of the finished assignments of a purpose."""
        is_of = self.view.assignments["purpose"] == PURPOSES.index(purpose)
        return np.flatnonzero(self.is_finished & is_of)

    @cached_property
    def pseudonyms(self) -> Sequence[str]:
        """Of workers by number."""
        return [person.pseudonym for person in self.view.people]


def those(rows: Frozen, kept: Bools) -> Frozen:
    """The rows that are kept."""
    return {name: column[kept] for name, column in rows.items()}


def moment(microseconds: int) -> datetime:
    """A stored moment."""
    return _EPOCH + timedelta(microseconds=int(microseconds))


def microseconds_of(at: datetime) -> int:
    """A moment as it is stored."""
    return (at - _EPOCH) // timedelta(microseconds=1)
