"""Figures as of a moment: a request gets the newest there are, and a thread makes newer ones.

Each server process has its own copies. One thread makes figures for all studies, so that whoever looks at a dashboard
takes at most one core from those who work; and it rests between two snapshots of a study for four times as long as one
takes, however many look.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from dataclasses import dataclass, field

from plumbline.collect.dashboard.counted import Counted
from plumbline.collect.dashboard.disagreements import Disagreements, disagreements_of
from plumbline.collect.dashboard.figures import StudyFigures, figures_of
from plumbline.collect.dashboard.ledger import Ledger
from plumbline.collect.dashboard.workers import WorkerLine, lines_of
from plumbline.collect.service.beginning import COUNTED
from plumbline.collect.service.catalogue import KnownStudy
from plumbline.collect.service.collecting import Collecting
from plumbline.collect.store.dashboard_rows import (
    count_given_up,
    count_judgements,
    count_late_by_person,
    count_leased,
    read_judging_people,
)
from plumbline.collect.store.studies import list_studies
from plumbline.collect.store.unfillable import count_unfillable
from plumbline.records import PlumblineError
from plumbline.web.bounded_calls import BoundedCalls

FRESH_SECONDS = 3.0
"""A snapshot is shown as it is for so long; then a newer one is begun."""
WAIT_SECONDS = 0.15
"""A request waits so long at the most for a newer one; most studies have theirs by then."""
MOST_STUDIES = 8
"""Copies held at once; the one that nobody looked at for longest goes first. One takes some 100 MB for 200,000 judgements."""
WARM_FROM = 20_000
"""Judgements from which on the copy of a study is made when the server starts."""
_REST = 4.0
"""Between two snapshots of a study it rests so many times as long as one took: whoever looks takes a fifth of a core."""
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A study at a moment.

    Attributes:
        figures: what the dashboard shows; `figures.basis` tells the moment and how many judgements it is of.
        counted: the columns that they are of, for sheets.
        workers: a line each, by pseudonym.
        disagreements: items whose judgements contradict each other.
        seconds: that it took to make.
        made: when it was, on the clock of `time.monotonic`.
    """

    figures: StudyFigures
    counted: Counted
    workers: tuple[WorkerLine, ...]
    disagreements: Disagreements
    seconds: float
    made: float


@dataclass
class _StudyCopy:
    """One study's copy; the ledger belongs to the thread, the rest to the event loop."""

    ledger: Ledger
    snapshot: Snapshot | None = None
    under_way: asyncio.Future[Snapshot] | None = field(default=None)

    def is_old(self, fresh_seconds: float) -> bool:
        """Whether a newer one is due."""
        if self.snapshot is None:
            return True
        age = time.monotonic() - self.snapshot.made
        return age > fresh_seconds and age > _REST * self.snapshot.seconds


class Dashboards:
    """The studies that somebody looks at. Belongs to one event loop."""

    def __init__(
        self, collecting: Collecting, *, fresh_seconds: float = FRESH_SECONDS, wait_seconds: float = WAIT_SECONDS
    ) -> None:
        """None yet.

        Args:
            collecting: the store, and the time.
            fresh_seconds: how old a snapshot may be before a newer one is made.
            wait_seconds: how long a request waits for a newer one at the most, where one is being made.
        """
        self._collecting = collecting
        self._fresh_seconds, self._wait_seconds = fresh_seconds, wait_seconds
        self._calls = BoundedCalls(1)
        self._copies: OrderedDict[int, _StudyCopy] = OrderedDict()
        self._closing = False

    async def newest(self, study: KnownStudy) -> Snapshot:
        """The newest snapshot, pages and API alike: one that is being made is waited for a moment, the very first to its end.

        Raises:
            StoreUnavailableError: the first could not be made.
        """
        copy = self._copy_of(study)
        if copy.under_way is None and copy.is_old(self._fresh_seconds):
            copy.under_way = self._begun(study, copy)
        if copy.snapshot is not None and copy.under_way is not None and self._wait_seconds > 0:
            await asyncio.wait([copy.under_way], timeout=self._wait_seconds)
        if copy.snapshot is not None:
            return copy.snapshot
        return await asyncio.shield(copy.under_way or self._begun(study, copy))

    async def warm(self) -> None:
        """Makes the first snapshots of large studies, one after the other; failures are logged."""
        try:
            for study in await self._calls.run(self._large):
                if not self._closing:
                    await self.newest(study)
        except PlumblineError as error:
            _LOG.warning("the dashboards were not made ready: %s", error.code)

    def close(self) -> None:
        """Ends what is under way at its next page, and waits for it."""
        self._closing = True
        self._calls.close()

    def _begun(self, study: KnownStudy, copy: _StudyCopy) -> asyncio.Future[Snapshot]:
        under_way = asyncio.ensure_future(self._calls.run(self._make, study, copy.ledger))
        under_way.add_done_callback(lambda future: self._made(study, copy, future))
        return under_way

    def _copy_of(self, study: KnownStudy) -> _StudyCopy:
        copy = self._copies.get(study.id)
        if copy is None:
            copy = self._copies[study.id] = _StudyCopy(
                Ledger(self._collecting.store, study, stop=lambda: self._closing)
            )  # fmt: skip
            idle = [number for number, each in self._copies.items() if each.under_way is None and number != study.id]
            for number in idle[: max(0, len(self._copies) - MOST_STUDIES)]:
                del self._copies[number]
        self._copies.move_to_end(study.id)
        return copy

    def _made(self, study: KnownStudy, copy: _StudyCopy, future: asyncio.Future[Snapshot]) -> None:
        copy.under_way = None
        if future.cancelled():
            return
        error = future.exception()
        if error is None:
            copy.snapshot = future.result()
            return
        # Whoever waits is told; others see the snapshot of before, which says how old it is.
        code = error.code if isinstance(error, PlumblineError) else type(error).__name__
        _LOG.warning("no newer figures of study %d: %s", study.id, code)

    def _make(self, study: KnownStudy, ledger: Ledger) -> Snapshot:
        """In the thread."""
        return make_snapshot(self._collecting, study, ledger)

    def _large(self) -> list[KnownStudy]:
        store = self._collecting.store
        names = [row.name for row in list_studies(store) if count_judgements(store, row.id) >= WARM_FROM]
        return [self._collecting.catalogue.named(name) for name in names[:MOST_STUDIES]]


def make_snapshot(collecting: Collecting, study: KnownStudy, ledger: Ledger) -> Snapshot:
    """Reads on, and works everything out.

    Raises:
        StoreUnavailableError: the store is out of reach; the next call reads everything anew.
    """
    store, begun, as_of = collecting.store, time.monotonic(), collecting.clock()
    ledger.bring_up()
    counted = Counted(ledger.view(), study.settings)
    late = count_late_by_person(store, study.id)
    limit = study.settings.per_worker_limit
    unfillable = count_unfillable(store, study.id, limit=limit, counted=COUNTED)
    figures = figures_of(counted, count_leased(store, study.id), sum(late.values()), as_of, unfillable)
    given_up = count_given_up(store, study.id)
    others = read_judging_people(store, {*given_up, *late} - {person.id for person in counted.view.people})
    workers = lines_of(counted, given_up, late, others)
    found = disagreements_of(counted)
    made = time.monotonic()
    return Snapshot(figures, counted, workers, found, made - begun, made)
