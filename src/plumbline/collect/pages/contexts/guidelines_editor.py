"""The guidelines as managers write them: text, preview, versions, and what differs between two."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from markupsafe import Markup

from plumbline.collect.pages.contexts.dashboard import ManagedStudy
from plumbline.collect.pages.contexts.differences import Difference
from plumbline.collect.pages.contexts.frame import Frame
from plumbline.collect.pages.contexts.work import Guide


@dataclass(frozen=True, slots=True)
class VersionRow:
    """One version of the guidelines."""

    version: int
    created_at: datetime


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
