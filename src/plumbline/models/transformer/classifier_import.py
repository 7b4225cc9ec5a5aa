"""A reward or moderation model that was trained elsewhere → a model folder of Plumbline with the same scores.

The other way is `interchange`, with what both have in common. What is not known of a model from elsewhere is said to be
unknown: calibration (scores are read as they are), training data and permitted uses, unless its folder has a manifest of
Plumbline.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from plumbline.lineage import FileEntry, FoundManifest, Manifest, StatedTerms
from plumbline.lineage.writing import MANIFEST_NAME
from plumbline.models.scored_model import UNSAFE, Task
from plumbline.models.transformer.backbone import Trunk, load_trunk, quiet
from plumbline.models.transformer.conversation_tokens import ConversationEncoder
from plumbline.models.transformer.interchange import (
    HOLDS,
    SAMPLE,
    TOLERANCE,
    largest_difference,
    no_classifier,
    unfaithful,
)
from plumbline.models.transformer.model import TransformerHead, TransformerModel
from plumbline.models.transformer.saving import SavedRun, save_transformer
from plumbline.models.transformer.scorer import Scorer, plain_inputs
from plumbline.models.transformer.settings import BackboneSettings, TokenSettings
from plumbline.models.transformer.trunk_identity import base_of
from plumbline.records import Axis, ModelError, SourceError, UsageError

_TASK_OF_LABEL: dict[str, Task] = {"reward": "preference", "cost": "cost"}
"""What exports call their one label, and what it means."""


@dataclass(frozen=True, slots=True)
class ImportSettings:
    """What a classifier's folder does not say.

    Attributes:
        task: what its score is: a reward, a cost, or the log-odds of labels of which one is called ``unsafe``.
        axis: of a preference model, what its reward is about.
        template: None takes the tokenizer's chat template where it has one, else "hh".
        add_end_of_sequence: put EOS behind what the template writes; most templates end a turn themselves.
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


def import_sequence_classifier(path: str, out: Path, settings: ImportSettings) -> TransformerModel:
    """Make a model folder of a classifier that ``AutoModelForSequenceClassification`` loads.

    Args:
        path: a folder or a hub id.
        out: the model's folder.
    Raises:
        SourceError: the model cannot be found.
        UsageError: a preference model without an axis; or the classifier says of itself that it is of another task or axis.
        ModelError: it is no linear layer on the last token of a causal model, its labels are not those of the task, or
            its scores could not be reproduced.
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
    export = _export_manifest(path, trunk.folder)
    classifier = _classifier(path, settings)
    _refuse_other_meaning(path, classifier, export.manifest if export else None, settings)
    labels = _labels(classifier, settings.task, path)
    model = _model(trunk, classifier, labels, backbone, settings)
    _check_scores(model, classifier, path)
    save_transformer(out, model, _run(path, out, model, settings, trunk.folder))
    return model


def _classifier(path: str, settings: ImportSettings) -> Any:
    from transformers import AutoModelForSequenceClassification

    with quiet():
        try:
            classifier: Any = AutoModelForSequenceClassification.from_pretrained(
                path,
                revision=settings.revision,
                trust_remote_code=settings.trust_remote_code,
                use_safetensors=True,
                dtype=torch.float32,
            )
        except ValueError as error:
            raise no_classifier(Path(path), type(error).__name__) from error
    if not isinstance(getattr(classifier, "score", None), nn.Linear):
        raise no_classifier(Path(path), type(classifier).__name__)
    return classifier.eval()


def _export_manifest(path: str, folder: Path) -> FoundManifest | None:
    """The manifest of a classifier that Plumbline exported, or of a model of its; on the hub others have such files too."""
    with suppress(*(() if Path(path).is_dir() else (SourceError,))):
        return FoundManifest.at(folder / MANIFEST_NAME)
    return None


def _refuse_other_meaning(path: str, classifier: Any, export: Manifest | None, settings: ImportSettings) -> None:
    """Refuse to read a reward as a cost, or a score on one axis as one on another, where the classifier says what it is.

    A reward read as a cost would call the better replies the more harmful.
    """
    said = export.configuration if export is not None and export.holds == HOLDS else {}
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
        return ["cost" if task == "cost" else "reward"]
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
    trunk: Trunk, classifier: Any, labels: Sequence[str], backbone: BackboneSettings, settings: ImportSettings
) -> TransformerModel:
    has_template = bool(getattr(trunk.tokenizer, "chat_template", None))
    template = settings.template or ("chat" if has_template else "hh")
    tokens = TokenSettings(settings.max_tokens, template, settings.add_end_of_sequence)
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
        base_of(backbone, trunk.folder),
    )


def _column(label: str, settings: ImportSettings) -> str:
    """The scorer's name of a head."""
    if settings.task == "preference":
        return f"reward:{settings.axis}"
    return label if label in ("cost", UNSAFE) else f"category:{label}"


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


def _run(path: str, out: Path, model: TransformerModel, settings: ImportSettings, folder: Path) -> SavedRun:
    found = _export_manifest(path, folder)
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
            "template": model.tokens.template,
            "add_end_of_sequence": settings.add_end_of_sequence,
        },
        inputs=[FileEntry.of(configuration)] if configuration.is_file() else [],
        parents=[found.digest] if found else [],
        uses=sorted(terms.uses),
        licence=terms.licence,
        uses_overridden=found is not None and found.manifest.uses_overridden,
    )
    name = out.resolve().name
    return SavedRun(manifest, name, False, {"imported": path}, _card(name, path, model), {})


def _card(name: str, path: str, model: TransformerModel) -> str:
    about = f"A {model.task} model" + (f" on {model.axis}" if model.axis else "")
    lines = [
        f"# {name}",
        "",
        f"{about}, imported from `{Path(path).name}`: trained elsewhere. Its scores are those it gave there.",
        "",
        "Nothing is known here of its data. It is not calibrated: probabilities read its scores as log-odds, and may be",
        "far from how often they come true. Measure it with `plumbline evaluate` before you rely on it.",
        "",
    ]
    return "\n".join(lines)
