"""What a manifest tells of a release, and the facts that follow from it again: so that `verify` can make every text anew."""

from __future__ import annotations

from importlib import metadata
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, JsonValue, StringConstraints, ValidationError

from plumbline.lineage import FileEntry, Manifest, Terms
from plumbline.release.answers import Answers
from plumbline.release.changes import Changes
from plumbline.release.facts import Facts, card_configs
from plumbline.release.gates import GATES, Gate, Status
from plumbline.release.layout import Laid
from plumbline.release.notes import CurationNotes, RecipeNotes

_PROGRAM = "plumbline-rlhf"
_STUDY = ("study", "study_kind", "study_file_sha256", "guidelines_versions", "people", "assignments", "as_of")
"""What a datasheet says of a study, of the manifest of its export."""

Version = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}$")]
Day = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]


def _called(told: Any, key: str, name: str) -> Any:
    """JSON with what stands under a key under the name that the field has; anything else as it is, to be refused."""
    return {name if each == key else each: value for each, value in told.items()} if isinstance(told, dict) else told


_Gate = Annotated[Gate, BeforeValidator(lambda told: _called(told, "gate", "name"))]
_Changes = Annotated[Changes, BeforeValidator(lambda told: _called(told, "manifest_sha256", "digest"))]


class _Told(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _MadeOf(_Told):
    """The folder that was released.

    Attributes:
        inputs, parents, plumbline: as its manifest has them: the files that were read, the folders behind it, the program.
        study: what the manifest of an export says of its study; None where it was made of none.
    """

    inputs: list[FileEntry]
    parents: list[str]
    plumbline: str
    study: dict[str, JsonValue] | None


class ReleaseTold(_Told):
    """The configuration in the manifest of a release, see `told_of`."""

    title: str
    version: Version
    created: Day
    synthetic: bool
    source: str
    configs: dict[str, dict[str, list[str]]]
    gates: list[_Gate]
    accepted: dict[str, str]
    renamed: dict[str, str]
    not_in_lines: dict[str, dict[str, int]]
    changes: _Changes | None
    masked_left: int | None = None
    masked_before: int | None
    stated_licence: str | None
    source_licences: list[str] = []
    stated_terms: JsonValue = None
    recipe: RecipeNotes | None
    answers: Answers
    made_of: _MadeOf


def told_of(facts: Facts) -> dict[str, JsonValue]:
    """What the manifest tells beside files and terms: all that the texts of a release are made of."""
    configs: JsonValue = {
        name: {split: list[JsonValue](paths) for split, paths in of_splits.items()}
        for name, of_splits in card_configs(facts.laid).items()
    }
    gates: list[JsonValue] = [gate.to_json() for gate in facts.gates]
    inputs: list[JsonValue] = [entry.model_dump(mode="json") for entry in facts.source.inputs]
    study: JsonValue = None if facts.study is None else {name: facts.study.get(name) for name in _STUDY}  # type: ignore[misc]  # of a manifest, so JSON
    return {
        "title": facts.title,
        "version": facts.version,
        "created": facts.created,
        "synthetic": facts.is_synthetic,
        "source": facts.name,
        "configs": configs,
        "gates": gates,
        "accepted": {gate.name: gate.reason for gate in facts.gates if gate.reason},
        "renamed": dict(facts.laid.renamed),
        "not_in_lines": {kind.value: dict(codes) for kind, codes in facts.laid.not_in_lines.items()},
        "changes": facts.changes.to_json() if facts.changes else None,
        "masked_left": facts.masked_left,
        "masked_before": facts.masked_before,
        "stated_licence": facts.stated_licence,
        "source_licences": list[JsonValue](facts.source_licences),
        "recipe": facts.notes.recipe.model_dump(mode="json") if facts.notes else None,
        "answers": facts.answers.model_dump(mode="json", exclude_defaults=True),
        "made_of": {
            "inputs": inputs,
            "parents": list[JsonValue](facts.source.parents),
            "plumbline": facts.source.versions.get(_PROGRAM, ""),
            "study": study,
        },
    }


def read_told(manifest: Manifest) -> ReleaseTold:
    """The configuration of a release's manifest.

    Raises:
        ValueError: it is none of a release; the message says where, and quotes nothing.
    """
    try:
        told = ReleaseTold.model_validate(manifest.configuration)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        raise ValueError(f"configuration.{'.'.join(map(str, first['loc'][:2]))[:80]}: {first['type']}") from error
    if [gate.name for gate in told.gates] != list(GATES):
        raise ValueError("configuration.gates: not every gate, once and in order")
    if told.accepted != {gate.name: gate.reason for gate in told.gates if gate.status is Status.ACCEPTED}:
        raise ValueError("configuration.accepted: not the gates that are told as accepted")
    return told


def written_here(manifest: Manifest) -> bool:
    """Whether this version of Plumbline wrote a release: another may say the same in other words."""
    return manifest.versions.get(_PROGRAM) == metadata.version(_PROGRAM)


def facts_told(
    told: ReleaseTold, manifest: Manifest, terms: Terms, laid: Laid, notes: CurationNotes | None, synthetic_rows: int
) -> Facts:
    """The facts of a release: what only its manifest tells, and all else as it was found in the folder.

    Args:
        told: see `read_told`.
        terms: of the manifest.
        laid: the data files, counted anew.
        notes: of the curation, as they lie in the folder.
        synthetic_rows: of the tables, those that say so themselves.
    """
    made_of = told.made_of
    source = Manifest(
        holds="data",
        command=[],
        configuration=made_of.study or {},
        inputs=made_of.inputs,
        parents=made_of.parents,
        uses=None,
        licence=None,
        versions={_PROGRAM: made_of.plumbline},
    )
    return Facts(
        name=told.source,
        version=told.version,
        created=told.created,
        laid=laid,
        terms=terms,
        source=source,
        source_digest=manifest.parents[0] if manifest.parents else "",
        parents=(),
        notes=notes,
        gates=tuple(told.gates),
        changes=told.changes,
        answers=told.answers,
        is_synthetic=told.synthetic or synthetic_rows > 0,
        stated_licence=told.stated_licence,
        synthetic_rows=synthetic_rows,
        masked_left=told.masked_left,
        masked_before=told.masked_before,
        source_licences=tuple(told.source_licences),
    )
