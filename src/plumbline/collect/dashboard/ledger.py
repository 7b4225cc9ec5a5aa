"""A columnar copy of a study's judgements in the memory of a server, read on from the last number.

Judgements are only ever added to, so what was read stays right; it is compared with the store's own count after every
reading, and made anew where the counts differ, where somebody was erased, and where a backup was restored. Of payloads
only numbers are kept: no text of anybody's is in it. What scores are worked out from is read again for each correction.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from pydantic import ValidationError

from plumbline.collect.dashboard.answers import NOTHING, Answers, readers
from plumbline.collect.dashboard.columns import Columns, Frozen
from plumbline.collect.kinds import KNOWN_ANSWERS, Purpose, Work, score_of
from plumbline.collect.kinds.bounds import JsonText
from plumbline.collect.kinds.refusals import StoredWorkError
from plumbline.collect.kinds.stored_work import stored_judgement
from plumbline.collect.service.catalogue import KnownStudy
from plumbline.collect.store.dashboard_rows import (
    JudgementTuple,
    JudgingPerson,
    QueueItems,
    count_new_items,
    count_withdrawn,
    read_item_rows,
    read_judged,
    read_judging_people,
    read_page,
    read_payloads,
    read_reply_models,
    states_of,
)
from plumbline.collect.store.database import Store
from plumbline.collect.store.rows import AssignmentState
from plumbline.collect.study_settings import StudyKind

PAGE = 5000
MARGIN = 2000
"""How many numbers before the last are read again: Postgres may commit a lower number later. SQLite does not."""
LAPSED_SECONDS = 600.0
"""Work that ran out or was given back unfinished is asked about so often only: most of it is never handed in."""
_TRIES = 4
_NO_MODEL = -1
ChoiceRow = tuple[int, int, int, float, int, int, int, int, int]
"""The columns of a choice."""
_WITH_MODELS = (StudyKind.PAIRS, StudyKind.TWO_AXIS_RANKING)
PURPOSES = tuple(Purpose)


class _Side(msgspec.Struct):
    model: str | None = None


class _Payload(msgspec.Struct):
    """Of an item that compares replies, the models; a pair has sides, a ranking replies."""

    sides: list[_Side] = []
    replies: list[_Side] = []


@dataclass(frozen=True, eq=False)
class LedgerView:
    """What a ledger held at a moment. Columns of a table have equal lengths; names in ``*`` are row numbers of another.

    Attributes:
        acts: judgements: id, at (µs since 1970), seconds (NaN where not measured), assignment*, kind*, corrects (0 = nothing).
        assignments: item*, worker*, purpose (place in `PURPOSES`), submitted.
        items: id, overlap, withdrawn.
        choices: act*, axis, place, first_better, strength, step, a_named, first_model*, second_model* (-1 = unknown); see
            `answers.Choice`.
        labels: act*, is_safe, categories (bits).
        grades: act*, question, value.
        scores: assignment*, right, asked: of items with known answers.
        people, kinds, models: names by number.
        queues: items of the study by purpose.
        withdrawn: of those that nobody gets any more, by purpose: (items, their places).
        unreadable: judgements whose payload is none of ours, and work on known answers that cannot be scored though each
            of its judgements can be read.
        stored: judgements that the store had when it was last asked.
    """

    acts: Frozen
    assignments: Frozen
    items: Frozen
    choices: Frozen
    labels: Frozen
    grades: Frozen
    scores: Frozen
    people: tuple[JudgingPerson, ...]
    kinds: tuple[str, ...]
    models: tuple[str, ...]
    queues: dict[Purpose, QueueItems]
    withdrawn: dict[Purpose, tuple[int, int]]
    unreadable: int
    stored: int


class _Names:
    """Names numbered in the order in which they come."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def number(self, name: str) -> int:
        """A name's number; the next one where it is new."""
        return self.numbers.setdefault(name, len(self.numbers))


class Ledger:
    """The copy of one study. One thread at a time may use it."""

    def __init__(
        self, store: Store, study: KnownStudy, *, margin: int = MARGIN, stop: Callable[[], bool] | None = None
    ):
        """An empty copy.

        Args:
            margin: see `MARGIN`.
            stop: asked between pages whether to give up, because the server ends.
        """
        self._store = store
        self._study = study
        self._margin = 0 if store.is_sqlite else margin
        self._stop = stop or (lambda: False)
        self._readers = readers(study.settings)
        self._begin()

    def _begin(self) -> None:
        """Forget everything."""
        self._acts = Columns(id="q", at="q", seconds="d", assignment="q", kind="b", corrects="q")
        self._assignments = Columns(item="q", worker="q", purpose="b", submitted="b")
        self._items = Columns(id="q", overlap="q", withdrawn="b")
        self._choices = Columns(
            act="q", axis="b", place="q", first_better="d", strength="b", step="b", a_named="b",
            first_model="q", second_model="q",
        )  # fmt: skip
        self._labels = Columns(act="q", is_safe="b", categories="q")
        self._grades = Columns(act="q", question="b", value="b")
        self._assignment_rows: dict[int, int] = {}
        self._item_rows: dict[int, int] = {}
        self._item_models: dict[int, tuple[int, ...]] = {}
        self._with_truth: set[int] = set()
        self._scores: dict[int, tuple[int, int]] = {}
        self._unscored: set[int] = set()
        self._with_unreadable: set[int] = set()
        self._pending: dict[int, int] = {}
        self._lapsed: dict[int, int] = {}
        self._lapsed_asked = time.monotonic()
        self._workers, self._kinds, self._models = _Names(), _Names(), _Names()
        self._queues: dict[Purpose, QueueItems] = {}
        self._withdrawn: dict[Purpose, tuple[int, int]] = {}
        self._last = self._mark = self._unreadable = self._stored = 0

    def __len__(self) -> int:
        return len(self._acts)

    def bring_up(self) -> None:
        """Reads what came since; what does not fit the store's count is read again, and then all of it anew.

        Raises:
            StoreUnavailableError: out of reach or busy; everything is read anew the next time.
        """
        try:
            for attempt in range(_TRIES):
                fits = self._read_on()
                if fits or self._stop():
                    break
                if (attempt or fits is None) and attempt + 1 < _TRIES:
                    self._begin()
            self._count_items()
        except BaseException:
            self._begin()  # of a page that broke off a part may be here
            raise

    def view(self) -> LedgerView:
        """A copy that stays as it is; people as they stand now."""
        people = {person.id: person for person in read_judging_people(self._store, self._workers.numbers)}
        scores = Columns(assignment="q", right="q", asked="q")
        for assignment, (right, asked) in self._scores.items():
            scores.append(assignment, right, asked)
        return LedgerView(
            acts=self._acts.frozen(),
            assignments=self._assignments.frozen(),
            items=self._items.frozen(),
            choices=self._choices.frozen(),
            labels=self._labels.frozen(),
            grades=self._grades.frozen(),
            scores=scores.frozen(),
            people=tuple(people[worker] for worker in self._workers.numbers),
            kinds=tuple(self._kinds.numbers),
            models=tuple(self._models.numbers),
            queues=dict(self._queues),
            withdrawn=self._withdrawn,
            unreadable=self._unreadable + len(self._unscored - self._with_unreadable),
            stored=self._stored,
        )

    def _read_on(self) -> bool | None:
        """Whether all of the store's judgements are here; None where what is here may be wrong."""
        self._settle()  # before the judgements, so that what counts as finished is here whole
        is_new = not len(self)
        recent = set(self._acts["id"][-2 * self._margin :]) if self._margin else set()
        after = max(0, self._last - self._margin)
        while True:
            page = read_page(self._store, self._study.id, after=after, mark=self._mark, most=PAGE)
            self._mark = page.mark
            if page.changed and not is_new:
                return None
            is_new = False
            self._take([row for row in page.rows if row[0] not in recent])
            if page.total is not None:
                self._stored = page.total
                return page.total == len(self)
            after = page.rows[-1][0]
            if self._stop():
                return False

    def _take(self, rows: Sequence[JudgementTuple]) -> None:
        """Rows that are not here yet."""
        if not rows:
            return
        self._meet_items(rows)
        answers = [self._answers(kind, payload) for *_, kind, payload, _, _, _ in rows]
        written = [number for each in answers if each and each.replies for number in each.replies]
        models = read_reply_models(self._store, written) if written else {}
        scored, choices = dict[int, int](), list[ChoiceRow]()
        for row, answer in zip(rows, answers, strict=True):
            number, assignment_id, item_id, worker, purpose, state, kind, _, corrects, seconds, at = row
            assignment = self._assignment(assignment_id, item_id, worker, purpose, state)
            act = self._acts.append(
                number, at, np.nan if seconds is None else seconds, assignment, self._kinds.number(kind), corrects or 0
            )
            if answer is None:
                self._unreadable += 1
                self._with_unreadable.add(assignment)
            else:
                choices += self._choices_of(act, item_id, answer, models)
                self._keep(act, answer)
            if item_id in self._with_truth:
                scored[assignment_id] = item_id
            self._last = max(self._last, number)
        self._choices.extend(choices)
        self._score(scored)

    def _answers(self, kind: str, payload: str) -> Answers | None:
        """None where the payload is none of ours."""
        read = self._readers.get(kind)
        if read is None:
            return NOTHING
        try:
            return read(JsonText(payload))
        except (ValidationError, msgspec.DecodeError, ValueError, KeyError, IndexError):
            return None

    def _choices_of(self, act: int, item_id: int, answer: Answers, models: dict[int, str]) -> list[ChoiceRow]:
        by_side = self._item_models.get(item_id, ())
        if answer.replies:
            by_side = tuple(self._model(models.get(number)) for number in answer.replies)
        known = len(by_side)
        return [
            (
                *(act, axis, place, better, strength, step, named),
                by_side[first] if first < known else _NO_MODEL,
                by_side[second] if second < known else _NO_MODEL,
            )
            for axis, place, (first, second), better, strength, step, named in answer.choices
        ]

    def _keep(self, act: int, answer: Answers) -> None:
        if answer.label is not None:
            self._labels.append(act, answer.label.is_safe, answer.label.categories)
        for question, value in answer.grades:
            self._grades.append(act, question, value)

    def _assignment(self, assignment_id: int, item_id: int, worker: str, purpose: str, state: str) -> int:
        found = self._assignment_rows.get(assignment_id)
        is_submitted = state == "submitted"
        if found is None:
            place = PURPOSES.index(Purpose(purpose))
            found = self._assignments.append(
                self._item_rows[item_id], self._workers.number(worker), place, is_submitted
            )
            self._assignment_rows[assignment_id] = found
        if is_submitted:
            self._assignments["submitted"][found] = 1
            self._pending.pop(assignment_id, None)
        elif not self._assignments["submitted"][found]:
            self._pending[assignment_id] = found
        self._lapsed.pop(assignment_id, None)
        return found

    def _meet_items(self, rows: Iterable[JudgementTuple]) -> None:
        """Items that are judged for the first time: their models, and what is known of their answers."""
        new = {row[2]: row[4] for row in rows if row[2] not in self._item_rows}
        for number, overlap, withdrawn in read_item_rows(self._store, new):
            self._item_rows[number] = self._items.append(number, overlap, withdrawn)
        compares = self._study.settings.kind in _WITH_MODELS
        wanted = [item for item, purpose in new.items() if compares or purpose in KNOWN_ANSWERS]
        for number, payload, truth in read_payloads(self._store, wanted):
            self._item_models[number] = self._models_of(payload)
            if truth is not None and new[number] in KNOWN_ANSWERS:
                self._with_truth.add(number)

    def _models_of(self, payload: str) -> tuple[int, ...]:
        try:
            read = msgspec.json.decode(payload, type=_Payload)
        except (msgspec.DecodeError, msgspec.ValidationError):
            return ()
        return tuple(self._model(side.model) for side in (read.sides or read.replies))

    def _model(self, name: str | None) -> int:
        return _NO_MODEL if name is None else self._models.number(name)

    def _score(self, items: dict[int, int]) -> None:
        """How right the work on items with known answers is, corrections in the place of what they correct.

        Args:
            items: of assignments, by their numbers in the store.
        """
        known = {number: (payload, truth) for number, payload, truth in self._known(set(items.values()))}
        judged = read_judged(self._store, list(items))
        for number, item in items.items():
            assignment, (payload, truth) = self._assignment_rows[number], known.get(item, ("", None))
            if truth is None:  # erased since
                continue
            stored = [stored_judgement(row[0], row[1], JsonText(row[2]), row[3]) for row in judged.get(number, ())]
            work = Work(
                assignment_id="", item_key="", worker="", payload=JsonText(payload), judgements=tuple(stored)
            )  # fmt: skip
            try:
                score = score_of(work, self._study.settings, JsonText(truth))
            except (StoredWorkError, ValidationError, msgspec.DecodeError):
                self._unscored.add(assignment)
                self._scores.pop(assignment, None)
                continue
            self._unscored.discard(assignment)
            self._scores[assignment] = (score.right, score.asked)

    def _known(self, items: Collection[int]) -> Iterable[tuple[int, str, str | None]]:
        return read_payloads(self._store, items) if items else ()

    def _settle(self) -> None:
        """Work that was not finished when its last judgement was read may be by now.

        What ran out or was given back mostly never is, and there is ever more of it: it is asked about now and then.
        """
        asked = list(self._pending)
        if self._lapsed and time.monotonic() - self._lapsed_asked >= LAPSED_SECONDS:
            asked += self._lapsed
            self._lapsed_asked = time.monotonic()
        for number, state in states_of(self._store, asked):
            if state == AssignmentState.LEASED.value:
                continue
            row = self._pending.pop(number, None)
            row = self._lapsed.pop(number) if row is None else row
            if state == AssignmentState.SUBMITTED.value:
                self._assignments["submitted"][row] = 1
            else:
                self._lapsed[number] = row

    def _count_items(self) -> None:
        last = max((queue.last for queue in self._queues.values()), default=0)
        for purpose, new in count_new_items(self._store, self._study.id, after=last).items():
            had = self._queues.get(purpose, QueueItems(0, 0, 0))
            self._queues[purpose] = QueueItems(had.items + new.items, had.places + new.places, max(had.last, new.last))
        self._withdrawn = count_withdrawn(self._store, self._study.id)
