"""The sources of a run: which split each stage reads, and whether what it read is synthetic."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shlex import join
from typing import Any

import pyarrow as pa
from pydantic import JsonValue

from plumbline.formats import Loaded, load, merge_loaded
from plumbline.formats.doubled_rows import refuse_doubled_rows
from plumbline.lineage import Fault, Finding, StatedTerms, Use, count_by_code
from plumbline.records import Axis, NoDataError, PermittedUseError, unknown_name

Step = Callable[[str], None]
_READING_OF_FILE = ("format", "axis")
_READING = ("data_dir", "split", *_READING_OF_FILE)
"""Options of `formats.load` that a command takes by flags of the same names."""


def load_stage(sources: Sequence[str], split: str | None, options: Mapping[str, Any], step: Step) -> Loaded:
    """Load the sources of a stage that reads one split.

    Args:
        sources: files, folders, hub ids.
        split: the stage's own: ``train`` or ``test``; None reads all. A single file is read whole; an explicit split
            in the options overrides.
        options: of `formats.load`; `split` may be None.
        step: told what is being read.
    Raises:
        NoDataError: no row could be read.
        UsageError: a record stands in the sources twice.
    """
    return merged_parts(load_parts(sources, split, options, step), sources, options)


def load_parts(sources: Sequence[str], split: str | None, options: Mapping[str, Any], step: Step) -> list[Loaded]:
    """Each source by itself; the arguments are those of `load_stage`."""

    def advance(name: str, done: int, total: int) -> None:
        """Say how much has been read."""
        step(f"reading {name}, {100 * done // max(total, 1)} %")

    parts = []
    for source in sources:
        chosen = {**options, "split": stage_split(source, split, options)}
        parts.append(load(source, advance=advance, **chosen))
    return parts


def merged_parts(parts: Sequence[Loaded], sources: Sequence[str], options: Mapping[str, Any]) -> Loaded:
    """What was loaded of each source as one; raises as `load_stage`."""
    loaded = merge_loaded(parts)
    refuse_doubled_rows(loaded.findings, ", ".join(sources))
    if not any(len(table) for table in loaded.tables.values()):
        raise NoDataError(
            "PL-RUN-001",
            ", ".join(sources),
            "no row could be read",
            found=", ".join(told_records([loaded])) or "no rows",
            advice=check_command(sources[0], options),
        )
    return loaded


def counts_by_source(
    loaded: Loaded, entries: Sequence[Fault | Finding], sources: Sequence[str]
) -> dict[str, dict[str, int]]:
    """How many entries there are by code, by the source as it was named whose files they are of.

    Args:
        loaded: of all sources.
        entries: its faults, or its findings.
        sources: at least one. Where a file is of none of them, and they are several, its own path stands for them.
    """
    places = {entry.source: _named_source(loaded, entry.source, sources) for entry in entries}
    found: dict[str, list[Fault | Finding]] = {}
    for entry in entries:
        found.setdefault(places[entry.source], []).append(entry)
    return {place: count_by_code(of_place) for place, of_place in found.items()}


@dataclass(frozen=True)
class Reading:
    """What reading the sources of a run turned up.

    Attributes:
        quarantined: rows that could not be read, by code.
        findings: what looked wrong in those that could, by code.
        quarantined_by_source, findings_by_source: see `counts_by_source`.
    """

    quarantined: dict[str, int]
    findings: dict[str, int]
    quarantined_by_source: dict[str, dict[str, int]]
    findings_by_source: dict[str, dict[str, int]]

    @classmethod
    def of(cls, loaded: Loaded, sources: Sequence[str]) -> Reading:
        """What stands in what was loaded of the sources."""
        faults, findings = (counts_by_source(loaded, each, sources) for each in (loaded.faults, loaded.findings))
        return cls(loaded.quarantined, count_by_code(loaded.findings), faults, findings)


def _named_source(loaded: Loaded, file: str, sources: Sequence[str]) -> str:
    """The source, as it was named, that a file is of, which records call `file`."""
    path = Path(loaded.paths.get(file, file)).resolve()
    for source in sources:
        named = Path(source).resolve()
        if path.is_relative_to(named) or (file not in loaded.paths and file.partition("/")[0] == named.name):
            return source
    return sources[0] if len(sources) == 1 else loaded.paths.get(file, sources[0])


def stage_split(source: str, split: str | None, options: Mapping[str, Any]) -> str | None:
    """The split that a stage reads of a source, see `load_stage`; None is all of it."""
    return options.get("split") or (None if _is_file(source) else split)


def resolved_options(sources: Sequence[str], split: str | None, options: Mapping[str, Any]) -> dict[str, JsonValue]:
    """How the sources of a stage were read, as its manifest says it: data_dir, split, format, axis, and stated terms.

    The split is what was read in the end; where it differs from source to source, all of them in order.
    """
    splits = [stage_split(source, split, options) for source in sources]
    stated = options.get("stated_terms") or StatedTerms()
    return {
        **{name: options.get(name) for name in ("data_dir", "format", "axis")},
        "split": splits[0] if len(set(splits)) == 1 else list(splits),
        **({"stated_terms": stated.to_json()} if stated.to_json() else {}),
    }


def reading_words(options: Mapping[str, Any], names: Sequence[str] = _READING) -> list[str]:
    """How a source was read, as words of a command: the flags of these names that were said."""
    said = [(name, options[name]) for name in names if options.get(name) is not None]
    return [word for name, value in said for word in (f"--{name.replace('_', '-')}", str(value))]


def check_command(source: str, options: Mapping[str, Any]) -> str:
    """The command that looks at what a run read of a source.

    Args:
        source: as it was named, or the path of one of its files, which no flag says the folder or the split of.
        options: of `formats.load`.
    """
    names = _READING_OF_FILE if _is_file(source) else _READING
    return join(["plumbline", "data", "check", source, *reading_words(options, names)])


def told_records(parts: Sequence[Loaded]) -> list[str]:
    """What sources hold, and what of them could not be read, as errors tell it: ``1,200 comparisons``, ``3 × PL-JSON-005``."""
    records = [
        f"{len(table):,} {kind.replace('_', ' ')}"
        for each in parts
        for kind, table in each.tables.items()
        if len(table)
    ]
    return [*records, *(f"{count:,} × {code}" for code, count in unread_of(parts).items())]


def unread_of(parts: Iterable[Loaded]) -> dict[str, int]:
    """Rows of several sources that could not be read, by code."""
    return dict(sum((Counter(each.quarantined) for each in parts), Counter[str]()))


def first_unread(parts: Sequence[Loaded]) -> dict[str, str]:
    """The place of the first row of several sources that could not be read, by code."""
    faults = [fault for each in parts for fault in each.faults]
    return {fault.code: f"{fault.source} row {fault.row + 1:,}" for fault in reversed(faults)}


def _is_file(source: str) -> bool:
    """Whether it is a single file; what the system takes for no path at all is none, and `load` says why."""
    try:
        return Path(source).is_file()
    except OSError:
        return False


def is_synthetic(loaded: Loaded) -> bool:
    """Whether any file read, any that it was made of, or any that a row came from says in its name that a program made it up."""
    names = [*(file.path for file in loaded.files), *loaded.origins]
    names += [str(name) for table in loaded.tables.values() for name in table["source"].unique().to_pylist()]
    return any("synthetic" in name.lower() for name in names)


def without_split(table: pa.Table) -> pa.Table:
    """The records with no split told, for a recipe to deal them out."""
    place = table.schema.get_field_index("split")
    of_split = table.schema.field(place)
    return table.set_column(place, of_split, pa.nulls(len(table), of_split.type))


def known_axis(name: str | None) -> Axis | None:
    """The axis of that name; None for None.

    Raises:
        UsageError: there is no such axis.
    """
    if name is None or name in list(Axis):
        return None if name is None else Axis(name)
    raise unknown_name("--on", name, list(Axis))


def only_axis(loaded: Loaded) -> Axis | None:
    """The axis of all comparisons; None where there are several, or none."""
    names = loaded.comparisons["axis"].unique().to_pylist()
    return Axis(names[0]) if len(names) == 1 else None


@contextmanager
def own_terms_told(stated: StatedTerms | None, use: Use) -> Iterator[None]:
    """Let a refused use say that the user's own ``--uses`` leave it out, where they do."""
    try:
        yield
    except PermittedUseError as error:
        if stated is None or stated.uses is None or use in stated.uses:
            raise
        own = ",".join(sorted(stated.uses)) or "nothing"
        advice = f"add {use} to --uses where that is true of the data; or {error.advice}"
        found = f"{error.found}; your own --uses names {own}"
        raise PermittedUseError(
            error.code, error.place, error.problem, expected=error.expected, found=found, advice=advice
        ) from error
