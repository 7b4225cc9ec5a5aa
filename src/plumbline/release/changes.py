"""What a new release says of the one before: rows added, removed, changed, moved, by configuration and split.

Rows are paired one to one, see `row_pairs`, so the numbers add up: rows before - removed + added = rows after. A pair of one record
of which nothing is another but where it stands has moved. Where it was read from (source, row, parents) is not compared. Any other
pair is a changed row.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pyarrow as pa
from pydantic import JsonValue

from plumbline.formats.own_folders import RELEASE
from plumbline.formats.reading import ReadFile
from plumbline.formats.source_files import locate
from plumbline.lineage import FoundManifest, Manifest, Terms, file_digest
from plumbline.lineage.uses import licences_in
from plumbline.lineage.writing import MANIFEST_NAME
from plumbline.records import Kind, UsageError
from plumbline.release.handed_over import shown
from plumbline.release.incoming import read_incoming
from plumbline.release.names import is_table
from plumbline.release.plurals import counted
from plumbline.release.row_pairs import LABELS, OTHER_COLUMNS, RowIndex, label_changes, pair_rows
from plumbline.release.rows import released_rows
from plumbline.release.terms import licences_stated
from plumbline.release.texts.escaping import markdown

FIRST_VERSION = "1.0.0"
_VERSION = re.compile(r"(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})")
HOW = ("added", "removed", "changed", "moved")

Version = tuple[int, int, int]


@dataclass(frozen=True)
class Changes:
    """What changed since a release.

    Attributes:
        version, digest: of that release; the digest is that of its manifest.
        rows: configuration → split → added, removed, changed, moved, each with its count; where all are 0 it is left out.
            A row counts where it stands now, a removed one where it stood.
        unchanged: rows of which nothing is another; where they were read from (source, row, parents) is not compared.
        terms: what changed of them, a clause each.
        labels: of changed rows, column → which way → rows; ``{"is_safe": {"safe → unsafe": 2}}``.
        texts: changed rows whose texts are others, such as masked ones.
        other_columns: changed rows of which a column that is neither text nor label is another, such as their models.
        merged: of the removed, those that a row that stands names as its parent.
    """

    version: str
    digest: str
    rows: Mapping[str, Mapping[str, Mapping[str, int]]]
    unchanged: int
    terms: tuple[str, ...] = ()
    labels: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    texts: int = 0
    merged: int = 0
    other_columns: int = 0

    @property
    def rows_before(self) -> int:
        """Rows of that release."""
        return self.unchanged + sum(self.total(how) for how in ("removed", "changed", "moved"))

    @property
    def rows_after(self) -> int:
        """Rows of the new one."""
        return self.rows_before - self.total("removed") + self.total("added")

    def total(self, how: str) -> int:
        """Rows that changed in one way."""
        return sum(counts.get(how, 0) for of_splits in self.rows.values() for counts in of_splits.values())

    def to_json(self) -> dict[str, JsonValue]:
        """As manifests have it."""
        rows: JsonValue = {name: {split: dict(how) for split, how in of.items()} for name, of in self.rows.items()}
        return {
            "version": self.version,
            "manifest_sha256": self.digest,
            "rows": rows,
            "unchanged": self.unchanged,
            "terms": list(self.terms),
            "labels": {name: dict(ways) for name, ways in self.labels.items()},
            "texts": self.texts,
            "merged": self.merged,
            "other_columns": self.other_columns,
        }


@dataclass(frozen=True)
class Previous:
    """An earlier release.

    Attributes:
        stated: what of its licence was stated as it was released, and no source carried.
    """

    version: str
    digest: str
    terms: Terms | None
    index: RowIndex
    stated: tuple[str, ...] = ()


def read_previous(folder: Path) -> Previous:
    """An earlier release, its rows indexed.

    Raises:
        UsageError: PL-REL-005, there is no release in this folder, or its rows are not those that it was built with.
    """
    found = FoundManifest.at(folder / MANIFEST_NAME) if folder.is_dir() else None
    version = found.manifest.configuration.get("version") if found else None
    if found is None or found.manifest.holds != RELEASE or not isinstance(version, str) or not parsed_version(version):
        raise UsageError(
            "PL-REL-005",
            str(folder),
            "this is no release to compare with",
            expected="a folder that plumbline release build wrote",
            advice="name the folder of the release before, or leave --previous out",
        )
    index = RowIndex()
    for kind, table in _tables(folder, found.manifest):
        index.add(kind, released_rows(kind, table))
    return Previous(version, found.digest, found.manifest.terms, index, _stated(found.manifest))


def _stated(manifest: Manifest) -> tuple[str, ...]:
    sources = manifest.configuration.get("source_licences")
    if not isinstance(sources, list) or manifest.terms is None:
        return ()
    return tuple(licences_stated(manifest.terms.licence, [each for each in sources if isinstance(each, str)]))


def _tables(folder: Path, manifest: Manifest) -> Iterator[tuple[Kind, pa.Table]]:
    """The rows of an earlier release, once its tables are known to be the listed ones: of others every change would be false."""
    located = locate(folder, data_dir=None, split=None, format=None, axis=None)
    listed = {entry.path: entry.sha256 for entry in manifest.outputs}
    found = {location.path.relative_to(folder).as_posix(): location.path for location, _ in located.chosen}
    wrong = {name: "is not listed in its manifest" for name in found if name not in listed}
    wrong |= {name: "is not there" for name in listed if is_table(name) and name not in found}
    wrong |= {
        name: "is not as its manifest lists it (SHA-256)"
        for name, path in found.items()
        if name in listed and file_digest(path) != listed[name]
    }
    if wrong:
        name, problem = next(iter(sorted(wrong.items())))
        raise UsageError(
            "PL-REL-005",
            str(folder),
            "this release is not as it was built, so nothing can be compared with it",
            expected="the data files that its manifest lists, as they were written",
            found=f"{len(wrong):,} other, such as {shown(name)}, which {problem}",
            advice=f"plumbline release verify {folder} names them all; take the release from where it was published",
        )
    for location, name in located.chosen:
        yield from read_incoming(ReadFile(location, name))


def compare(previous: Previous, now: RowIndex, terms: Terms) -> Changes:
    """What changed in rows and terms since an earlier release."""
    before, after = previous.index.rows(), now.rows()
    pairing = pair_rows(before, after, now.former())
    pairs, new, gone = pairing.pairs, pairing.new, pairing.gone
    compared = (*LABELS, OTHER_COLUMNS)
    differs = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_was")) for name in compared)
    same_record, same_place = pl.col("id") == pl.col("id_was"), pl.col("place") == pl.col("place_was")
    changed = pairs.filter(~same_record | differs)
    moved = pairs.filter(same_record & ~differs & ~same_place)
    counts = {"added": new, "removed": gone, "changed": changed, "moved": moved}
    return Changes(
        previous.version,
        previous.digest,
        _by_place(counts),
        len(pairs) - len(changed) - len(moved),
        _term_changes(previous, terms),
        label_changes(pairs),
        len(changed.filter(pl.col("item") != pl.col("item_was"))),
        pairing.merged,
        len(changed.filter(pl.col(OTHER_COLUMNS) != pl.col(f"{OTHER_COLUMNS}_was"))),
    )


def _by_place(counts: Mapping[str, pl.DataFrame]) -> dict[str, dict[str, dict[str, int]]]:
    rows: dict[str, dict[str, dict[str, int]]] = {}
    for how, frame in counts.items():
        sizes = frame.select(pl.col("folder", "split").cast(pl.String)).group_by("folder", "split").len()
        for folder, split, count in sizes.sort("folder", "split").iter_rows():
            rows.setdefault(folder, {}).setdefault(split, dict.fromkeys(HOW, 0))[how] = count
    return {folder: dict(sorted(of.items())) for folder, of in sorted(rows.items())}


def _term_changes(previous: Previous, now: Terms) -> tuple[str, ...]:
    before = previous.terms
    if before is None or before == now:
        return ()
    told = []
    if before.licence != now.licence:
        dropped = [name for name in previous.stated if name not in licences_in(now.licence)]
        why = f" (it was stated at that release, with --licence {' AND '.join(dropped)}, and not at this one)"
        told.append(f"the licence was {before.licence} and is {now.licence}{why if dropped else ''}")
    for what, uses in (("no longer permitted", before.uses - now.uses), ("newly permitted", now.uses - before.uses)):
        if uses:
            told.append(f"{what}: {', '.join(sorted(uses))}")
    return tuple(told)


# --- versions ---


def next_version(asked: str | None, changes: Changes | None) -> str:
    """The version of a release: the one asked for, else the next by rule.

    MAJOR where rows were removed, changed or moved or the terms changed: what was measured on the release before does not
    hold; MINOR where rows were only added; PATCH where no row changed. The first is 1.0.0.

    Raises:
        UsageError: PL-REL-006, the version asked for is none, or below the one that the rule gives; or there is none to give.
    """
    before = None if changes is None else parsed_version(changes.version)
    by_rule = FIRST_VERSION if before is None or changes is None else _bumped(before, changes)
    if changes is not None and parsed_version(by_rule) is None:
        raise UsageError(
            "PL-REL-006",
            "version (--version)",
            "there is no version that follows",
            expected="a release before this one whose numbers leave room: each has nine digits at most",
            found=f"{by_rule} by rule: {_why(changes)}",
            advice="leave --previous out, and the count begins at 1.0.0",
        )
    if asked is None:
        return by_rule
    version = parsed_version(asked)
    lowest = None if before is None else parsed_version(by_rule)
    if version is None or (lowest is not None and version < lowest):
        raise UsageError(
            "PL-REL-006",
            "version (--version)",
            "this cannot be the version",
            expected="MAJOR.MINOR.PATCH" + (f", {by_rule} or above: {_why(changes)}" if changes else ""),
            found=f'"{asked[:40]}"',
            advice="leave --version out, and the next is counted by rule",
        )
    return asked


def _why(changes: Changes) -> str:
    """What the rule looked at, in words."""
    counts = [counted(changes.total(how), f"row {how}") for how in HOW if changes.total(how)]
    return f"since {changes.version}, " + (
        ", ".join([*counts, *(["other terms"] if changes.terms else [])]) or "no row changed"
    )


def _bumped(before: Version, changes: Changes) -> str:
    major, minor, patch = before
    if changes.terms or any(changes.total(how) for how in ("removed", "changed", "moved")):
        return f"{major + 1}.0.0"
    return f"{major}.{minor + 1}.0" if changes.total("added") else f"{major}.{minor}.{patch + 1}"


def parsed_version(text: str) -> Version | None:
    """A version in numbers; None where it is none."""
    found = _VERSION.fullmatch(text)
    return None if found is None else (int(found[1]), int(found[2]), int(found[3]))


# --- in words ---


def change_rows(changes: Changes) -> list[list[str]]:
    """Rows of a table: configuration, split, added, removed, changed, moved."""
    return [
        [f"`{name}`", f"`{split}`", *(f"{counts.get(how, 0):,}" for how in HOW)]
        for name, of_splits in changes.rows.items()
        for split, counts in of_splits.items()
    ]


def change_lines(version: str, changes: Changes | None) -> Iterable[str]:
    """What changed, a line each."""
    if changes is None:
        yield f"Version {version} is the first: there is no release to compare it with."
        return
    yield (
        f"Since version {changes.version} (manifest `{changes.digest}`): "
        + ", ".join(counted(changes.total(how), f"row {how}") for how in HOW)
        + f", {changes.unchanged:,} as they were, wherever they were read from."
    )
    yield (
        f"{counted(changes.rows_before, 'row')} before − {changes.total('removed'):,} removed + {changes.total('added'):,} added = "
        f"{counted(changes.rows_after, 'row')} now."
    )
    if changes.labels:
        told = "; ".join(
            f"{name.replace('_', ' ')}: " + ", ".join(f"{count:,} {way}" for way, count in ways.items())
            for name, ways in changes.labels.items()
        )
        yield f"Labels of changed rows: {markdown(told)}."
    if changes.texts:
        yield f"In {changes.texts:,} changed rows the texts are others."
    if changes.other_columns:
        yield f"In {changes.other_columns:,} changed rows columns beside texts and labels are others."
    if changes.merged:
        yield f"Of the rows removed, {changes.merged:,} were made one with rows that stand."
    yield from (f"Terms: {markdown(told)}." for told in changes.terms)
