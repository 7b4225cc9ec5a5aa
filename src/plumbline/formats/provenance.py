"""Where a file comes from: the manifest it stands under, what that was made of, and on which terms its rows come."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from plumbline.formats.locations import Location
from plumbline.formats.parquet.batches import open_parquet
from plumbline.formats.registry import FORMATS, PARQUET
from plumbline.lineage import FoundManifest, ManifestFinder, StatedTerms, Terms, strictest_terms, terms_of
from plumbline.records import SourceError


@dataclass(frozen=True)
class Provenance:
    """What stands behind one file, or several.

    Attributes:
        terms: what may be done with the rows.
        parents: digests of the manifests that the files stand under, each once.
        origins: source of rows → SHA-256 of the file they were first read from, where that is known.
        derived_from: SHA-256 of the files that these files were made of, directly or over several conversions, as their
            manifests say.
    """

    terms: Terms
    parents: tuple[str, ...] = ()
    origins: dict[str, str] = field(default_factory=dict)
    derived_from: frozenset[str] = frozenset()


def combined(parts: Iterable[Provenance]) -> Provenance:
    """Several as one: the strictest terms, everything that stands behind any of them."""
    listed = list(parts)
    return Provenance(
        strictest_terms(part.terms for part in listed),
        tuple(dict.fromkeys(parent for part in listed for parent in part.parents)),
        {source: digest for part in listed for source, digest in part.origins.items()},
        frozenset(digest for part in listed for digest in part.derived_from),
    )


class ProvenanceFinder:
    """Looks up what stands behind the files of one source.

    Args:
        of_source: the manifest that the source as a whole stands under, for files that stand under none of their own.
        stated: what the user says of the terms.
    """

    def __init__(self, of_source: FoundManifest | None, stated: StatedTerms) -> None:
        self._of_source = of_source
        self._stated = stated
        self._manifests = ManifestFinder()
        self._digests: dict[Path, str] = {}
        self._ancestors: dict[Path, frozenset[str]] = {}

    def terms(self, location: Location, format_name: str) -> Terms:
        """The terms of one file."""
        return self._terms(location, format_name, self._manifest(location))

    def provenance(self, location: Location, format_name: str, sha256: str) -> Provenance:
        """Everything about one file, whose digest is known already."""
        found = self._manifest(location)
        inputs = {entry.path: entry.sha256 for entry in found.manifest.inputs} if found else {}
        return Provenance(
            self._terms(location, format_name, found),
            (self._digest(found),) if found else (),
            inputs if format_name == PARQUET else {location.origin.source: sha256},
            self._derived_from(found) if found else frozenset(),
        )

    def _terms(self, location: Location, format_name: str, found: FoundManifest | None) -> Terms:
        schema = open_parquet(location.path).schema_arrow if location.is_parquet else None
        of_file = None if schema is None else terms_of(schema.empty_table())
        of_manifest = found.manifest.terms if found else None
        carried = [terms for terms in (of_file, of_manifest) if terms is not None]
        return self._stated.applied(carried, FORMATS[format_name].terms if format_name in FORMATS else None)

    def _manifest(self, location: Location) -> FoundManifest | None:
        """The manifest a file stands under; one that is none of ours says nothing of it."""
        try:
            return self._manifests.governing(location.path) or self._of_source
        except SourceError:
            return self._of_source

    def _digest(self, found: FoundManifest) -> str:
        if found.path not in self._digests:
            self._digests[found.path] = found.digest
        return self._digests[found.path]

    def _derived_from(self, found: FoundManifest) -> frozenset[str]:
        """One set for all files under a manifest: there may be thousands of both."""
        if found.path not in self._ancestors:
            made_of = (entry.sha256 for entry in found.manifest.inputs)
            self._ancestors[found.path] = frozenset([*made_of, *found.manifest.ancestors])
        return self._ancestors[found.path]
