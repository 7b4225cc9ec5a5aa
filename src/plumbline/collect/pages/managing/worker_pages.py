"""The list of workers, and the sheet of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlencode

from plumbline.collect.api.parameters import PREFIX
from plumbline.collect.dashboard.snapshot import Snapshot
from plumbline.collect.dashboard.workers import (
    WorkerLine,
    WorkerOrder,
    WorkerSheet,
    lines_after,
    place_of,
    sheet_of,
    sorted_lines,
)
from plumbline.collect.pages.contexts.frame import Crumb
from plumbline.collect.pages.contexts.panels import Panel, Section
from plumbline.collect.pages.contexts.workers import (
    CheckLine,
    Fact,
    SortLink,
    WorkerCell,
    WorkerPage,
    WorkerRow,
    WorkersPage,
)
from plumbline.collect.pages.managing.frames import address_of, age_of, framed, managed
from plumbline.collect.pages.managing.shown_work import chat_address
from plumbline.collect.pages.panels.answers import known_panel
from plumbline.collect.pages.panels.drawn import drawn_points
from plumbline.collect.pages.panels.progress import days_panel
from plumbline.collect.pages.panels.times import times_panel
from plumbline.collect.pages.panels.wordings import percents, question_words, queue_words, two_digits
from plumbline.collect.pages.pictures.points import Named, lowest, points
from plumbline.collect.pages.pictures.scales import axis_over, share_axis
from plumbline.collect.pages.pictures.tables import FIGURE_COLUMNS, Table, Value, figure_values, table
from plumbline.collect.pages.visiting import Visit
from plumbline.collect.pages.wording import count, moment, plain, seconds, share
from plumbline.collect.service.failures import ServiceError
from plumbline.collect.service.people import reach
from plumbline.collect.service.writing_checks import writing_checks
from plumbline.collect.store.failures import NotFoundError, not_found
from plumbline.collect.store.people import find_person
from plumbline.collect.study_settings import StudyFile, StudyKind
from plumbline.measure import Figure

PAGE = 100
MOST_CHECKS = 20
_LABELS: Mapping[WorkerOrder, str] = {
    "pseudonym": "Worker",
    "finished": "Work finished",
    "median_seconds": "Time",
    "agreement": "Agrees with others",
    "shown_first": "Named what came first",
    "gold": "Gold",
    "attention": "Attention",
    "training": "Training",
    "corrections": "Corrected",
    "released": "Given back",
    "expired": "Ran out",
    "late": "Late",
    "last": "Last",
}
_CELLS: Mapping[WorkerOrder, Callable[[WorkerLine], WorkerCell]] = {
    "finished": lambda line: WorkerCell(count(line.finished.get("work", 0))),
    "median_seconds": lambda line: WorkerCell(seconds(line.median_seconds.value), _n(line.median_seconds)),
    "agreement": lambda line: _share_of(line.agreement),
    "shown_first": lambda line: _share_of(line.shown_first),
    "gold": lambda line: _share_of(line.gold),
    "attention": lambda line: _share_of(line.attention),
    "training": lambda line: _share_of(line.training),
    "corrections": lambda line: WorkerCell(count(line.corrections)),
    "released": lambda line: WorkerCell(count(line.released)),
    "expired": lambda line: WorkerCell(count(line.expired)),
    "late": lambda line: WorkerCell(count(line.late)),
    "last": lambda line: WorkerCell(moment(line.last)),
}
_AS_TEXT = ("pseudonym", "last")


def workers_page(
    visit: Visit, study: str, snapshot: Snapshot, sort: WorkerOrder, descending: bool, after: str
) -> WorkersPage:
    """A part of the list.

    Args:
        sort: one of the columns.
        after: the place of the last line of the part before, as the API's `after`; empty at the beginning.
    """
    lines = sorted_lines(snapshot.workers, sort, descending)
    left = lines_after(lines, sort, descending, after) if after else lines
    base = f"{address_of(study)}/workers"

    def address(by: WorkerOrder, down: bool, place: str = "") -> str:
        """The list in this order, from behind this place on."""
        said = {"sort": by, "descending": str(down).lower(), **({"after": place} if place else {})}
        return f"{base}?{urlencode(said)}"

    told = _columns(visit.collecting.catalogue.named(study).settings)
    columns = tuple(
        SortLink(
            label=_LABELS[by],
            # Numbers begin with the largest, names with the first.
            address=address(by, not descending if by == sort else by != "pseudonym"),
            order=("descending" if descending else "ascending") if by == sort else "none",
            is_number=by not in _AS_TEXT,
        )
        for by in told
    )
    shown = left[:PAGE]
    return WorkersPage(
        frame=framed(visit, study, "Workers", Crumb("Workers")),
        managed=managed(visit, study, "workers"),
        as_of=snapshot.figures.basis.as_of,
        age=age_of(visit, snapshot),
        count=len(lines),
        columns=columns,
        rows=tuple(_row(base, line, told[1:]) for line in shown),
        more=address(sort, descending, place_of(shown[-1], sort)) if len(left) > PAGE else None,
        csv=f"{address_of(study)}/figures.csv?table=workers",
    )


def workers_table(snapshot: Snapshot) -> Table:
    """All lines with all figures, for a file."""
    figures = ("median_seconds", "agreement", "shown_first", "gold", "attention", "training")
    counts = ("corrections", "released", "expired", "late")
    columns = ["worker", "blocked", "erased", "finished"]
    for name in figures:
        columns += [f"{name} {column}" for column in FIGURE_COLUMNS]
    rows: list[list[Value]] = []
    for line in snapshot.workers:
        row: list[Value] = [line.pseudonym, line.is_blocked, line.is_erased, line.finished.get("work", 0)]
        for name in figures:
            row += figure_values(getattr(line, name))
        rows.append([*row, *(getattr(line, name) for name in counts), line.last])
    return table([*columns, *counts, "last"], rows)


def worker_page(visit: Visit, study: str, snapshot: Snapshot, pseudonym: str) -> WorkerPage:
    """All of one worker.

    Raises:
        NotFoundError: PL-COL-010, nobody of this name did anything in the study.
    """
    line = _line(snapshot, pseudonym)
    return WorkerPage(
        frame=framed(
            visit,
            study,
            pseudonym,
            Crumb("Workers", f"{address_of(study)}/workers"),
            Crumb(pseudonym),
            script="worker.js",
        ),
        managed=managed(visit, study, "workers"),
        pseudonym=pseudonym,
        as_of=snapshot.figures.basis.as_of,
        age=age_of(visit, snapshot),
        blocked=line.is_blocked,
        erased=line.is_erased,
        can_be_blocked=not line.is_erased and _in_reach(visit, pseudonym),
        facts=_facts(line),
        judged=f"{address_of(study)}/judged?{urlencode({'worker': pseudonym})}",
        checks=_checks(visit, study, pseudonym),
        sections=sheet_sections(snapshot, pseudonym),
        api=f"{PREFIX}/people/{pseudonym}",
    )


def _checks(visit: Visit, study: str, pseudonym: str) -> tuple[CheckLine, ...] | None:
    known = visit.collecting.catalogue.named(study)
    if known.settings.spot_check is None:
        return None
    found = writing_checks(visit.collecting, known, find_person(visit.collecting.store, pseudonym).id)
    return tuple(
        CheckLine(each.mark, each.note or "", each.at, chat_address(study, each.assignment_id))
        for each in found[:MOST_CHECKS]
    )


def sheet_sections(snapshot: Snapshot, pseudonym: str) -> tuple[Section, ...]:
    """The figures of one worker.

    Raises:
        NotFoundError: PL-COL-010.
    """
    sheet = sheet_of(snapshot.counted, _line(snapshot, pseudonym), snapshot.figures.basis.as_of)
    panels = (
        days_panel(sheet.days, sheet.as_of.date()),
        _agreement_panel(sheet),
        _sides_panel(sheet),
        known_panel(sheet.known_answers),
        times_panel("item-times", "Time for an item", sheet.item_times, queue_words),
    )
    return (Section("sheet", "What they did", panels),)


def _columns(study: StudyFile) -> tuple[WorkerOrder, ...]:
    """Those that the study can have a value in."""
    has: Mapping[WorkerOrder, bool] = {
        "gold": study.gold is not None,
        "attention": study.attention is not None,
        "training": study.qualification is not None,
        "shown_first": bool(study.judged_axes) and study.kind is not StudyKind.SAFETY_LABELS,
    }
    return tuple(by for by in _LABELS if has.get(by, True))


def _line(snapshot: Snapshot, pseudonym: str) -> WorkerLine:
    found = next((line for line in snapshot.workers if line.pseudonym == pseudonym), None)
    if found is None:
        raise not_found("worker", "of this pseudonym, with judgements in this study")
    return found


def _row(base: str, line: WorkerLine, columns: Sequence[WorkerOrder]) -> WorkerRow:
    tags = tuple(tag for tag, is_so in (("blocked", line.is_blocked), ("erased", line.is_erased)) if is_so)
    return WorkerRow(
        line.pseudonym, f"{base}/{line.pseudonym}", tags, tuple(_CELLS[column](line) for column in columns)
    )


def _share_of(figure: Figure) -> WorkerCell:
    return WorkerCell(share(figure.value), _n(figure))


def _n(figure: Figure) -> str:
    return "" if figure.value is None else f"n {figure.n:,}"


def _facts(line: WorkerLine) -> tuple[Fact, ...]:
    finished = [Fact(f"Finished: {queue_words(purpose)}", count(number)) for purpose, number in line.finished.items()]
    return (
        *finished,
        Fact("Corrected judgements", count(line.corrections)),
        Fact("Items given back", count(line.released)),
        Fact("Items that ran out", count(line.expired)),
        Fact("Came late", count(line.late)),
        Fact("Judged last", moment(line.last)),
    )


def _in_reach(visit: Visit, pseudonym: str) -> bool:
    """Whether who looks may do something about them: people of one study about nobody of the whole store."""
    try:
        reach(visit.collecting, visit.worker, pseudonym)
    except (ServiceError, NotFoundError):
        return False
    return True


def _agreement_panel(sheet: WorkerSheet) -> Panel:
    named = []
    for each in sheet.agreement:
        name = question_words(each.question)
        named += [Named(f"{name}: equal answers", each.percent), Named(f"{name}: Cohen’s κ", each.cohen_kappa)]
    picture, why_none = drawn_points(
        "Agreement with others",
        named,
        axis_over(lowest(named), 1.0, two_digits),
        two_digits,
        why_none="No question of this study is answered by several people.",
    )
    return Panel(
        name="agreement",
        heading="Against everybody else",
        says="How far their answers are those of others about the same; n counts what was answered about.",
        picture=picture,
        why_none=why_none,
        table=table(("question", *FIGURE_COLUMNS), [(row.name, *figure_values(row.figure)) for row in named]),
    )


def _sides_panel(sheet: WorkerSheet) -> Panel:
    named = [Named(plain(axis), figure) for axis, figure in sheet.shown_first.items()]
    return Panel(
        name="sides",
        heading="Named what was shown first",
        says="The line stands at one half, where places on the screen would draw no answers.",
        picture=points("Named what was shown first", named, share_axis(), percents, mark=0.5) if named else None,
        why_none="" if named else "They compared nothing in which one was better.",
        table=table(("axis", *FIGURE_COLUMNS), [(row.name, *figure_values(row.figure)) for row in named]),
    )
