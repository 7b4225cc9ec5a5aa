"""What a release says of itself, by file: written by `build_release`, and made again by `verify_release` to compare."""

from __future__ import annotations

from plumbline.release.facts import Facts
from plumbline.release.terms import licence_text
from plumbline.release.texts.card import card_text, changes_text
from plumbline.release.texts.croissant import croissant_text
from plumbline.release.texts.datasheet import datasheet_text

CARD, DATASHEET, CROISSANT, CHANGES, LICENCE = "README.md", "datasheet.md", "croissant.json", "CHANGES.md", "LICENSE"


def release_texts(facts: Facts) -> dict[str, str]:
    """File → its whole text."""
    return {
        CARD: card_text(facts),
        DATASHEET: datasheet_text(facts),
        CROISSANT: croissant_text(facts),
        CHANGES: f"# Changes\n\n## {facts.version}, {facts.created}\n\n{changes_text(facts)}\n",
        LICENCE: licence_text(facts.terms, facts.source_licences),
    }
