"""Which files of a source are read, in which format, and what their comparisons were judged on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from plumbline.formats.hh_rlhf import axis_of
from plumbline.formats.hub import download_snapshot
from plumbline.formats.locations import Location, find_locations, is_hub_id, left_out_files
from plumbline.formats.own_folders import tables_of_release
from plumbline.formats.reading import recognise_format
from plumbline.formats.registry import AXIS_BY_FOLDER, FORMATS, PARQUET
from plumbline.lineage import Finding, FoundManifest, ManifestFinder
from plumbline.records import Axis, Kind, SourceError, UsageError, unknown_name

JUDGED_ON = "judged_on"
"""In the configuration of a conversion's manifest: output → axis, for lines that do not say what was judged."""


@dataclass(frozen=True)
class SourceFiles:
    """The files of a source.

    Attributes:
        chosen: each file to read with its format.
        manifest: what the source as a whole stands under; None for nothing.
        findings: files that are not read, for their ending or their format, and those of which nothing tells what
            was judged.
    """

    chosen: list[tuple[Location, str]]
    manifest: FoundManifest | None
    findings: list[Finding]


def locate(
    source: str | Path,
    *,
    data_dir: str | None,
    split: str | None,
    format: str | None,
    axis: Axis | str | None,
    on_error: str = "quarantine",
) -> SourceFiles:
    """The files that `load` and `stream` read; the arguments are those of `load`, and so are the errors."""
    _require_known("--format", format, [*FORMATS, PARQUET])
    _require_known("--axis", axis, list(Axis))
    _require_known("--on-error", on_error, ["quarantine", "stop"])
    text = str(source)
    root, name = (download_snapshot(text, data_dir=data_dir), text) if is_hub_id(text) else (Path(source), None)
    data_dir = data_dir or tables_of_release(root)
    locations = find_locations(
        root, name=name, data_dir=data_dir, split=split, axis=None if axis is None else Axis(axis)
    )
    problem = "left out: its ending is none that is read"
    unread = [
        Finding("PL-SRC-012", path, None, None, problem)
        for path in left_out_files(root, data_dir, name=name, split=split)
    ]
    manifests = ManifestFinder()
    manifest = manifests.governing(root)
    chosen, left_out = _choose_formats(locations, format)
    with_axes = [(_with_axis(location, name, manifests), name) for location, name in chosen]
    untold = [
        Finding("PL-TRL-002", location.origin.source, None, None, _TAKEN_FOR_OVERALL)
        for location, name in with_axes
        if name == "trl" and location.origin.axis is None and axis_of(location.origin.subset) is None
    ]
    return SourceFiles(with_axes, manifest, [*unread, *left_out, *untold])


_TAKEN_FOR_OVERALL = "nothing says what the pairs were judged on: read as overall; --axis (axis=) says otherwise"


def _with_axis(location: Location, format_name: str, manifests: ManifestFinder) -> Location:
    """The location with the axis that the manifest of a conversion gives its rows, where nothing else tells."""
    origin = location.origin
    if format_name not in AXIS_BY_FOLDER or origin.axis is not None or axis_of(origin.subset) is not None:
        return location
    try:
        found = manifests.governing(location.path)
    except SourceError:  # somebody else's manifest says nothing
        return location
    told = found.manifest.configuration.get(JUDGED_ON) if found else None
    if found is None or not isinstance(told, dict):
        return location
    axis = told.get(location.path.resolve().relative_to(found.path.resolve().parent).as_posix())
    return location if axis not in list(Axis) else replace(location, origin=replace(origin, axis=Axis(str(axis))))


def refuse_other_axes(location: Location, tables: Mapping[Kind, pa.Table], axis: Axis | str | None) -> None:
    """Refuse an axis that the rows contradict: PandaLM's and Open-Assistant's are overall, our own say theirs.

    Raises:
        UsageError: some comparisons are on another axis than the one given.
    """
    if axis is None or Kind.COMPARISONS not in tables:
        return
    others = sorted(set(tables[Kind.COMPARISONS]["axis"].unique().to_pylist()) - {str(axis)})
    if others:
        raise UsageError(
            "PL-SRC-015",
            str(location.path),
            "the rows say themselves what was judged, and it is not the axis given",
            expected=", ".join(others),
            found=f"--axis {axis}",
            advice="leave --axis out; to train or measure on one axis of several, add --on",
        )


def _require_known(option: str, value: str | None, known: list[str]) -> None:
    if value is not None and value not in known:
        raise unknown_name(option, value, known)


def _choose_formats(locations: list[Location], asked: str | None) -> tuple[list[tuple[Location, str]], list[Finding]]:
    """Each file with its format; files of another format than the one asked for are left out, and said so."""
    if asked and len(locations) == 1:
        return [(locations[0], asked)], []
    chosen: list[tuple[Location, str]] = []
    left_out: list[Finding] = []
    others: set[str] = set()
    for location in locations:
        name = recognise_format(location)
        if asked and name != asked:
            others.add(name)
            problem = f"left out: its format is {name}, asked for was {asked}"
            left_out.append(Finding("PL-SRC-007", location.origin.source, None, None, problem))
        else:
            chosen.append((location, name))
    if not chosen:
        raise SourceError(
            "PL-SRC-009",
            str(locations[0].path.parent),
            f"no file is of the format {asked}",
            found=", ".join(sorted(others)),
            advice="leave --format out, or name the format found",
        )
    _refuse_mixed_folders(chosen)
    return chosen, left_out


def _refuse_mixed_folders(chosen: list[tuple[Location, str]]) -> None:
    by_folder: dict[Path, set[str]] = defaultdict(set)
    for location, name in chosen:
        by_folder[location.path.parent].add(name)
    for folder, names in by_folder.items():
        if len(names) > 1:
            raise UsageError(
                "PL-SRC-006",
                str(folder),
                "the folder holds files of several formats",
                expected="one format in a folder",
                found=", ".join(sorted(names)),
                advice=f"--format {sorted(names)[0]} to read only these files, or name a single file",
            )
