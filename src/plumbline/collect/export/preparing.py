"""What an export may hold, and on which terms: settled before its first byte."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from plumbline.collect.export.as_stored import AS_STORED
from plumbline.collect.export.failures import nothing_finished, wrong_share
from plumbline.collect.export.forms import KINDS, Form, form_for, kinds_told, purposes_of
from plumbline.collect.export.terms import KnownTerms, export_terms, known_terms, logged_terms, purposes_told
from plumbline.collect.kinds import KNOWN_ANSWERS, Purpose
from plumbline.collect.store.database import Store
from plumbline.collect.store.exported import count_erased
from plumbline.collect.store.finished_work import count_awaiting_ruling, count_finished, count_uncounted
from plumbline.collect.store.rows import Study
from plumbline.collect.store.studies import find_study
from plumbline.collect.study_file import parse_study_file
from plumbline.collect.study_settings import StudyFile
from plumbline.lineage import StatedTerms, Terms
from plumbline.records import Kind


@dataclass(frozen=True)
class Prepared:
    """An export that may begin.

    Attributes:
        study: as stored; `settings` is its file.
        as_of: nothing later is in it.
        counts: finished assignments by what their items are for.
        uncounted: what was handed in and counts for nothing, see `count_uncounted`.
        awaiting_ruling: labels that nobody has ruled on yet.
        erased_before: how many people were erased before anything was read.
        by: who asked for it; None at the command line.
    """

    store: Store
    study: Study
    settings: StudyFile
    form: Form
    as_of: datetime
    test_share: float
    stated: StatedTerms
    known: KnownTerms
    terms: Terms
    command: tuple[str, ...]
    counts: dict[Purpose, int]
    uncounted: dict[str, int]
    awaiting_ruling: int
    erased_before: int
    by: str | None = None

    @property
    def purposes(self) -> tuple[Purpose, ...]:
        """Whose work is read; none where rows leave as they are stored."""
        return () if self.form in AS_STORED else purposes_of(self.form, self.settings)

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """Of the records that may be in it."""
        return KINDS[self.form][self.settings.kind]

    @property
    def total(self) -> int:
        """How many assignments one pass looks at."""
        return sum(self.counts.get(purpose, 0) for purpose in self.purposes)


def prepare(
    store: Store,
    study_name: str,
    to: str,
    *,
    stated: StatedTerms,
    now: datetime,
    command: Sequence[str],
    test_share: float = 0.0,
    by: str | None = None,
) -> Prepared:
    """Looks whether there is something to export, and on which terms.

    Args:
        by: the person who asks for it, for the log.
    Raises:
        NotFoundError: no such study. UsageError: PL-EXP-001, PL-EXP-004, PL-ARG-001. NoDataError: PL-EXP-002.
    """
    if not 0 <= test_share < 1:
        raise wrong_share(test_share)
    erased_before = count_erased(store)
    study = find_study(store, study_name)
    settings = parse_study_file(study.file, f"{study.name}.toml")
    form = form_for(to, settings)
    counts = count_finished(store, study.id, as_of=now)
    known = known_terms(logged_terms(store, study.id, as_of=now), purposes_told(form))
    prepared = Prepared(
        store=store,
        study=study,
        settings=settings,
        form=form,
        as_of=now,
        test_share=test_share,
        stated=stated,
        known=known,
        terms=export_terms(known, settings, stated, kinds_told(form, settings)),
        command=tuple(command),
        counts=counts,
        uncounted=count_uncounted(store, study.id, as_of=now),
        awaiting_ruling=count_awaiting_ruling(store, study.id, as_of=now),
        erased_before=erased_before,
        by=by,
    )
    if form not in AS_STORED and not prepared.total:
        raise nothing_finished(study.name, stays_inside(prepared))
    return prepared


def stays_inside(prepared: Prepared) -> dict[str, int]:
    """Finished work on items that measure workers, which says nothing of the data; and what counts for nothing."""
    if prepared.form is Form.EVENTS:
        return {}
    if prepared.form is Form.JUDGEMENTS:
        return {name: count for name, count in prepared.uncounted.items() if name == "late"}
    measuring = (*KNOWN_ANSWERS, Purpose.SPOT_CHECK)
    counts = prepared.counts
    inside = {purpose.value: counts[purpose] for purpose in measuring if counts.get(purpose)} | prepared.uncounted
    # Where rulings decide which pairs there are, the pairs that they hold back are counted, as they are made.
    if (
        Purpose.ADJUDICATION in prepared.purposes
        and Kind.COMPARISONS not in prepared.kinds
        and prepared.awaiting_ruling
    ):
        inside["awaiting_ruling"] = prepared.awaiting_ruling
    return inside
