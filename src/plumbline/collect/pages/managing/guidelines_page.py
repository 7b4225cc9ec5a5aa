"""The guidelines' editor."""

from __future__ import annotations

from plumbline.collect.pages.contexts.differences import Difference
from plumbline.collect.pages.contexts.frame import Crumb
from plumbline.collect.pages.contexts.guidelines_editor import GuidelinesEditorPage, VersionRow
from plumbline.collect.pages.differences import difference
from plumbline.collect.pages.guide import guide_of
from plumbline.collect.pages.managing.frames import api_of, framed, managed
from plumbline.collect.pages.visiting import Visit
from plumbline.collect.store.studies import list_guidelines, newest_guidelines, read_guidelines
from plumbline.collect.study_file import MOST_GUIDELINES_BYTES

MOST_VERSIONS = 200


def guidelines_editor_page(
    visit: Visit, study: str, older: int | None = None, newer: int | None = None
) -> GuidelinesEditorPage:
    """The newest text, and what differs between two versions: the last two where none are named.

    Raises:
        NotFoundError: PL-COL-010, there is no such version.
    """
    store, study_id = visit.collecting.store, visit.collecting.catalogue.named(study).id
    newest = newest_guidelines(store, study_id)
    listed = list_guidelines(store, study_id, limit=MOST_VERSIONS)
    return GuidelinesEditorPage(
        frame=framed(visit, study, "Guidelines", Crumb("Guidelines"), script="guidelines.js"),
        managed=managed(visit, study, "guidelines"),
        text=newest.text,
        version=newest.version,
        most_bytes=MOST_GUIDELINES_BYTES,
        guide=guide_of(newest),
        versions=tuple(VersionRow(version, created_at) for version, created_at in listed),
        difference=_difference(visit, study_id, older, newer or newest.version),
        api=f"{api_of(study)}/guidelines",
    )


def _difference(visit: Visit, study_id: int, older: int | None, newer: int) -> Difference | None:
    if older is None:
        if newer == 1:
            return None
        older = newer - 1
    store = visit.collecting.store
    before, after = read_guidelines(store, study_id, older), read_guidelines(store, study_id, newer)
    return difference(older, before.text, newer, after.text)
