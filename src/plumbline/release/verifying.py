"""`verify_release`: is a folder that somebody hands over what it says it is?

Nothing in the folder is trusted: no path is followed out of it and no link at all, files are bounded before they are read and
while they unpack (`formats`), and numbers are compared, not used. A folder of another hand is looked at as far as it goes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import JsonValue

from plumbline.curate.personal_data import find_personal_data
from plumbline.formats.own_folders import NOTES, RELEASE, TABLES
from plumbline.formats.reading import ReadFile
from plumbline.formats.source_files import locate
from plumbline.lineage import Manifest, Terms, file_digest, read_manifest, terms_of
from plumbline.lineage.writing import MANIFEST_NAME
from plumbline.records import PlumblineError
from plumbline.release import gates as gate_rules
from plumbline.release.agreement import LineSums
from plumbline.release.gates import Gate
from plumbline.release.handed_over import Finding, checked_card, checked_croissant, checked_sums, unsafe_name
from plumbline.release.incoming import read_incoming
from plumbline.release.observed import Observer

_MOST_MANIFEST_BYTES = 64 << 20
_MOST_FILES = 20_000
_OF_THE_HUB = (".gitattributes",)
"""What a hub puts beside the files that it was given."""

Advance = Callable[[str, int, int], None]


@dataclass
class Verified:
    """What was found of a folder.

    Attributes:
        findings: what is wrong; empty where the folder is what it says it is.
        gates: run again on the data, those that somebody accepted marked so.
        rows: of the data files that could be read, by name.
        version: as the manifest says it; None where there is none.
        manifest_sha256: the digest of the manifest, to be compared with the one that `build` told; None where there is none.
    """

    findings: list[Finding] = field(default_factory=list)
    gates: tuple[Gate, ...] = ()
    rows: dict[str, int] = field(default_factory=dict)
    version: str | None = None
    manifest_sha256: str | None = None

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings and not any(gate.stops for gate in self.gates)

    def to_json(self) -> dict[str, JsonValue]:
        """As ``--json`` prints it."""
        gates: list[JsonValue] = [gate.to_json() for gate in self.gates]
        return {
            "sound": self.is_sound,
            "version": self.version,
            "manifest_sha256": self.manifest_sha256,
            "findings": [{"code": each.code, "place": each.place, "problem": each.problem} for each in self.findings],
            "gates": gates,
            "rows": dict(self.rows),
        }


def verify_release(folder: Path, *, advance: Advance | None = None) -> Verified:
    """Look at a folder that claims to be a release.

    Args:
        folder: anything.
        advance: called as bytes are read, for progress.
    Returns:
        Everything found. Whatever is in the folder is a finding, never an error.
    """
    verified = Verified()
    files = _listed_on_disk(folder, verified.findings)
    if not files:
        verified.findings.append(Finding("PL-REL-020", str(folder), "there are no files here"))
        return verified
    manifest = _manifest(folder, files, verified.findings)
    if manifest is not None:
        version = manifest.configuration.get("version")
        verified.version = version if isinstance(version, str) else None
        verified.manifest_sha256 = file_digest(files[MANIFEST_NAME])
        verified.findings += _against_manifest(manifest, files)
    verified.findings += checked_sums(files)
    verified.findings += checked_card(files, manifest)
    verified.findings += checked_croissant(files)
    _read_rows(files, manifest, verified, advance)
    return verified


# --- files ---


def _listed_on_disk(folder: Path, findings: list[Finding]) -> dict[str, Path]:
    """Plain files by name; links, and whatever else is no file, are findings and are not followed."""
    files: dict[str, Path] = {}
    if not folder.is_dir():
        return files
    for parent, names, plain in os.walk(folder, followlinks=False):
        here = Path(parent)
        links = [name for name in names if (here / name).is_symlink()]
        names[:] = sorted(name for name in names if name not in links)
        for name in sorted([*links, *plain]):
            path = here / name
            relative = path.relative_to(folder).as_posix()
            if (problem := _unusable(path, relative)) is not None:
                findings.append(Finding("PL-REL-027", _shown(relative), problem))
            elif relative not in _OF_THE_HUB:
                files[relative] = path
        if len(files) > _MOST_FILES:
            findings.append(
                Finding("PL-REL-027", str(folder), f"more than {_MOST_FILES:,} files; the rest was not looked at")
            )
            break
    return files


def _unusable(path: Path, name: str) -> str | None:
    if path.is_symlink():
        return "a link, which may lead anywhere: not followed"
    if not path.is_file():
        return "no plain file"
    return unsafe_name(name) or (None if os.access(path, os.R_OK) else "it cannot be read")


def _shown(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode()[:200]


def _manifest(folder: Path, files: dict[str, Path], findings: list[Finding]) -> Manifest | None:
    path = files.get(MANIFEST_NAME)
    if path is None:
        findings.append(Finding("PL-REL-020", MANIFEST_NAME, "there is no manifest: nothing says what belongs here"))
        return None
    try:
        if path.stat().st_size > _MOST_MANIFEST_BYTES:
            findings.append(Finding("PL-REL-020", MANIFEST_NAME, "longer than 64 MiB: no manifest of a release"))
            return None
        manifest = read_manifest(folder)
    except PlumblineError as error:
        findings.append(Finding(error.code, MANIFEST_NAME, error.problem))
        return None
    if manifest is not None and manifest.holds != RELEASE:
        findings.append(
            Finding("PL-REL-020", MANIFEST_NAME, f"it is of a {_shown(manifest.holds)[:40]} folder, not of a release")
        )
    return manifest


def _against_manifest(manifest: Manifest, files: dict[str, Path]) -> Iterator[Finding]:
    listed = {entry.path: entry for entry in manifest.outputs}
    for name, entry in listed.items():
        if problem := unsafe_name(name):
            yield Finding("PL-REL-027", MANIFEST_NAME, f"it lists a file whose name cannot be used: {problem}")
        elif name not in files:
            yield Finding("PL-REL-021", _shown(name), "the manifest lists it and it is not here")
        elif (size := files[name].stat().st_size) != entry.size_bytes:
            yield Finding("PL-REL-023", name, f"{size:,} bytes, where the manifest says another number")
        elif file_digest(files[name]) != entry.sha256:
            yield Finding("PL-REL-023", name, "the content is not what the manifest says (SHA-256)")
    for name in sorted(files.keys() - listed.keys() - {MANIFEST_NAME}):
        yield Finding("PL-REL-022", _shown(name), "the manifest does not list it")
    doubled = len(manifest.outputs) - len(listed)
    if doubled:
        yield Finding("PL-REL-022", MANIFEST_NAME, f"it lists {doubled:,} files twice")


# --- rows ---


def _read_rows(files: dict[str, Path], manifest: Manifest | None, verified: Verified, advance: Advance | None) -> None:
    """Read every data file once; the gates look at the tables, or at all where there are none."""
    tables, lines = Observer(find_personal_data), Observer(find_personal_data)
    sums = None if manifest is None else LineSums()
    stated: list[Terms] = []
    total = sum(path.stat().st_size for path in files.values())
    done = 0
    unreadable: dict[str, int] = {}
    for name, path in files.items():
        done += path.stat().st_size
        if not _is_data(name):
            continue
        is_table = name.startswith(f"{TABLES}/")
        try:
            rows = _look_at(path, tables if is_table else lines, stated, unreadable, sums if is_table else None)
            if sums is not None and not is_table:
                sums.read(path, name)
        except PlumblineError as error:
            verified.findings.append(Finding(error.code, name, error.problem))
            continue
        verified.rows[name] = rows
        if advance is not None:
            advance(name, done, total)
    verified.findings += _row_counts(manifest, verified.rows, unreadable)
    verified.findings += _tables_and_lines(manifest, tables, lines)
    if sums is not None and tables.rows:
        verified.findings += [
            Finding("PL-REL-031", f"{folder}, {split}", _differing(given, there))
            for (folder, split), given, there in sums.differing()
        ]
    observer = tables if tables.rows else lines
    verified.gates = tuple(_gates(observer, manifest, stated))


def _is_data(name: str) -> bool:
    return not name.startswith(f"{NOTES}/") and name.lower().endswith((".parquet", ".jsonl", ".jsonl.gz"))


def _differing(given: int, there: int) -> str:
    if given != there:
        return f"the tables give {given:,} lines and there are {there:,}"
    return f"the {there:,} lines are not those that the tables give"


def _look_at(
    path: Path, observer: Observer, stated: list[Terms], unreadable: dict[str, int], sums: LineSums | None
) -> int:
    located = locate(path, data_dir=None, split=None, format=None, axis=None)
    rows = 0
    for location, name in located.chosen:
        read = ReadFile(location, name)
        for kind, table in read_incoming(read):
            observer.look(kind, table)
            if sums is not None:
                sums.give(kind, table)
            if (terms := terms_of(table)) is not None and terms not in stated:
                stated.append(terms)
        rows += read.rows_read
        for fault in read.faults:
            unreadable[fault.code] = unreadable.get(fault.code, 0) + 1
        changed = sum(finding.code == "PL-IO-014" for finding in read.findings)
        if changed:
            unreadable["PL-IO-014"] = unreadable.get("PL-IO-014", 0) + changed
    return rows


def _row_counts(manifest: Manifest | None, rows: dict[str, int], unreadable: dict[str, int]) -> Iterator[Finding]:
    for code, count in sorted(unreadable.items()):
        yield Finding(code, "rows", f"{count:,} rows that are unreadable or were changed since their id was made")
    for entry in manifest.outputs if manifest else []:
        if entry.path in rows and entry.rows is not None and entry.rows != rows[entry.path]:
            yield Finding(
                "PL-REL-024", entry.path, f"it holds {rows[entry.path]:,} rows, where the manifest says another number"
            )


def _tables_and_lines(manifest: Manifest | None, tables: Observer, lines: Observer) -> Iterator[Finding]:
    """Every record of the tables stands in lines too, but those that the manifest says lines cannot say."""
    if manifest is None or not tables.rows:
        return
    told = manifest.configuration.get("not_in_lines")
    for kind, of_splits in sorted(tables.rows.items()):
        codes = told.get(kind) if isinstance(told, dict) else None
        apart = sum(each for each in codes.values() if isinstance(each, int)) if isinstance(codes, dict) else 0
        said = sum(lines.rows.get(kind, {}).values())
        if sum(of_splits.values()) != said + apart:
            yield Finding(
                "PL-REL-031", kind, f"{sum(of_splits.values()):,} records in the tables and {said:,} in lines"
            )


# --- gates ---


def _gates(observer: Observer, manifest: Manifest | None, stated: list[Terms]) -> Iterator[Gate]:
    of_manifest = manifest.terms if manifest is not None else None
    nothing = Terms(frozenset(), "unknown")
    terms = of_manifest or (stated[0] if len(stated) == 1 else nothing)
    found = [
        gate_rules.personal_data_gate(observer.personal_data()),
        gate_rules.leakage_gate(observer.leakage(), None),
        gate_rules.workers_gate(observer.workers()),
        gate_rules.uses_gate(terms, stated),
        gate_rules.licence_gate(terms, stated),
    ]
    yield from gate_rules.accepted(found, _reasons(manifest))


def _reasons(manifest: Manifest | None) -> dict[str, str]:
    told = manifest.configuration.get("accepted") if manifest is not None else None
    return {gate: str(reason) for gate, reason in told.items()} if isinstance(told, dict) else {}
