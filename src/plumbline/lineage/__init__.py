"""Where data comes from and what may be done with it: digests, manifests, faults, uses, writing aside."""

from plumbline.lineage.digests import file_digest, json_digest
from plumbline.lineage.faults import Fault, Finding, count_by_code
from plumbline.lineage.manifest import (
    FileEntry,
    FoundManifest,
    Manifest,
    ManifestFinder,
    is_own_file,
    read_manifest,
)
from plumbline.lineage.uses import (
    ALL_USES,
    LICENCE_KEY,
    UNKNOWN_LICENCE,
    USES_KEY,
    StatedTerms,
    Terms,
    Use,
    require_use,
    strictest_terms,
    terms_of,
    with_terms,
)
from plumbline.lineage.workplaces import clear_leftovers
from plumbline.lineage.writing import (
    is_there,
    refuse_foreign_file,
    refuse_foreign_folder,
    refuse_output_among_inputs,
    write_aside,
    write_error,
    write_folder_aside,
)

__all__ = [
    "ALL_USES",
    "LICENCE_KEY",
    "UNKNOWN_LICENCE",
    "USES_KEY",
    "Fault",
    "FileEntry",
    "Finding",
    "FoundManifest",
    "Manifest",
    "ManifestFinder",
    "StatedTerms",
    "Terms",
    "Use",
    "clear_leftovers",
    "count_by_code",
    "file_digest",
    "is_own_file",
    "is_there",
    "json_digest",
    "read_manifest",
    "refuse_foreign_file",
    "refuse_foreign_folder",
    "refuse_output_among_inputs",
    "require_use",
    "strictest_terms",
    "terms_of",
    "with_terms",
    "write_aside",
    "write_error",
    "write_folder_aside",
]
