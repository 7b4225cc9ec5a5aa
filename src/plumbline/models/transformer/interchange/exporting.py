"""Models to ``AutoModelForSequenceClassification``, which other reward-model tools read; the way back is `importing`.

Covered: causal models, whose classifier is one linear layer on the last token that is no padding. What such a folder
cannot say is refused, never bent: encoders (their classifiers have layers of their own), and a bias where the classifier
has none and the zero of the score has a meaning. Every export and import is checked: both ways must give the same
scores, or nothing is written.

Beside the weights an export carries a chat template that writes conversations as the model read them, the end-of-sequence
token included, so that ``apply_chat_template`` gives other tools the same tokens. Where a long conversation is cut no
such folder can say: the export's manifest does (`manifest`), for an import here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from plumbline.lineage import write_folder_aside
from plumbline.models.model_folder import CARD_NAME
from plumbline.models.scored_model import Turns
from plumbline.models.transformer.interchange.manifest import HOLDS, export_manifest
from plumbline.models.transformer.interchange.template import same_tokens_template
from plumbline.models.transformer.model import TransformerHead, TransformerModel
from plumbline.models.transformer.saving import TransformerDescription, load_transformer, with_merged_adapter
from plumbline.models.transformer.scorer import plain_inputs
from plumbline.models.transformer.trunk.backbone import quiet
from plumbline.models.tree_batch import Integers
from plumbline.records import ModelError, Role, UsageError

_OTHER_ARCHITECTURE = "score with it here: plumbline score; or train another architecture, such as Llama or Qwen2"
TOLERANCE = 1e-4
"""Largest difference between our scores and the classifier's, relative where scores are above 1."""

SAMPLE: tuple[Turns, ...] = (
    [(Role.HUMAN, "What is it?"), (Role.ASSISTANT, "A hill.")],
    [(Role.HUMAN, "Hi"), (Role.ASSISTANT, "Yes?"), (Role.HUMAN, "Name\ntwo."), (Role.ASSISTANT, " Red, blue. ")],
)
"""Conversations on which both ways are compared; of different lengths, so that padding takes part."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export came to.

    Attributes:
        labels: the classifier's labels, in order.
        largest_difference: between both ways on sample conversations; of a reward, whose zero means nothing, a bias that was dropped aside.
        has_template: the tokenizer carries a chat template that gives the tokens that the model was trained on.
        notes: what a user of the folder should know, a sentence each.
    """

    labels: tuple[str, ...]
    largest_difference: float
    has_template: bool
    notes: tuple[str, ...]


def export_sequence_classifier(
    model_folder: Path, out: Path, head: str | None = None, *, command: Sequence[str] = ()
) -> Exported:
    """Write a folder that ``AutoModelForSequenceClassification.from_pretrained(out)`` loads.

    Args:
        model_folder: of a transformer model; adapters are worked into the trunk.
        out: new, empty, or an earlier export's.
        head: one of the model's heads; by default its reward or cost, or all labels of a moderation model.
        command: for the manifest.
    Raises:
        UsageError: there is no such head.
        ModelError: the classifier of this architecture cannot say what the model says.
    """
    model, description = load_transformer(model_folder, device="cpu", attention="sdpa")
    chosen = _chosen_heads(model, head)
    model = with_merged_adapter(model)
    _refuse_encoders(model, model_folder)
    sequences = model.encoder.encode(SAMPLE).sequences
    expected = _scores(model, chosen, sequences)
    with quiet():
        classifier = _classifier_of(model, list(chosen), model_folder)
        dropped = _set_weights(classifier, model, chosen, model_folder)
        padding = _padding_apart(model, classifier)
        template = same_tokens_template(model.encoder, model.tokenizer, model.tokens, SAMPLE)
        if template is not None:
            model.tokenizer.chat_template = template
        difference = largest_difference(classifier, sequences, expected - dropped, padding.token_id)
        if not difference < TOLERANCE:
            raise unfaithful(model_folder, difference)
        exported = Exported(
            tuple(chosen), difference, template is not None, _notes(model, dropped, template, padding.note)
        )
        with write_folder_aside(out, HOLDS) as aside:
            classifier.save_pretrained(aside)
            model.tokenizer.save_pretrained(aside)
            (aside / CARD_NAME).write_text(_card(description, exported), encoding="utf-8")
            manifest = export_manifest(model_folder, model, description, exported.labels)
            manifest.model_copy(update={"command": list(command)}).write(aside)
    return exported


def _chosen_heads(model: TransformerModel, head: str | None) -> dict[str, TransformerHead]:
    """The heads that are exported, by label."""
    if head is None:
        return model.heads if model.task == "moderation" else dict(list(model.heads.items())[:1])
    if head not in model.heads:
        raise UsageError(
            "PL-XCH-001",
            "--head",
            "the model has no such head",
            expected=f"one of {', '.join(model.heads)}",
            advice="leave --head out for the model's own",
        )
    return {head: model.heads[head]}


def _refuse_encoders(model: TransformerModel, place: Path) -> None:
    if model.scorer.pooling != "last":
        raise ModelError(
            "PL-XCH-002",
            str(place),
            "the classifier of an encoder has layers between the hidden states and the score that this model has not",
            expected="a causal model, whose heads read the last token",
            found=f"heads that read the {model.scorer.pooling} of {type(model.scorer.trunk).__name__}",
            advice="score with it here: plumbline score; or train a causal model for other tools",
        )


def _classifier_of(model: TransformerModel, labels: Sequence[str], place: Path) -> Any:
    """The architecture's classifier around the model's own trunk; its head is still to be set."""
    from transformers import AutoModelForSequenceClassification

    trunk: Any = model.scorer.trunk
    config = type(trunk.config).from_dict(trunk.config.to_dict())
    config.num_labels = len(labels)
    config.id2label, config.label2id = dict(enumerate(labels)), {label: n for n, label in enumerate(labels)}
    config.problem_type = "multi_label_classification" if model.task == "moderation" else "regression"
    try:
        with torch.device("meta"):  # only the architecture: the trunk is put in as it is
            classifier: Any = AutoModelForSequenceClassification.from_config(config)  # type: ignore[no-untyped-call]  # untyped there
    except ValueError as error:
        raise no_classifier(place, type(trunk).__name__, _OTHER_ARCHITECTURE) from error
    prefix = classifier.base_model_prefix
    if type(getattr(classifier, prefix, None)) is not type(trunk) or not isinstance(
        getattr(classifier, "score", None), nn.Linear
    ):
        raise no_classifier(place, type(trunk).__name__, _OTHER_ARCHITECTURE)
    setattr(classifier, prefix, trunk)
    return classifier.eval()


def no_classifier(place: Path, architecture: str, advice: str) -> ModelError:
    """The error where an architecture's classifier is none of the kind that models are carried over to and from."""
    return ModelError(
        "PL-XCH-003",
        str(place),
        "transformers has no classifier for this architecture that is one linear layer on the last token",
        found=architecture,
        advice=advice,
    )


def _set_weights(classifier: Any, model: TransformerModel, chosen: dict[str, TransformerHead], place: Path) -> float:
    """Give the classifier the heads' weights.

    Returns:
        What its scores are lower by than the model's.
    """
    rows = [model.scorer.head_names.index(head.column) for head in chosen.values()]
    weight, bias = (values.detach()[rows].float() for values in (model.scorer.heads.weight, model.scorer.heads.bias))
    has_bias = classifier.score.bias is not None
    score = nn.Linear(weight.shape[1], len(rows), bias=has_bias)
    score.weight = nn.Parameter(weight.clone())
    classifier.score = score
    if has_bias:
        score.bias = nn.Parameter(bias.clone())
        return 0.0
    if not bool(bias.any()) or _fold_bias(model.scorer.trunk, weight, bias):
        return 0.0
    if model.task == "preference":
        return float(bias[0])
    raise ModelError(
        "PL-XCH-004",
        str(place),
        "the head has a bias, the architecture's classifier has none, and the zero of this score has a meaning",
        found=f"a bias of {float(bias.abs().max()):.3g}",
        advice="score with it here: plumbline score; or fine-tune the trunk (without --frozen), which needs no bias",
    )


def _fold_bias(trunk: nn.Module, weight: Tensor, bias: Tensor) -> bool:
    """Work the bias into that of the trunk's last normalisation, where it has one.

    With the smallest change d for which weight · d = bias, every score is what it was with a bias of its own.
    """
    norms = [part for part in trunk.children() if isinstance(part, nn.LayerNorm)]
    last: Tensor | None = norms[-1].bias if norms else None
    if last is None or int(torch.linalg.matrix_rank(weight)) < len(weight):
        return False
    with torch.no_grad():
        last.add_((torch.linalg.pinv(weight.double()) @ bias.double()).to(last.dtype))
    return True


@dataclass(frozen=True, slots=True)
class _Padding:
    token_id: int
    note: str | None


def _padding_apart(model: TransformerModel, classifier: Any) -> _Padding:
    """A padding token that no sequence ends with: the classifier reads the last token that is no padding.

    Where the end-of-sequence token is also the padding it would be passed over. Another special token takes its place;
    it need not be one that never occurs, only one that never stands last.
    """
    tokenizer, note = model.tokenizer, None
    end, rows = tokenizer.eos_token_id, classifier.get_input_embeddings().num_embeddings
    own = tokenizer.pad_token_id
    if own is None or own == end or own >= rows:
        others = [tokenizer.unk_token, tokenizer.bos_token, *tokenizer.all_special_tokens]
        ids = {token: tokenizer.convert_tokens_to_ids(token) for token in others if token is not None}
        found = next((token for token, number in ids.items() if number not in (None, end) and number < rows), None)
        if found is None:
            tokenizer.add_special_tokens({"pad_token": "<|padding|>"})
            note = "A padding token of its own, <|padding|>, was added: the model had none but the end of sequence."
            if tokenizer.pad_token_id >= rows:
                with torch.no_grad():
                    classifier.resize_token_embeddings(tokenizer.pad_token_id + 1, mean_resizing=False)
        else:
            tokenizer.pad_token = found
            note = f"{found} fills rows up: classifiers read the last token that is no padding, which the end must be."
    tokenizer.padding_side = "right"
    tokenizer.model_max_length, tokenizer.truncation_side = model.encoder.max_tokens, "left"
    classifier.config.get_text_config().pad_token_id = classifier.config.pad_token_id = tokenizer.pad_token_id
    return _Padding(tokenizer.pad_token_id, note)


@torch.no_grad()
def _scores(model: TransformerModel, chosen: dict[str, TransformerHead], sequences: Sequence[Integers]) -> Tensor:
    """The model's scores of sequences, each computed by itself, shape (n, heads)."""
    columns = [model.scorer.head_names.index(head.column) for head in chosen.values()]
    alone = [plain_inputs([sequence], padding_id=model.padding_id) for sequence in sequences]
    return torch.cat([model.scorer(inputs, last_layer_whole=True)[:, columns] for inputs in alone])


@torch.no_grad()
def largest_difference(classifier: Any, sequences: Sequence[Integers], expected: Tensor, padding_id: int) -> float:
    """Between scores expected and those of a classifier, computed in one padded batch; relative where they are above 1."""
    inputs = plain_inputs(sequences, padding_id=padding_id)
    found = classifier(input_ids=inputs.tokens, attention_mask=inputs.is_token.long()).logits.float()
    return float(((found - expected).abs() / expected.abs().clamp(min=1)).max())


def unfaithful(place: Path, difference: float) -> ModelError:
    """The error where both ways give different scores."""
    return ModelError(
        "PL-XCH-005",
        str(place),
        "the classifier of transformers gives other scores with these weights",
        expected=f"a difference below {TOLERANCE:g}",
        found=f"{difference:.2g}",
        advice="score with the model where it was trained; this architecture cannot be carried over faithfully",
    )


def _notes(model: TransformerModel, dropped: float, template: str | None, padding: str | None) -> tuple[str, ...]:
    notes = [padding] if padding else []
    if dropped:
        notes.append(
            f"Scores are lower by {dropped:.6g} than Plumbline's: the classifier has no bias. Differences are the same."
        )
    if template is None:
        notes.append("The tokenizer carries no template: write conversations as `tokens.template` of model.json says.")
    else:
        notes.append("apply_chat_template gives the model's own tokens; add no further special tokens to its text.")
    notes.append(
        f"Conversations of more than {model.encoder.max_tokens:,} tokens lose whole turns, the oldest first; where other "
        "tools cut within a turn, or not at all, they give such conversations other scores."
    )
    return tuple(notes)


def _card(description: TransformerDescription, exported: Exported) -> str:
    """The card of an export: short, it names the model that it came from."""
    stated: Any = description.terms.get("uses") or []
    uses = ", ".join(map(str, stated)) or "none"
    lines = [
        f"# {description.name}",
        "",
        f"A {description.task} model of Plumbline as a sequence classifier. Labels: {', '.join(exported.labels)}.",
        "Scores are not calibrated here; calibration and figures stand in the model it was made from.",
        "",
        *(f"- {note}" for note in exported.notes),
        "",
        f"The data permit: {uses}. Licence of the data: {description.terms.get('licence')}.",
        "",
    ]
    return "\n".join(lines)
