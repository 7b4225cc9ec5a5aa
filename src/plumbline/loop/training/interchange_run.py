"""Runs that carry a transformer to other tools, and one of theirs here."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from plumbline.lineage import StatedTerms, refuse_foreign_folder, refuse_output_among_inputs
from plumbline.loop.earlier_outputs import refuse_other_export, refuse_other_model
from plumbline.loop.sources import known_axis
from plumbline.models.loading import TRANSFORMER_KIND, model_kind, require_transformers
from plumbline.models.model_folder import FolderDescription, read_description
from plumbline.models.scored_model import Task
from plumbline.records import UsageError, unknown_name

TEMPLATES = ("hh", "chat")


@dataclass(frozen=True)
class ImportRun:
    """Which classifier, and what its folder does not say of it; see `interchange.importing.ImportSettings`."""

    path: str
    out: Path
    task: str
    on: str | None = None
    template: str | None = None
    add_end_of_sequence: bool = False
    max_tokens: int | None = None
    revision: str | None = None
    trust_remote_code: bool = False
    terms: StatedTerms = field(default_factory=StatedTerms)
    command: tuple[str, ...] = ()


def run_export(
    model: Path, out: Path, head: str | None, *, command: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Write a model as a sequence classifier.

    Returns:
        Its labels, and what a user of the folder should know.
    Raises:
        UsageError: the model is no transformer, or has no such head; or the export of another model stands at the output.
        PlumblineError: as `interchange.export_sequence_classifier`.
    """
    if model_kind(model) not in (None, TRANSFORMER_KIND):
        raise UsageError(
            "PL-XCH-008",
            str(model),
            "only transformers can be carried over to other tools",
            found=f"a {str(model_kind(model)).replace('-', ' ')}",
            advice="train one: plumbline train preference SOURCE --model PATH -o MODEL",
        )
    if model_kind(model) is None:
        read_description(model, FolderDescription)
    require_transformers(str(model))
    from plumbline.models.transformer.interchange.exporting import export_sequence_classifier
    from plumbline.models.transformer.interchange.manifest import HOLDS
    from plumbline.models.transformer.saving import TransformerDescription

    refuse_foreign_folder(out, HOLDS)
    refuse_output_among_inputs(out, [model])
    description = read_description(model, TransformerDescription)
    refuse_other_export(out, description.name, description.task, description.axis)
    exported = export_sequence_classifier(model, out, head, command=command)
    return exported.labels, exported.notes


def run_import(run: ImportRun) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Make a model folder of a sequence classifier.

    Returns:
        The names of its heads, and how it reads conversations, a sentence each.
    Raises:
        UsageError: an option's value does not exist; or a model of another task or axis stands at the output.
        PlumblineError: as `interchange.importing.import_sequence_classifier`.
    """
    settings = _settings(run)
    require_transformers(run.path)
    refuse_foreign_folder(run.out, "model")
    refuse_other_model(run.out, run.task, known_axis(run.on))
    if Path(run.path).is_dir():
        refuse_output_among_inputs(run.out, [Path(run.path)])
    from plumbline.models.transformer.interchange.importing import ImportSettings, import_sequence_classifier

    imported = import_sequence_classifier(run.path, run.out, ImportSettings(**settings))
    return tuple(imported.model.heads), imported.notes


def _settings(run: ImportRun) -> dict[str, Any]:
    for option, value, known in (("--task", run.task, get_args(Task)), ("--template", run.template, TEMPLATES)):
        if value is not None and value not in known:
            raise unknown_name(option, value, known)
    return {
        "task": run.task,
        "axis": known_axis(run.on),
        "revision": run.revision,
        "template": run.template,
        "add_end_of_sequence": run.add_end_of_sequence,
        "max_tokens": run.max_tokens,
        "trust_remote_code": run.trust_remote_code,
        "terms": run.terms,
        "command": run.command,
    }
