"""Transformer models on disk; no pickle, and nothing that another tool could not read.

A folder holds the trunk as ``AutoModel.from_pretrained`` reads it (``config.json``, ``model.safetensors``), or for
low-rank adapters ``adapter/`` with the name, revision and digest of the trunk that they were trained on; the tokenizer's
files; ``heads.safetensors``, and ``ensemble.safetensors`` where there is one; ``model.json`` (how tokens are made, how
scores are read, digests of all of it), a card and a manifest.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel as Record
from pydantic import ConfigDict, JsonValue
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from plumbline.lineage import Manifest, file_digest, write_folder_aside
from plumbline.models.model_folder import (
    CARD_NAME,
    DESCRIPTION_NAME,
    FolderDescription,
    HeadReading,
    check_digests,
    damaged,
    described_run,
    read_description,
    reading_of,
)
from plumbline.models.rows.trained_rows import TrainedRows, write_trained_rows
from plumbline.models.transformer.frozen import ensemble_saving
from plumbline.models.transformer.frozen.layer_reading import reading_state, take_reading
from plumbline.models.transformer.model import BaseModel, ScoringSettings, TransformerHead, TransformerModel
from plumbline.models.transformer.scorer import Pooling, Scorer
from plumbline.models.transformer.self_check import trim_where_right
from plumbline.models.transformer.settings import BackboneSettings, TokenSettings
from plumbline.models.transformer.trunk.backbone import load_trunk, quiet
from plumbline.models.transformer.trunk.backbone_files import needs_code
from plumbline.models.transformer.trunk.conversation_tokens import ConversationEncoder
from plumbline.models.transformer.trunk.identity import HEADS_NAME, require_findable, require_same_weights
from plumbline.records import ModelError

KIND: Literal["transformer-model"] = "transformer-model"
ADAPTER_NAME = "adapter"


class _HeadDescription(HeadReading):
    column: str

    @property
    def read(self) -> TransformerHead:
        """The head as the model has it."""
        return TransformerHead(self.column, self.calibration, self.threshold, self.pair_calibration)


class _BaseDescription(Record):
    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    revision: str | None
    sha256: str | None


class _TokenDescription(Record):
    model_config = ConfigDict(extra="forbid", frozen=True)
    max_tokens: int | None
    template: Literal["hh", "chat"]
    add_end_of_sequence: bool


class TransformerDescription(FolderDescription):
    """``model.json``.

    Attributes:
        files: file → SHA-256, of weights, configuration and tokenizer: figures that name this description name them too.
        base: what the trunk started from.
        adapter: whether the folder holds low-rank adapters, and the trunk stands elsewhere.
        encoder: what the encoder of conversations says of itself; another one after loading is refused.
        layers: that the heads read, as likeness to the landmarks beside them; empty for the last layer as it is.
        columns: the heads of the scorer, in order; `heads` are those of the task, the main one first.
        ensemble: how the heads beside the main one are read; None where there are none.
    """

    plumbline: Literal["transformer-model"] = KIND
    files: dict[str, str]
    base: _BaseDescription
    adapter: bool
    pooling: Pooling
    padding_id: int
    end_of_sequence_id: int | None
    tokens: _TokenDescription
    encoder: dict[str, JsonValue]
    columns: tuple[str, ...]
    layers: tuple[int, ...] = ()
    heads: tuple[_HeadDescription, ...]
    ensemble: ensemble_saving.EnsembleDescription | None = None


@dataclass(frozen=True)
class SavedRun:
    """What is saved beside a model.

    Attributes:
        manifest: of the training run; its inputs and terms are repeated in the description.
        name: what people call the model.
        synthetic: whether it was trained on synthetic data.
        training: settings, figures and counts.
        card: Markdown.
        files: name → content of further files, such as the metrics of the training.
        trained_rows: so that evaluations can say which rows the model has seen; None where nothing tells.
    """

    manifest: Manifest
    name: str
    synthetic: bool
    training: dict[str, Any]
    card: str
    files: Mapping[str, bytes]
    trained_rows: TrainedRows | None = None


def save_transformer(
    folder: Path, model: TransformerModel, run: SavedRun, *, merge_adapter: bool = False, twin: Path | None = None
) -> None:
    """Write a model folder aside and rename it into place.

    Args:
        folder: new, empty, or an earlier model's.
        model: the model; with `merge_adapter` its trunk's adapters are worked into it, for good.
        run: card, manifest and figures.
        merge_adapter: write a whole trunk though only adapters were trained.
        twin: a folder that holds the same trunk as this model's: its weights are linked where that can be, all else is copied.
    Raises:
        WriteError: the disk is full or not writable; what stood there before stands there still.
    """
    is_adapter = hasattr(model.scorer.trunk, "peft_config") and not merge_adapter
    with write_folder_aside(folder, "model") as aside:
        if twin is None:
            _write_trunk(model.scorer.trunk, aside, is_adapter)
            model.tokenizer.save_pretrained(aside)
        else:
            _repeat_files(twin, aside)
        save_file({name: value.detach().cpu().contiguous() for name, value in _head_state(model)}, aside / HEADS_NAME)
        ensemble_saving.write_ensemble(aside, model.ensemble)
        files = {path.relative_to(aside).as_posix(): file_digest(path) for path in sorted(_files(aside))}
        described = _description(model, run, files, is_adapter=is_adapter)
        seen = write_trained_rows(aside, run.trained_rows)
        description = described.model_copy(update={"trained_rows_sha256": seen})
        (aside / DESCRIPTION_NAME).write_text(description.model_dump_json(indent=2) + "\n", encoding="utf-8")
        (aside / CARD_NAME).write_text(run.card, encoding="utf-8")
        for name, content in run.files.items():
            (aside / name).write_bytes(content)
        run.manifest.write(aside)


def _head_state(model: TransformerModel) -> Iterator[tuple[str, torch.Tensor]]:
    yield "weight", model.scorer.heads.weight
    yield "bias", model.scorer.heads.bias
    yield from reading_state(model.scorer.layer_reading)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def _write_trunk(trunk: Any, aside: Path, is_adapter: bool) -> None:
    with quiet():
        if not is_adapter:
            whole = trunk.merge_and_unload() if hasattr(trunk, "peft_config") else trunk
            whole.save_pretrained(aside)
            return
        trunk.save_pretrained(aside / ADAPTER_NAME, save_embedding_layers=False)
    (aside / ADAPTER_NAME / CARD_NAME).unlink(missing_ok=True)  # peft's own card; the model's stands above


def _repeat_files(twin: Path, aside: Path) -> None:
    """Trunk and tokenizer of another model. Weights are linked, which costs no room; all else is copied.

    A tool that writes into one of the folders changes its small files in place, and a link would carry that into all.
    """
    own = (HEADS_NAME, ensemble_saving.ENSEMBLE_NAME)
    for name in read_description(twin, TransformerDescription).files:
        if name in own:
            continue
        (aside / name).parent.mkdir(parents=True, exist_ok=True)
        if not (name.endswith(".safetensors") and _linked(twin / name, aside / name)):
            shutil.copyfile(twin / name, aside / name)


def _linked(source: Path, target: Path) -> bool:
    """Whether the file system took a link."""
    try:
        os.link(source, target)
    except OSError:
        return False
    return True


def _description(
    model: TransformerModel, run: SavedRun, files: dict[str, str], *, is_adapter: bool
) -> TransformerDescription:
    return TransformerDescription(
        name=run.name,
        task=model.task,
        axis=model.axis,
        synthetic=run.synthetic,
        training=run.training,
        files=files,
        base=_BaseDescription(**asdict(model.base)),
        adapter=is_adapter,
        pooling=model.scorer.pooling,
        padding_id=model.padding_id,
        end_of_sequence_id=model.tokenizer.eos_token_id,
        tokens=_TokenDescription(**asdict(model.tokens)),
        encoder=model.encoder.description(),
        columns=model.scorer.head_names,
        layers=() if model.scorer.layer_reading is None else model.scorer.layer_reading.layers,
        heads=tuple(
            _HeadDescription(column=head.column, **reading_of(name, head)) for name, head in model.heads.items()
        ),
        ensemble=ensemble_saving.EnsembleDescription.of(model.ensemble),
        **described_run(run.manifest),
    )


def load_transformer(
    folder: Path,
    *,
    scoring: ScoringSettings | None = None,
    device: str | None = None,
    trust_remote_code: bool = False,
    attention: Literal["auto", "blocks", "flex", "sdpa", "eager"] = "auto",
) -> tuple[TransformerModel, TransformerDescription]:
    """A saved model.

    Args:
        folder: as `save_transformer` wrote it.
        scoring: how scores are computed.
        device: like "cuda"; by default a GPU where there is one.
        trust_remote_code: run code that comes with the trunk.
        attention: as `BackboneSettings.attention`.
    Raises:
        SourceError: there is no model in the folder, or the trunk that its adapters need cannot be found.
        ModelError: it is damaged, changed since it was written, of another version, or its adapters were trained on
            another trunk than is found.
    """
    description = read_description(folder, TransformerDescription)
    check_digests(folder, (DESCRIPTION_NAME,))
    _check_files(folder, description)
    base = BaseModel(**description.base.model_dump())
    name, revision = _trunk_place(folder, description)
    if description.adapter:
        require_findable(base, folder)
    trunk = load_trunk(BackboneSettings(name, revision, trust_remote_code, attention, description.pooling))
    if description.adapter:
        require_same_weights(base, trunk.folder)
        model = _with_adapter(trunk.model, folder / ADAPTER_NAME)
        tokenizer = _own_tokenizer(folder, trust_remote_code=trust_remote_code)
    else:
        model, tokenizer = trunk.model, trunk.tokenizer
    tokens = TokenSettings(**description.tokens.model_dump())
    encoder = ConversationEncoder(tokenizer, tokens, trunk.positions)
    _check_encoder(folder, encoder, description)
    scorer = Scorer(model, description.columns, pooling=description.pooling)
    _load_heads(folder, scorer, description.layers)
    ensemble = ensemble_saving.read_ensemble(folder, description.ensemble, description.files, scorer.heads.in_features)
    scorer.to(device or ("cuda" if torch.cuda.is_available() else "cpu")).eval()
    trim_where_right(scorer, padding_id=description.padding_id)
    loaded = TransformerModel(
        description.task,
        description.axis,
        scorer,
        tokenizer,
        encoder,
        tokens,
        description.padding_id,
        {head.name: head.read for head in description.heads},
        base,
        scoring or ScoringSettings(),
        ensemble,
    )
    return loaded, description


def _trunk_place(folder: Path, description: TransformerDescription) -> tuple[str, str | None]:
    """Name and revision under which the trunk is found."""
    if description.adapter:
        return description.base.name, description.base.revision
    return str(folder), None


def _check_files(folder: Path, description: TransformerDescription) -> None:
    for name, sha256 in description.files.items():
        path = folder / name
        if not path.is_file():
            raise damaged(path, "no such file")
        if file_digest(path) != sha256:
            raise damaged(path, f"another digest than {DESCRIPTION_NAME} states")
    if len({head.name for head in description.heads}) != len(description.heads) or not description.heads:
        raise damaged(folder / DESCRIPTION_NAME, "heads that are missing or named twice")
    if not {head.column for head in description.heads} <= set(description.columns):
        raise damaged(folder / DESCRIPTION_NAME, "a head of a column that is not there")


def _with_adapter(trunk: nn.Module, folder: Path) -> nn.Module:
    from peft import PeftModel

    try:
        with quiet():
            model: nn.Module = PeftModel.from_pretrained(trunk, folder)
    except (ValueError, KeyError, RuntimeError, OSError) as error:
        raise damaged(folder, type(error).__name__) from error
    return model


def _own_tokenizer(folder: Path, *, trust_remote_code: bool) -> Any:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, trust_remote_code=trust_remote_code)
    except (ValueError, OSError) as error:
        if "trust_remote_code" in str(error):
            raise needs_code(BackboneSettings(str(folder)), "tokenizer_config.json") from error
        raise damaged(folder, f"a tokenizer that cannot be read ({type(error).__name__})") from error


def _check_encoder(folder: Path, encoder: ConversationEncoder, description: TransformerDescription) -> None:
    said, now = description.encoder, json.loads(json.dumps(encoder.description()))
    other = sorted(name for name in {*said, *now} if said.get(name) != now.get(name))
    if other:
        raise ModelError(
            "PL-MOD-005",
            str(folder),
            "conversations would become other tokens than in training",
            expected=f"the same {', '.join(other)} as {DESCRIPTION_NAME} states",
            advice="use the versions of transformers and plumbline that are named in its manifest.json",
        )


def _load_heads(folder: Path, scorer: Scorer, layers: tuple[int, ...]) -> None:
    path = folder / HEADS_NAME
    try:
        state = load_file(path)
        if layers:
            scorer.read_through(take_reading(layers, state))
        scorer.heads.load_state_dict(state)
    except (OSError, RuntimeError, KeyError, SafetensorError) as error:
        raise damaged(path, type(error).__name__) from error
    parts = [*scorer.heads.parameters(), *(scorer.layer_reading.buffers() if scorer.layer_reading else ())]
    if not all(bool(torch.isfinite(value).all()) for value in parts):
        raise damaged(path, "weights that are not finite")


def with_merged_adapter(model: TransformerModel) -> TransformerModel:
    """The model with its adapters worked into the trunk, which changes the trunk; the model itself where it has none."""
    trunk: Any = model.scorer.trunk
    if not hasattr(trunk, "peft_config"):
        return model
    scorer = Scorer(trunk.merge_and_unload(), model.scorer.head_names, pooling=model.scorer.pooling)
    scorer.heads.load_state_dict(model.scorer.heads.state_dict())
    return replace(model, scorer=scorer.eval())
