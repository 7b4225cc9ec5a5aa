"""Releases: their version, and how the gates that stand before a release went, as their manifests say it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from plumbline.lineage import Manifest
from plumbline.report.inputs import Found
from plumbline.report.layout import Card, Table, columns
from plumbline.report.wording import NOT_STATED, listed, marked, plural, short_digest

RELEASE = "release"
"""What the manifest of a release says that it holds."""


def releases_card(manifests: tuple[Found[Manifest], ...]) -> Card | None:
    """The releases among the folders, and their gates; None where there is none."""
    releases = [found for found in manifests if found.content.holds == RELEASE]
    if not releases:
        return None
    rows, gates, warnings = [], [], []
    for found in releases:
        told = found.content.configuration
        name = marked(PurePosixPath(found.place).parent.name or found.place, told.get("synthetic") is True)
        of_release = list(_gates(told))
        accepted = [gate["gate"] for gate in of_release if gate["status"] == "accepted"]
        passed = sum(gate["status"] == "passed" for gate in of_release)
        version = str(told.get("version") or NOT_STATED)
        rows.append(
            (name, version, f"{passed} of {len(of_release)}", listed(accepted) or "none", short_digest(found.sha256))
        )
        gates += [(name, gate["gate"], gate["status"], gate["said"], gate["reason"]) for gate in of_release]
        if accepted:
            warnings.append(f"{name}: {listed(accepted)} failed and was accepted with a reason, which stands below.")
    marks = [found.content.configuration.get("synthetic") is True for found in releases]
    return Card(
        "Releases",
        f"{plural(len(releases), 'release')}; versions: {listed(sorted({row[1] for row in rows}))}.",
        all(marks),
        open_tables=(
            Table(
                "Releases",
                columns("Release", "Version", "Gates passed", "Failed and accepted", "Manifest"),
                tuple(rows),
            ),
        ),
        tables=(Table("Gates", columns("Release", "Gate", "Status", "What was found", "Why accepted"), tuple(gates)),),
        note="As each manifest says it; plumbline release verify runs the gates again on the data.",
        wide=True,
        partly=any(marks) and not all(marks),
        warnings=tuple(warnings),
    )


def _gates(configuration: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """The gates of a release in words; what else stands in their place is left out."""
    gates = configuration.get("gates")
    for gate in gates if isinstance(gates, list) else []:
        if isinstance(gate, dict):
            yield {name: str(gate.get(name) or "") for name in ("gate", "status", "said", "reason")}
