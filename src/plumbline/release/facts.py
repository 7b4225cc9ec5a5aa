"""What is known of a release when its card, datasheet and metadata are written; each of them says a part of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from plumbline.curate.rules.row_rules import LANGUAGE
from plumbline.formats.hh_rlhf import axis_of
from plumbline.lineage import FileEntry, Manifest, Terms
from plumbline.records import Axis, Kind
from plumbline.release.answers import Answers
from plumbline.release.changes import Changes
from plumbline.release.gates import Gate
from plumbline.release.layout import Laid
from plumbline.release.names import DEFAULT_CONFIG, RECORDS
from plumbline.release.notes import CurationNotes

CONTENT_WARNING = (
    "These are conversations in which people try, among other things, to get harmful replies, and replies that are harmful: "
    "insults, violence, abuse, crime, self-harm. They do not say what the people who made the data think. Reading "
    "them can distress; no text is shown on this page."
)


@dataclass(frozen=True)
class Facts:
    """A release as it is about to be.

    Attributes:
        name: the input folder's.
        version, created: of the release; the day.
        laid: its data files.
        terms: which hold.
        source: the manifest of the folder it was made of, and its digest.
        parents: further manifests behind that, as far as they were found.
        notes: of the curation.
        is_synthetic: whether rows, or a manifest behind them, say that a program made something of it up.
        stated_licence: the licence stated for data that told none; None where all was told.
        synthetic_rows: those that say so themselves.
        masked_left: records that the curation of `notes` masked and wrote; None where its notes do not list what was changed.
        masked_before: records that curations before the one of `notes` masked; None where nobody can tell.
        source_licences: what the data, and the folders behind them, were under before anything was stated here; each once.
    """

    name: str
    version: str
    created: str
    laid: Laid
    terms: Terms
    source: Manifest
    source_digest: str
    parents: tuple[Manifest, ...]
    notes: CurationNotes | None
    gates: tuple[Gate, ...]
    changes: Changes | None
    answers: Answers
    is_synthetic: bool
    stated_licence: str | None = None
    synthetic_rows: int = 0
    masked_left: int | None = None
    masked_before: int | None = None
    source_licences: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The heading."""
        return self.answers.title or (self.notes.recipe.title if self.notes and self.notes.recipe.title else self.name)

    @property
    def synthetic_told(self) -> tuple[str, str] | None:
        """What of it a program made up: what is so, and how that is known; None where nothing says that any is."""
        if not self.is_synthetic:
            return None
        if self.study is not None:
            return (
                "What was judged is synthetic",
                "as the names of files behind it say; nothing tells whether people or programs judged it in the study",
            )
        if self.synthetic_rows == self.rows:
            return "The rows are synthetic", "a program made them up; no person wrote or judged them"
        if self.synthetic_rows:
            told = f"{self.synthetic_rows:,} of {self.rows:,} rows are synthetic"
            return told, "a program made them up, as the names of their sources say"
        return "Synthetic data went into this", "a manifest behind it says so, and not which rows a program made up"

    @property
    def rows(self) -> int:
        """Records of all kinds."""
        return sum(entry.rows or 0 for entry in self.laid.tables.values())

    @property
    def languages(self) -> list[str]:
        """ISO 639 codes: as stated, else those that a language rule of the curation kept."""
        if self.answers.language or self.notes is None:
            return list(self.answers.language)
        for step in self.notes.steps:
            kept = step.settings.get("keep")
            if step.rule == LANGUAGE.name and isinstance(kept, list):
                return [code for code in kept if isinstance(code, str) and len(code) in (2, 3) and code.isalpha()]
        return []

    @property
    def study(self) -> Mapping[str, object] | None:
        """What the export of a study says of it, where this was made of one."""
        for manifest in (self.source, *self.parents):
            if isinstance(manifest.configuration.get("study"), str):
                return manifest.configuration
        return None

    def rows_of(self, kind: Kind) -> dict[str, int]:
        """Split → records of a kind."""
        return {split: entry.rows or 0 for (each, split), entry in self.laid.tables.items() if each is kind}

    @property
    def kinds(self) -> list[Kind]:
        """Those it holds, in the order of `Kind`."""
        return [kind for kind in Kind if any(each is kind for each, _ in self.laid.tables)]


def line_configs(laid: Laid) -> dict[str, dict[str, FileEntry]]:
    """Configuration → split → its file of lines; a configuration is a folder."""
    configs: dict[str, dict[str, FileEntry]] = {}
    for line_file, entry in laid.lines.items():
        configs.setdefault(line_file.folder, {})[line_file.split] = entry
    return configs


def card_configs(laid: Laid) -> dict[str, dict[str, list[str]]]:
    """Configuration → split → paths, as the card's YAML has them; the first is the default.

    All configurations of a card are read by one builder of `datasets`, that of the default's first file; so they are all
    lines, or all tables where no record can be said in lines. The default joins the folders of one kind of record, whose
    columns are the same, and of pairs those judged on one axis: lines do not say on which.
    """
    if not laid.lines:
        tables: dict[str, dict[str, list[str]]] = {}
        for (kind, split), entry in laid.tables.items():
            tables.setdefault(f"{RECORDS}-{kind.value}", {})[split] = [entry.path]
        return {DEFAULT_CONFIG: next(iter(tables.values())), **tables} if tables else {}
    default: dict[str, list[str]] = {}
    of_default = set(default_folders(laid))
    for line_file, entry in laid.lines.items():
        if line_file.folder in of_default:
            default.setdefault(line_file.split, []).append(entry.path)
    named = {
        folder: {split: [entry.path] for split, entry in of_splits.items()}
        for folder, of_splits in line_configs(laid).items()
    }
    return {DEFAULT_CONFIG: default, **named}


def default_folders(laid: Laid) -> list[str]:
    """The folders of lines that the default configuration joins: of the first kind that has any; of pairs, on one axis.

    That axis is the one with the most lines; of axes with as many, the one of the first folder.
    """
    kind = next((kind for kind in Kind if any(each.kind is kind for each in laid.lines)), None)
    rows: Counter[str] = Counter()
    for line_file, entry in laid.lines.items():
        if line_file.kind is kind:
            rows[line_file.folder] += entry.rows or 0
    if kind is not Kind.COMPARISONS:
        return list(rows)
    by_axis: Counter[Axis | None] = Counter()
    for folder, count in rows.items():
        by_axis[axis_of(folder)] += count
    chosen = max(by_axis, key=by_axis.__getitem__)
    return [folder for folder in rows if axis_of(folder) is chosen]


def folders_by_axis(laid: Laid) -> dict[Axis, list[str]]:
    """Axis → the folders of pairs that were judged on it."""
    folders: dict[Axis, list[str]] = {}
    for folder in dict.fromkeys(each.folder for each in laid.lines if each.kind is Kind.COMPARISONS):
        if (axis := axis_of(folder)) is not None:
            folders.setdefault(axis, []).append(folder)
    return folders
