"""The guidelines as managers write them: text, preview, versions, and what differs between two."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from markupsafe import Markup

from plumbline.collect.pages.contexts.dashboard import ManagedStudy
from plumbline.collect.pages.contexts.frame import Frame
from plumbline.collect.pages.contexts.work import Guide


@dataclass(frozen=True, slots=True)
class VersionRow:
    """One version of the guidelines."""

    version: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class DiffLine:
    """A line of the difference.

    Attributes:
        mark: "+" came, "−" went, "" stayed, "…" stands for lines that are left out.
        kind: came, went, stayed or skipped: a class of the page's style.
        words: what it is, for who hears the page.
        text: of the line.
    """

    mark: str
    kind: str
    words: str
    text: str


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs between two versions.

    Attributes:
        older, newer: their numbers.
        came, went: lines.
        lines: with three lines around each change.
        is_cut: whether there were too many lines to show.
    """

    older: int
    newer: int
    came: int
    went: int
    lines: tuple[DiffLine, ...]
    is_cut: bool


@dataclass(frozen=True, slots=True)
class GuidelinesEditorPage:
    """Where guidelines are written.

    Attributes:
        frame: around it.
        managed: the study.
        text: of the newest version.
        version: its number.
        most_bytes: that a version may have, in UTF-8.
        guide: as workers see it.
        versions: newest first.
        difference: of the two that are compared; None where there is one version only.
        api: the API's path of the guidelines.
    """

    template: ClassVar[str] = "manage/guidelines_editor.html"
    frame: Frame
    managed: ManagedStudy
    text: str
    version: int
    most_bytes: int
    guide: Guide
    versions: tuple[VersionRow, ...]
    difference: Difference | None
    api: str


@dataclass(frozen=True, slots=True)
class GuidelinesPreview:
    """A text as workers would see it.

    Attributes:
        frame: around it.
        html: rendered from Markdown, see `Guide`.
    """

    template: ClassVar[str] = "manage/guidelines_preview.html"
    frame: Frame
    html: Markup
