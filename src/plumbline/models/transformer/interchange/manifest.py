"""What an export's manifest says of the model it was made of, so that an import reads conversations as that model did.

The classifier's own files say less: a chat template writes the same tokens, but not where a long conversation is cut.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel as Record
from pydantic import ConfigDict, JsonValue, ValidationError

from plumbline.lineage import FileEntry, FoundManifest, Manifest, file_digest
from plumbline.lineage.writing import MANIFEST_NAME
from plumbline.models.model_folder import CARD_NAME, DESCRIPTION_NAME
from plumbline.models.transformer.model import TransformerModel
from plumbline.models.transformer.saving import TransformerDescription
from plumbline.models.transformer.settings import TokenSettings
from plumbline.models.transformer.trunk.conversation_tokens import ConversationEncoder
from plumbline.records import SourceError

HOLDS = "sequence-classifier"
_ENCODER = "encoder"


def export_manifest(
    folder: Path, model: TransformerModel, description: TransformerDescription, labels: Sequence[str]
) -> Manifest:
    """The export's manifest: the model is its input, and the model's manifest its parent.

    Args:
        folder: of the model.
        model: its tokenizer as it is exported: with the export's chat template and padding token.
        description: of the model.
        labels: of the classifier.
    """
    found = FoundManifest.at(folder / MANIFEST_NAME)
    terms = description.permitted
    # Another encoder than the model's own: that one looked at the tokenizer before the export changed it.
    encoder = ConversationEncoder(model.tokenizer, model.encoder.settings, None)
    said: dict[str, JsonValue] = {
        "model": str(folder),
        "model_json": description.name,
        "task": description.task,
        "axis": description.axis,
        "labels": list(labels),
        "synthetic": description.synthetic,
        _ENCODER: encoder.description(),
    }
    return Manifest(
        holds=HOLDS,
        command=[],
        configuration=said,
        inputs=[FileEntry.of(folder / DESCRIPTION_NAME, name=f"{folder.resolve().name}/{DESCRIPTION_NAME}")],
        parents=[found.digest] if found else [],
        uses=sorted(terms.uses),
        licence=terms.licence,
        uses_overridden=found is not None and found.manifest.uses_overridden,
    )


class _StatedTokens(Record):
    """The part of an encoder's description from which the encoder is made again."""

    model_config = ConfigDict(strict=True, frozen=True)
    max_tokens: int
    template: Literal["hh", "chat"]
    add_end_of_sequence: bool


@dataclass(frozen=True)
class FoundExport:
    """The manifest in the folder of a classifier: of an export, or of something else that Plumbline wrote.

    Attributes:
        found: the manifest.
        changed: files of the export that are not as it was written, but for the card; empty of what is no export.
    """

    found: FoundManifest
    changed: tuple[str, ...]

    @classmethod
    def at(cls, path: str, folder: Path) -> FoundExport | None:
        """The manifest of a classifier; None where there is none. On the hub others have files of this name too.

        Args:
            path: as it was named, a folder or a hub id.
            folder: where its files are.
        Raises:
            SourceError: a folder's manifest is none of Plumbline.
        """
        found = None
        with suppress(*(() if Path(path).is_dir() else (SourceError,))):
            found = FoundManifest.at(folder / MANIFEST_NAME)
        if found is None:
            return None
        return cls(found, _changed(folder, found.manifest) if found.manifest.holds == HOLDS else ())

    @property
    def is_export(self) -> bool:
        """Whether `plumbline train export` wrote it."""
        return self.found.manifest.holds == HOLDS

    @property
    def said(self) -> dict[str, JsonValue]:
        """What an export says of its model; empty of what is no export."""
        return self.found.manifest.configuration if self.is_export else {}

    @property
    def tokens(self) -> TokenSettings | None:
        """How the model read conversations; None where the manifest does not say, or files were changed since."""
        if self.changed:
            return None
        try:
            stated = _StatedTokens.model_validate(self.said.get(_ENCODER))
        except ValidationError:
            return None
        return TokenSettings(stated.max_tokens, stated.template, stated.add_end_of_sequence)

    def differences(self, encoder: ConversationEncoder) -> list[str]:
        """In what an encoder is another than the model's was."""
        said: Any = self.said.get(_ENCODER)
        now = json.loads(json.dumps(encoder.description()))
        return sorted(name for name in {*said, *now} if said.get(name) != now.get(name))


def _changed(folder: Path, manifest: Manifest) -> tuple[str, ...]:
    """Files that are not as the manifest states them; the card may be edited, or left behind."""
    stated = [entry for entry in manifest.outputs if entry.path != CARD_NAME]
    places = [(entry, folder / entry.path) for entry in stated]
    return tuple(entry.path for entry, path in places if not path.is_file() or file_digest(path) != entry.sha256)
