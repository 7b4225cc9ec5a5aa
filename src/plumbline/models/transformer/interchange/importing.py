"""A reward or moderation model that was trained elsewhere → a model folder of Plumbline with the same scores.

The other way is `exporting`, with what both have in common. What is not known of a model from elsewhere is said to be
unknown: calibration (scores are read as they are), training data and permitted uses, unless its folder has a manifest of
Plumbline. An export whose manifest and files are as they were written reads conversations as its model did.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from plumbline.lineage import FileEntry, Manifest, StatedTerms, Terms
from plumbline.models.scored_model import UNSAFE, Task
from plumbline.models.transformer.examples.head_names import COST, category_head, reward_head
from plumbline.models.transformer.interchange.exporting import (
    SAMPLE,
    TOLERANCE,
    largest_difference,
    no_classifier,
    unfaithful,
)
from plumbline.models.transformer.interchange.manifest import FoundExport
from plumbline.models.transformer.model import BaseModel, TransformerHead, TransformerModel
from plumbline.models.transformer.saving import SavedRun, save_transformer
from plumbline.models.transformer.scorer import Scorer, plain_inputs
from plumbline.models.transformer.settings import BackboneSettings, TokenSettings
from plumbline.models.transformer.trunk.backbone import Trunk, load_trunk, quiet
from plumbline.models.transformer.trunk.conversation_tokens import LEAST_TOKENS, MOST_TOKENS, ConversationEncoder
from plumbline.models.transformer.trunk.identity import base_of
from plumbline.records import Axis, ModelError, UsageError

_TASK_OF_LABEL: dict[str, Task] = {"reward": "preference", "cost": "cost"}
"""What exports call their one label, and what it means."""


@dataclass(frozen=True, slots=True)
class ImportSettings:
    """What a classifier's folder does not say.

    Attributes:
        task: what its score is: a reward, a cost, or the log-odds of labels of which one is called ``unsafe``.
        axis: of a preference model, what its reward is about.
        template: None takes that of the model which an export was made of; else the tokenizer's chat template where it
            has one, else "hh".
        add_end_of_sequence: put EOS behind what the template writes; most templates end a turn themselves.
        max_tokens: None takes that of the model which an export was made of; else the tokenizer's `model_max_length`
            where that is less than the model's positions allow, else these.
        terms: what its data permitted, as far as it is known.
        command: for the manifest.
    """

    task: Task = "preference"
    axis: Axis | None = None
    revision: str | None = None
    template: Literal["hh", "chat"] | None = None
    add_end_of_sequence: bool = False
    max_tokens: int | None = None
    trust_remote_code: bool = False
    terms: StatedTerms = field(default_factory=StatedTerms)
    command: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import came to.

    Attributes:
        notes: how conversations are read, and what else a user should know, a sentence each.
    """

    model: TransformerModel
    notes: tuple[str, ...]


def import_sequence_classifier(path: str, out: Path, settings: ImportSettings) -> Imported:
    """Make a model folder of a classifier that ``AutoModelForSequenceClassification`` loads.

    Args:
        path: a folder or a hub id.
        out: the model's folder.
    Raises:
        SourceError: the model cannot be found.
        UsageError: a preference model without an axis; or the classifier says of itself that it is of another task or axis.
        ModelError: it is no linear layer on the last token of a causal model, its labels are not those of the task, its
            scores could not be reproduced, or an export's conversations would become other tokens than they were.
    """
    if (settings.axis is None) == (settings.task == "preference"):
        raise UsageError(
            "PL-XCH-006",
            "--on",
            "a reward is about one axis" if settings.axis is None else "only a reward is about an axis",
            expected="the axis on which a higher score is better: " + ", ".join(Axis),
            advice=f"--on {Axis.OVERALL}, where the model judges everything at once"
            if not settings.axis
            else "no --on",
        )
    backbone = BackboneSettings(path, settings.revision, settings.trust_remote_code, "sdpa", "last")
    trunk = load_trunk(backbone)
    export = FoundExport.at(path, trunk.folder)
    classifier = _classifier(path, settings)
    _refuse_other_meaning(path, classifier, export, settings)
    labels = _labels(classifier, settings.task, path)
    tokens, notes = _tokens(trunk, export, settings)
    model = _model(trunk, classifier, labels, tokens, base_of(backbone, trunk.folder), settings)
    _refuse_other_tokens(path, model, export)
    _check_scores(model, classifier, path)
    imported = Imported(model, notes)
    save_transformer(out, imported.model, _run(path, out, imported, settings, trunk.folder, export))
    return imported


def _classifier(path: str, settings: ImportSettings) -> Any:
    from transformers import AutoModelForSequenceClassification

    classifier: Any
    advice = f"train heads on it: plumbline train {settings.task} SOURCE --model {path} --frozen -o MODEL"
    with quiet():
        try:
            classifier, report = AutoModelForSequenceClassification.from_pretrained(
                path,
                revision=settings.revision,
                trust_remote_code=settings.trust_remote_code,
                use_safetensors=True,
                dtype=torch.float32,
                output_loading_info=True,
            )
        except ValueError as error:
            raise no_classifier(Path(path), type(error).__name__, advice) from error
    if not isinstance(getattr(classifier, "score", None), nn.Linear):
        raise no_classifier(Path(path), type(classifier).__name__, advice)
    if any(name.startswith("score.") for name in report["missing_keys"]):  # transformers would make them up
        raise no_classifier(Path(path), f"{type(classifier).__name__} without the weights of its last layer", advice)
    return classifier.eval()


def _tokens(
    trunk: Trunk, export: FoundExport | None, settings: ImportSettings
) -> tuple[TokenSettings, tuple[str, ...]]:
    """How conversations are read, and a sentence that says so."""
    stated = export.tokens if export else None
    has_template = bool(getattr(trunk.tokenizer, "chat_template", None))
    template = settings.template or (stated.template if stated else "chat" if has_template else "hh")
    is_stated = stated is not None and template == stated.template
    ended = settings.add_end_of_sequence or (is_stated and stated is not None and stated.add_end_of_sequence)
    limit, why = _limit(trunk, stated, settings)
    tokens = TokenSettings(limit, template, ended)
    notes = [f"Conversations are written by the template {template} and cut at {limit:,} tokens: {why}."]
    if stated is not None and tokens != stated:
        notes.append(
            f"The model read them by {stated.template}, {stated.max_tokens:,} tokens: its scores may be others here."
        )
    if export is not None and export.changed:
        notes.append(
            f"Files of this export were changed since it was written ({len(export.changed)}, the first of them "
            f"{export.changed[0]}): what its manifest says of how conversations are read was not used."
        )
    return tokens, tuple(notes)


def _limit(trunk: Trunk, stated: TokenSettings | None, settings: ImportSettings) -> tuple[int, str]:
    """The longest sequence, and who says so."""
    if settings.max_tokens is not None:
        return settings.max_tokens, "as asked for"
    if stated is not None and stated.max_tokens is not None:
        return stated.max_tokens, "the manifest of the export says so"
    most = min(trunk.positions or MOST_TOKENS, MOST_TOKENS)
    own = trunk.tokenizer.model_max_length  # a huge number where nobody said
    if LEAST_TOKENS <= own < most:
        return int(own), "the tokenizer's model_max_length says so"
    return most, "the model's positions allow so many" if most == trunk.positions else "nobody says how many"


def _refuse_other_tokens(path: str, model: TransformerModel, export: FoundExport | None) -> None:
    """Refuse an export whose conversations would not become the tokens that they were where nothing else was asked for."""
    if export is None or export.tokens != model.tokens:
        return
    other = export.differences(model.encoder)
    if other:
        raise ModelError(
            "PL-MOD-005",
            path,
            "conversations would become other tokens than in training",
            expected=f"the same {', '.join(other)} as the export's manifest states",
            advice="use the versions of transformers and plumbline that are named there; or, where other scores will do, "
            "take the manifest away",
        )


def _refuse_other_meaning(path: str, classifier: Any, export: FoundExport | None, settings: ImportSettings) -> None:
    """Refuse to read a reward as a cost, or a score on one axis as one on another, where the classifier says what it is.

    A reward read as a cost would call the better replies the more harmful.
    """
    said = export.said if export else {}
    labels = [str(label) for label in classifier.config.id2label.values()]
    task = said.get("task") or (_TASK_OF_LABEL.get(labels[0]) if len(labels) == 1 else None)
    axis = said.get("axis")
    other_axis = axis is not None and settings.axis is not None and axis != settings.axis
    if task is None or (task == settings.task and not other_axis):
        return
    asked = f"{settings.task} ({settings.axis})" if settings.axis else settings.task
    raise UsageError(
        "PL-XCH-009",
        path,
        "the classifier is of another task or axis than it is imported as",
        expected=f"a {asked} model",
        found=f"a {task} model" + (f" on {axis}" if axis else ""),
        advice=f"--task {task}" + (f" --on {axis}" if axis else ""),
    )


def _labels(classifier: Any, task: Task, path: str) -> list[str]:
    """Names of the heads within the task, in the classifier's order."""
    found = [classifier.config.id2label[number] for number in range(classifier.config.num_labels)]
    one_of_many = classifier.config.problem_type == "single_label_classification" and len(found) > 1
    if task != "moderation" and len(found) == 1:
        return [COST if task == "cost" else "reward"]
    if task == "moderation" and UNSAFE in found and not one_of_many:
        return found
    raise ModelError(
        "PL-XCH-007",
        path,
        f"its labels are not those of a {task} model",
        expected=f"labels that apply each by itself, one of them {UNSAFE}" if task == "moderation" else "one score",
        found=f"{len(found)} labels" + (", of which one applies" if one_of_many else ""),
        advice="name another --task; or rename the label in config.json's id2label where it means any harm",
    )


def _model(
    trunk: Trunk,
    classifier: Any,
    labels: Sequence[str],
    tokens: TokenSettings,
    base: BaseModel,
    settings: ImportSettings,
) -> TransformerModel:
    columns = [_column(label, settings) for label in labels]
    scorer = Scorer(trunk.model, columns, pooling=trunk.pooling).eval()
    with torch.no_grad():
        scorer.heads.weight.copy_(classifier.score.weight)
        if classifier.score.bias is not None:
            scorer.heads.bias.copy_(classifier.score.bias)
    main_first = sorted(zip(labels, columns, strict=True), key=lambda pair: pair[0] != UNSAFE)
    decides = None if settings.task == "preference" else 0.5
    return TransformerModel(
        settings.task,
        settings.axis,
        scorer,
        trunk.tokenizer,
        ConversationEncoder(trunk.tokenizer, tokens, trunk.positions),
        tokens,
        trunk.padding_id,
        {label: TransformerHead(column, threshold=decides) for label, column in main_first},
        base,
    )


def _column(label: str, settings: ImportSettings) -> str:
    """The scorer's name of a head."""
    if settings.axis is not None:
        return reward_head(settings.axis)
    return label if label in (COST, UNSAFE) else category_head(label)


@torch.no_grad()
def _check_scores(model: TransformerModel, classifier: Any, path: str) -> None:
    """Refuse a classifier that reads elsewhere: one whose padding is the token that sequences end with, say."""
    sequences = model.encoder.encode(SAMPLE).sequences
    alone = [plain_inputs([sequence], padding_id=model.padding_id) for sequence in sequences]
    ours = [model.scorer(inputs, last_layer_whole=True) for inputs in alone]
    differences = [
        largest_difference(classifier, [sequence], scores, model.padding_id)
        for sequence, scores in zip(sequences, ours, strict=True)
    ]
    if not max(differences) < TOLERANCE:
        raise unfaithful(Path(path), max(differences))


def _run(
    path: str, out: Path, imported: Imported, settings: ImportSettings, folder: Path, export: FoundExport | None
) -> SavedRun:
    found, tokens = export.found if export else None, imported.model.tokens
    carried = [found.manifest.terms] if found and found.manifest.terms else []
    terms = settings.terms.applied(carried, None)
    configuration = folder / "config.json"
    manifest = Manifest(
        holds="model",
        command=list(settings.command),
        configuration={
            "imported": path,
            "revision": settings.revision,
            "task": settings.task,
            "template": tokens.template,
            "add_end_of_sequence": tokens.add_end_of_sequence,
            "max_tokens": tokens.max_tokens,
        },
        inputs=[FileEntry.of(configuration)] if configuration.is_file() else [],
        parents=[found.digest] if found else [],
        uses=sorted(terms.uses),
        licence=terms.licence,
        uses_overridden=found is not None and found.manifest.uses_overridden,
    )
    name, synthetic = out.resolve().name, export is not None and export.said.get("synthetic") is True
    card = _card(name, path, imported, export, terms)
    return SavedRun(manifest, name, synthetic, {"imported": path}, card, {})


def _card(name: str, path: str, imported: Imported, export: FoundExport | None, terms: Terms) -> str:
    model = imported.model
    about = f"A {model.task} model" + (f" on {model.axis}" if model.axis else "")
    lines = [
        f"# {name}",
        "",
        f"{about}, imported from `{Path(path).name}`: {_origin(export)} Its scores are those it gave there.",
        "",
        *(f"- {note}" for note in imported.notes),
        "",
        _told_terms(terms, is_known=export is not None),
        "",
        "It is not calibrated: probabilities read its scores as log-odds, and may be far from how often they come true.",
        "Measure it with `plumbline evaluate` before you rely on it.",
        "",
    ]
    return "\n".join(lines)


def _origin(export: FoundExport | None) -> str:
    """Where a model comes from, as far as its manifest says."""
    if export is None:
        return "trained elsewhere."
    which = f"of manifest `{export.found.digest[:12]}`"
    if not export.is_export:
        return f"a {export.found.manifest.holds} folder of Plumbline, {which}."
    of_model = "".join(f", whose manifest is `{digest[:12]}`" for digest in export.found.manifest.parents[:1])
    changed = "" if not export.changed else " Files of it were changed since, nobody knows how."
    data = " Its data are synthetic." if export.said.get("synthetic") is True else ""
    task, axis = export.said.get("task"), export.said.get("axis")
    told = f"{task} model" + (f" on {axis}" if axis else "")
    return f"an export, {which}, of the {told} `{export.said.get('model_json')}` of Plumbline{of_model}.{data}{changed}"


def _told_terms(terms: Terms, *, is_known: bool) -> str:
    uses = ", ".join(use.value for use in sorted(terms.uses)) or "none"
    said = f"Uses that are permitted: {uses}. Licence of the data: {terms.licence}."
    return said if is_known else f"Nothing is known here of its data but what was said on import. {said}"
