"""What leaves a study: in which forms, for what, and what is left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from plumbline.collect.pages.contexts.dashboard import ManagedStudy
from plumbline.collect.pages.contexts.frame import Frame


@dataclass(frozen=True, slots=True)
class ExportForm:
    """A form of export.

    Attributes:
        name: as the API takes it.
        says: what it is for, in a sentence.
    """

    name: str
    says: str


@dataclass(frozen=True, slots=True)
class ExportPage:
    """Where work is downloaded.

    Attributes:
        frame: around it.
        managed: the study.
        forms: those that the study has.
        uses: that can be stated.
        licence, stated_uses: what the study file says; None and empty where it says nothing.
        terms: which hold for an export that states nothing, and why, in sentences.
        holds: what an export has in it, in a sentence.
        left_out: what it leaves out now, and why, in sentences.
        address: of the download.
    """

    template: ClassVar[str] = "manage/export.html"
    frame: Frame
    managed: ManagedStudy
    forms: tuple[ExportForm, ...]
    uses: tuple[str, ...]
    licence: str | None
    stated_uses: tuple[str, ...]
    terms: tuple[str, ...]
    holds: str
    left_out: tuple[str, ...]
    address: str
