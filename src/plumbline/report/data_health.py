"""Data health: what could not be read, what looks suspicious, where."""

from __future__ import annotations

from plumbline.report.inputs import Check, CodeCount, ReportInputs
from plumbline.report.layout import Card, Section, Table, columns, left_out_note, section_of
from plumbline.report.pictures.drawing import Caption
from plumbline.report.pictures.rows import BarRow, draw_bars
from plumbline.report.wording import count, listed, per_thousand, plural, rate_cell

_DRAWN = 12
_PLACES = 5


def data_health(inputs: ReportInputs) -> Section | None:
    """A card for each check; None where there is none."""
    return section_of(
        "data-health",
        "Data health",
        "Rows that could not be read are quarantined; findings are rows that can be read and look suspicious. "
        "A row may have several findings, and none is removed by checking. Bars are as long as the rate per 1,000 rows "
        "read, each data set on its own scale; the numbers beside them are counts.",
        (_card(f"d{position}", found.content) for position, found in enumerate(inputs.checks)),
    )


def _card(key: str, check: Check) -> Card:
    rows = _bars(check)
    reading = _reading(check)
    picture = None
    if rows:
        caption = Caption(f"{key}-health", f"Codes per 1,000 rows read, {check.name}", reading, check.synthetic)
        picture = draw_bars(rows[:_DRAWN], caption)
    tables = [_code_table(check)] if rows else []
    tables.append(_records_table(check))
    return Card(
        check.name,
        reading,
        check.synthetic,
        picture,
        tables=tuple(tables),
        note=left_out_note(_DRAWN, len(rows), "commonest"),
    )


def _bars(check: Check) -> list[BarRow]:
    rows = [_bar(check, each, True) for each in check.quarantined]
    rows += [_bar(check, each, False) for each in check.findings]
    return sorted(rows, key=lambda row: (-row.count, row.name))


def _bar(check: Check, each: CodeCount, quarantined: bool) -> BarRow:
    rate = per_thousand(each.count, check.rows_read) or 0.0
    return BarRow(f"{each.code} {each.name}", each.count, rate, quarantined)


def _reading(check: Check) -> str:
    quarantined = (
        "none was quarantined" if not check.rows_quarantined else f"{count(check.rows_quarantined)} quarantined"
    )
    commonest = max(check.findings, key=lambda each: each.count, default=None)
    if commonest is None:
        found = "no finding"
    else:
        found = f"the commonest finding is “{commonest.name}” ({commonest.code}), {plural(commonest.count, 'time')}"
    files = plural(len(check.files), "file")
    return f"Of {plural(check.rows_read, 'row')} in {files}, {quarantined}; {found}."


def _code_table(check: Check) -> Table:
    quarantined = [_code_row(check, each, "quarantined") for each in check.quarantined]
    return Table(
        f"Codes found in {check.name} (n={plural(check.rows_read, 'row')})",
        columns("Code", "Name", "What", "Count#", "Per 1,000 rows read#", "First places"),
        tuple(quarantined + [_code_row(check, each, "finding") for each in check.findings]),
    )


def _code_row(check: Check, each: CodeCount, kind: str) -> tuple[str, ...]:
    rate = rate_cell(per_thousand(each.count, check.rows_read))
    return (each.code, each.name, kind, count(each.count), rate, listed(each.places, _PLACES) or "none given")


def _records_table(check: Check) -> Table:
    rows = [("all", kind, count(number)) for kind, number in check.records.items()]
    if check.places is not None:
        for split, kinds in check.places.by_split.items():
            rows += [(split, kind, count(number)) for kind, number in kinds.items()]
    return Table(f"Records of {check.name}", columns("Split", "Records", "Count#"), tuple(rows))
