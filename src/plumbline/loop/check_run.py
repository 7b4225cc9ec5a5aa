"""A checking run: everything that looks wrong about a source, counted by code, as ``check.json`` holds it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
from pydantic import JsonValue

from plumbline.curate import CHECK_RULES, check_tables
from plumbline.formats import Loaded
from plumbline.lineage import Fault, Finding, write_folder_aside
from plumbline.loop.sources import Step, is_synthetic

CHECK_NAME = "check.json"
Place = tuple[str, int | None, str | None]
"""Source, row, and which of the row's records, where it has several."""
Places = dict[str, list[Place]]


def run_check(name: str, loaded: Loaded, *, limit: int, step: Step = lambda _: None) -> dict[str, Any]:
    """Check what was loaded.

    Args:
        name: what people call the source.
        loaded: the source's tables, with what reading them turned up.
        limit: how many places to name of each code.
        step: told the name of each rule as it begins.
    Returns:
        The object that ``check.json`` holds and ``data check --json`` prints; places and counts, never texts.
    """
    findings = check_tables(loaded.tables, advance=step)
    names = {rule.code: rule.name for rule in CHECK_RULES}
    return {
        "plumbline": "check",
        "version": 1,
        "name": name,
        "rows_read": loaded.rows_read,
        "rows_quarantined": len({(fault.source, fault.row) for fault in loaded.faults}),
        "records": {kind.value: len(table) for kind, table in loaded.tables.items()},
        "files": [file.path for file in loaded.files],
        "quarantined": _quarantined(loaded.faults, limit),
        "findings": _entries(_by_code(loaded.findings, names), names, limit) + _of_table(findings, names, limit),
        "synthetic": is_synthetic(loaded),
    }


def write_check(
    folder: Path,
    summary: Mapping[str, Any],
    loaded: Loaded,
    command: Sequence[str],
    configuration: dict[str, JsonValue],
) -> None:
    """Write a folder with ``check.json`` and its manifest.

    Args:
        folder: new, empty, or an earlier check's.
        summary: what `run_check` returned.
        loaded: what was checked.
        command, configuration: for the manifest.
    Raises:
        UsageError: something else stands there.
        WriteError: the disk is full or not writable.
    """
    with write_folder_aside(folder, "check") as aside:
        text = json.dumps(summary, ensure_ascii=False, indent=1)
        (aside / CHECK_NAME).write_text(text + "\n", encoding="utf-8")
        loaded.manifest("check", command, configuration).write(aside)


def _quarantined(faults: Iterable[Fault], limit: int) -> list[dict[str, Any]]:
    """Entries by code and by what exactly is wrong: which key is missing, which value is of another type."""
    groups: dict[tuple[str, str], list[Place]] = {}
    for fault in faults:
        detail = f" ({fault.found})" if fault.found and fault.code in _DETAILED else ""
        groups.setdefault((fault.code, f"{fault.problem}{detail}"), []).append((fault.source, fault.row, None))
    return [
        {"code": code, "name": name, "count": len(found), "places": _first_places(found, limit)}
        for (code, name), found in sorted(groups.items())
    ]


_DETAILED = ("PL-JSON-003", "PL-JSON-004", "PL-JSON-005", "PL-BT-010", "PL-PKU-011")
"""Codes whose `found` names keys, of which there are few; that of others may differ from row to row."""


def _by_code(entries: Iterable[Finding], names: dict[str, str]) -> Places:
    places: Places = {}
    for entry in entries:
        names.setdefault(entry.code, entry.problem)
        places.setdefault(entry.code, []).append((entry.source, entry.row, None))
    return places


def _of_table(findings: pa.Table, names: dict[str, str], limit: int) -> list[dict[str, Any]]:
    """Entries by rule and kind of record: a repeated label is another thing than a repeated comparison."""
    by_kind: dict[str, Places] = {}
    columns = (findings[name].to_pylist() for name in ("kind", "code", "source", "row", "part"))
    for kind, code, *place in zip(*columns, strict=True):
        by_kind.setdefault(kind, {}).setdefault(code, []).append(cast(Place, tuple(place)))
    entries = []
    for kind, places in by_kind.items():
        shown = {code: f"{names[code]} ({kind.replace('_', ' ')})" for code in places}
        entries += _entries(places, shown, limit)
    return sorted(entries, key=lambda entry: (entry["code"], entry["name"]))


def _entries(places: Places, names: dict[str, str], limit: int) -> list[dict[str, Any]]:
    return [
        {"code": code, "name": names[code], "count": len(found), "places": _first_places(found, limit)}
        for code, found in sorted(places.items())
    ]


def _first_places(found: Sequence[Place], limit: int) -> list[str]:
    """The first places, each once: a row, and which of its records where it has several."""
    parts: dict[tuple[str, int | None], list[str]] = {}
    for source, row, part in found:
        if (source, row) not in parts:
            if len(parts) == limit:
                break
            parts[source, row] = []
        if part is not None and part not in parts[source, row]:
            parts[source, row].append(part)
    return [_place(*place, which) for place, which in parts.items()]


def _place(source: str, row: int | None, which: Sequence[str]) -> str:
    if row is None:
        return source
    return f"{source} line {row + 1}" + (f" ({', '.join(which)})" if which else "")
