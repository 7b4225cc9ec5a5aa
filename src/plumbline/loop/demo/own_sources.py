"""The demo's data: folders of data below one folder, checked, and with splits that are theirs or dealt here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from plumbline.curate import assign_splits
from plumbline.formats import Loaded, convert_loaded, load
from plumbline.formats.locations import is_data_file, split_name
from plumbline.formats.writing import ConversionRun
from plumbline.loop.sources import check_command, told_records
from plumbline.records import Kind, NoDataError, PlumblineError, SourceError

Say = Callable[[str], None]

FEWEST_ROWS = 200
"""A source with fewer judged rows is checked, but no model is trained on it."""
SHARES = {"train": 0.8, "test": 0.2}
_JUDGED = (Kind.COMPARISONS, Kind.SAFETY_LABELS)


@dataclass(frozen=True)
class DemoSource:
    """One folder of data.

    Attributes:
        name: unique within the demo.
        path: where it is read from: the folder itself, or a copy with splits.
        loaded: all of it.
        dealt_from: names of the splits that the rows stood in before the demo dealt them out to train and test, ""
            for rows without one; None where the splits are the source's own.
    """

    name: str
    path: Path
    loaded: Loaded
    dealt_from: tuple[str, ...] | None = None

    @property
    def has_enough(self) -> bool:
        """Whether some kind of judged record has enough rows for a model."""
        return any(len(table) >= FEWEST_ROWS for kind, table in self.loaded.tables.items() if kind in _JUDGED)

    @property
    def unused(self) -> dict[str, int]:
        """Split → its judged records, where it is neither train nor test though models are made of those."""
        if not self.has_enough:
            return {}
        of_judged = _by_split(self.loaded, _JUDGED)
        return {split: sum(kinds.values()) for split, kinds in of_judged.items() if split not in SHARES}

    @property
    def judged_told(self) -> str:
        """How many judged records stand in which split: ``test 20, train 80``."""
        return _counted(_by_split(self.loaded, _JUDGED))

    def records_by_split(self) -> dict[str, dict[str, int]]:
        """Split → kind → records, each split with what became of it: dealt by the demo, or not used."""
        unused = self.unused
        found: dict[str, dict[str, int]] = {}
        for split, kinds in _by_split(self.loaded, tuple(Kind)).items():
            name = split or "none"
            if self.dealt_from is not None:
                name += ", dealt by the demo"
            elif split in unused:
                name += ", not used for models"
            found[name] = kinds
        return found


def _by_split(loaded: Loaded, kinds: Sequence[Kind]) -> dict[str, dict[str, int]]:
    """Split ("" for none) → kind → records; splits by name, without those that have none."""
    found: dict[str, dict[str, int]] = {}
    for kind, table in loaded.tables.items():
        if kind in kinds and len(table):
            for split, count in Counter(table["split"].to_pylist()).items():
                found.setdefault(split or "", {})[kind.value] = count
    return dict(sorted(found.items()))


def load_sources(folder: Path, left_out: dict[str, str], say: Say) -> list[DemoSource]:
    """Every folder of data below the folder, or the one file.

    Args:
        folder: of folders with data files; or a file.
        left_out: gets the folders that cannot be read, each with why.
        say: told what is being read.
    Raises:
        SourceError: there is nothing at this path, or no folder below it can be read.
        NoDataError: no row could be read.
        PlumblineError: as `load`, where it is a file.
    """
    if folder.is_file():
        say(f"data: reading {folder.name}")
        return [_of_file(folder)]
    sources = []
    for name, path in _named(_data_folders(folder), folder):
        say(f"data: reading {name}")
        try:
            sources.append(DemoSource(name, path, load(path)))
        except PlumblineError as error:
            left_out[name] = f"{error.code} {error.problem}"
    if not sources:
        raise SourceError(
            "PL-SRC-005",
            str(folder),
            "no folder in it holds data that can be read",
            found="; ".join(f"{name}: {why}" for name, why in left_out.items()) or "no data files",
            advice="plumbline demo without --data makes a corpus of its own",
        )
    _refuse_no_records(folder, sources)
    return sources


def _of_file(path: Path) -> DemoSource:
    source = DemoSource(split_name(path.name), path, load(path))
    _refuse_no_records(path, [source])
    return source


def _refuse_no_records(path: Path, sources: Sequence[DemoSource]) -> None:
    """Refuse data of which no row could be read, before anything is written."""
    if not any(len(table) for source in sources for table in source.loaded.tables.values()):
        raise NoDataError(
            "PL-RUN-001",
            str(path),
            "no row could be read",
            found=", ".join(told_records([source.loaded for source in sources])) or "no rows",
            advice=check_command(str(path), {}),
        )


def _named(paths: Sequence[Path], folder: Path) -> list[tuple[str, Path]]:
    """Each folder with its own name, or its whole path where two are named alike."""
    leaves = [path.resolve().name for path in paths]
    return [
        (leaf if leaves.count(leaf) == 1 else "-".join(path.relative_to(folder).parts), path)
        for leaf, path in zip(leaves, paths, strict=True)
    ]


def _data_folders(folder: Path) -> list[Path]:
    """The folders that hold data files themselves, in order."""
    if not folder.is_dir():
        raise SourceError(
            "PL-SRC-001",
            str(folder),
            "there is nothing at this path",
            advice="name a folder or a file of data, or leave --data out for a synthetic corpus",
        )
    holders = {path.parent for path in folder.rglob("*") if path.is_file() and is_data_file(path.relative_to(folder))}
    return sorted(holders)


def deal_splits(source: DemoSource, out: Path, seed: int, say: Say) -> DemoSource:
    """The source where it has train and test; else a copy below ``out`` whose prompts are dealt out to both.

    A single file with both is copied as it is: read itself, it would be read whole.
    """
    if not source.has_enough:
        return source
    before = _by_split(source.loaded, _JUDGED)
    if set(SHARES) <= set(before):
        say(f"split: {source.name} has {_counted(before)}")
        return _in_files(source, out, seed) if source.path.is_file() else source
    tables = {kind: _split(table, seed) for kind, table in source.loaded.tables.items()}
    dealt = DemoSource(
        source.name, out / "splits" / source.name, replace(source.loaded, tables=tables), dealt_from=tuple(before)
    )
    run = ConversionRun(["demo"], {"shares": dict(SHARES)}, seed=seed)
    convert_loaded(dealt.loaded, dealt.path, "parquet", run=run)
    say(f"split: {source.name} dealt by prompt to {dealt.judged_told}; it had {_counted(before)}")
    return dealt


def _in_files(source: DemoSource, out: Path, seed: int) -> DemoSource:
    """A copy below ``out`` with a file a split."""
    path = out / "splits" / source.name
    convert_loaded(source.loaded, path, "parquet", run=ConversionRun(["demo"], {}, seed=seed))
    return replace(source, path=path)


def _counted(by_split: dict[str, dict[str, int]]) -> str:
    """``test 20, train 80``."""
    return ", ".join(f"{split or 'no split'} {sum(kinds.values()):,}" for split, kinds in by_split.items())


def _split(table: pa.Table, seed: int) -> pa.Table:
    position = table.schema.get_field_index("split")
    names = assign_splits(table["group_id"], SHARES, seed=seed)
    return table.set_column(
        position, table.schema.field(position), names.dictionary_encode().cast(table.schema.field(position).type)
    )
