"""Options that say how sources are read, and on what terms: groups that several commands take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from plumbline.cli import options

if TYPE_CHECKING:
    from plumbline.lineage import StatedTerms


@dataclass(frozen=True)
class SourceFlags:
    """How sources are read."""

    data_dir: options.DataDir = None
    split: options.Split = None
    format: options.Format = None
    no_cache: options.NoCache = False

    def said(self, axis: str | None = None) -> dict[str, Any]:
        """What of it changes what is read, as manifests say it.

        Args:
            axis: what pairs were judged on, of commands that ask for it.
        """
        return {"data_dir": self.data_dir, "split": self.split, "format": self.format, "axis": axis}

    def load_options(self, axis: str | None = None) -> dict[str, Any]:
        """As `formats.load` takes them."""
        return {**self.said(axis), "cache": not self.no_cache}


@dataclass(frozen=True)
class TermFlags:
    """What the user says of the terms of their own data."""

    licence: options.Licence = None
    uses: options.Uses = None

    def stated_terms(self) -> StatedTerms:
        """As `formats.load` takes them."""
        from plumbline.lineage import StatedTerms

        return StatedTerms.of(self.licence, None if self.uses is None else self.uses.split(","))


@dataclass(frozen=True)
class DataFlags(TermFlags, SourceFlags):
    """How sources are read, and on what terms: of commands whose output is bound by them."""

    def load_options(self, axis: str | None = None) -> dict[str, Any]:
        """As `formats.load` takes them, the terms among them."""
        return {**super().load_options(axis), "stated_terms": self.stated_terms()}
