"""The trunk: any causal or encoder model of transformers, by path or hub id, with its tokenizer.

Whatever could be decided either way is decided here and said: `Trunk.notes` goes into the manifest. Nothing is resized
and nothing is made up: weights or tokens that do not fit are errors.

Not covered: encoder-decoder models, models of images or sound, quantised weights.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import nn

from plumbline.models.transformer.attention import block_attention
from plumbline.models.transformer.scorer import Pooling
from plumbline.models.transformer.settings import BackboneSettings, LoraSettings
from plumbline.models.transformer.trunk.backbone_files import (
    bad_tokenizer,
    model_folder,
    needs_code,
    read_configuration,
)
from plumbline.records import ModelError, UsageError

_ATTENTIONS: dict[str, tuple[str, ...]] = {
    "blocks": (block_attention.NAME, "sdpa", "eager"),
    "flex": ("flex_attention", "sdpa", "eager"),
    "sdpa": ("sdpa", "eager"),
    "eager": ("eager",),
}
"""What transformers calls each attention, and what is taken where the architecture lacks it."""

_ALIBI = {"bloom", "mpt"}


@dataclass(frozen=True, slots=True)
class Trunk:
    """A model without its head.

    Attributes:
        model: gives ``last_hidden_state``; weights in 32 bits, on the processor, in evaluation mode. With LoRA a
            `peft.PeftModel` of which only the adapters train.
        tokenizer: that of the model, unchanged.
        is_causal: a token sees only what stands before it; found by asking the model.
        pooling: what the heads read.
        positions: how many tokens a sequence may have; None where the architecture sets no limit.
        padding_id: of the token that fills rows up; never attended to.
        notes: what was decided where the model left a choice, a sentence each.
        folder: that it was loaded from; of a hub id the snapshot in the client's cache.
    """

    model: nn.Module
    tokenizer: Any
    is_causal: bool
    pooling: Pooling
    positions: int | None
    padding_id: int
    notes: tuple[str, ...]
    folder: Path


def load_trunk(settings: BackboneSettings) -> Trunk:
    """Load a model and its tokenizer.

    Raises:
        SourceError: it cannot be found or fetched.
        ModelError: it is damaged, incomplete, or of a kind that cannot carry heads.
        UsageError: it needs code of its own, or a setting does not fit it.
    """
    folder = model_folder(settings)
    configuration = read_configuration(folder, settings)
    if configuration.get("is_encoder_decoder"):
        raise _encoder_decoder(settings)
    notes: list[str] = []
    with quiet():
        tokenizer = _load_tokenizer(folder, settings)
        model = _load_model(folder, configuration, settings)
        if isinstance(getattr(model, "pooler", None), nn.Module):
            model.pooler = None  # nobody reads it, and weights without a gradient stop distributed training
            notes.append("The model's own pooler is left out: the heads read the hidden states.")
        rows = _embedded_tokens(model, settings)
        _check_ids(tokenizer, rows, settings, notes)
        is_causal = _is_causal(model, rows, settings)
        pooling = _pooling(settings, is_causal, notes)
        _set_attention(model, settings, trees=is_causal and pooling == "last", notes=notes)
        positions = _positions(model)
        trunk = model if settings.lora is None else with_adapters(model, settings.lora, settings.name)
    padding_id = _padding(tokenizer, rows, notes)
    _note_end(tokenizer, is_causal, notes)
    limit = "no limit" if positions is None else f"{positions} tokens"
    notes.append(f"The model's positions set {limit} to a sequence.")
    return Trunk(trunk, tokenizer, is_causal, pooling, positions, padding_id, tuple(notes), folder)


@contextmanager
def quiet() -> Iterator[None]:
    """Without the progress bars and reports of transformers; what matters of them is checked here and raised."""
    from transformers import utils

    logging: Any = utils.logging
    verbosity, had_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # what the libraries will rename is theirs to mend
            yield
    finally:
        logging.set_verbosity(verbosity)
        if had_bars:
            logging.enable_progress_bar()


def _load_tokenizer(folder: Path, settings: BackboneSettings) -> Any:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, trust_remote_code=settings.trust_remote_code)
    except Exception as error:  # the library raises whatever its parsers raise
        if "trust_remote_code" in str(error):
            raise needs_code(settings, "tokenizer_config.json") from error
        raise bad_tokenizer(settings, "the tokenizer cannot be read", type(error).__name__) from error


def _load_model(folder: Path, configuration: Mapping[str, Any], settings: BackboneSettings) -> Any:
    """The model with every weight from the folder."""
    from safetensors import SafetensorError
    from transformers import AutoConfig, AutoModel

    trust = settings.trust_remote_code
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=trust)
    except (ValueError, KeyError, OSError, ImportError) as error:
        if "trust_remote_code" in str(error):
            raise needs_code(settings, "config.json") from error
        raise _unknown_architecture(settings, str(configuration.get("model_type"))) from error
    if getattr(config, "is_encoder_decoder", False):
        raise _encoder_decoder(settings)
    try:
        model, report = AutoModel.from_pretrained(
            folder,
            config=config,
            trust_remote_code=trust,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
    except (SafetensorError, OSError, RuntimeError) as error:
        raise _damaged(settings, f"{type(error).__name__} while reading them") from error
    except (ValueError, KeyError, ImportError) as error:
        if "trust_remote_code" in str(error):
            raise needs_code(settings, "config.json") from error
        raise _unknown_architecture(settings, str(config.model_type)) from error
    missing = sorted(name for name in report["missing_keys"] if not name.startswith("pooler."))
    if missing:
        raise _damaged(settings, f"{len(missing)} weights missing, the first of them {missing[0]}")
    return model.eval()


def _damaged(settings: BackboneSettings, found: str) -> ModelError:
    return ModelError(
        "PL-BBN-013",
        settings.name,
        "the weights are damaged, incomplete or of another configuration",
        expected="every weight that config.json calls for",
        found=found,
        advice="fetch the model again; config.json and the weights must come from one save",
    )


def _unknown_architecture(settings: BackboneSettings, model_type: str) -> ModelError:
    import transformers

    return ModelError(
        "PL-BBN-011",
        settings.name,
        f"transformers {transformers.__version__} has no trunk for this architecture",
        expected="a causal or encoder model that AutoModel knows",
        found=f"model_type {model_type}",
        advice="update transformers, or take another model",
    )


def _encoder_decoder(settings: BackboneSettings) -> ModelError:
    return ModelError(
        "PL-BBN-012",
        settings.name,
        "encoder-decoder models have no one sequence of hidden states for the heads to read",
        expected="a causal model (Llama, Qwen, GPT-2 …) or an encoder (BERT, RoBERTa, ModernBERT …)",
        found="is_encoder_decoder in config.json",
        advice="take another model",
    )


def _embedded_tokens(model: Any, settings: BackboneSettings) -> int:
    """How many token ids the model knows."""
    embeddings = model.get_input_embeddings()
    if not isinstance(embeddings, nn.Embedding):
        raise _no_text_model(settings, f"embeddings of kind {type(embeddings).__name__}")
    return embeddings.num_embeddings


def _no_text_model(settings: BackboneSettings, found: str) -> ModelError:
    return ModelError(
        "PL-BBN-014",
        settings.name,
        "the model gives no hidden states for token ids",
        expected="a model of text",
        found=found,
        advice="take a causal language model or an encoder",
    )


def _check_ids(tokenizer: Any, rows: int, settings: BackboneSettings, notes: list[str]) -> None:
    """Every id that a text can have must have an embedding; a mere padding token need not."""
    unembedded = {token for token, number in tokenizer.get_vocab().items() if number >= rows}
    if unembedded - {tokenizer.pad_token}:
        raise ModelError(
            "PL-BBN-015",
            settings.name,
            "the tokenizer knows tokens that the model has no embedding for",
            expected=f"ids below {rows:,}",
            found=f"{len(unembedded):,} at or above it",
            advice="take the tokenizer that the model was trained with; embeddings are never resized silently",
        )
    if unembedded:
        notes.append("The tokenizer's pad token has no embedding and is not used.")


@torch.no_grad()
def _is_causal(model: Any, rows: int, settings: BackboneSettings) -> bool:
    """Whether the first token is blind to the last: the model is asked, since no list of names can be complete."""
    one = torch.arange(4)[None] + max(rows // 2 - 4, 0)
    other = one.clone()
    other[0, -1] += 1
    try:
        before, after = (model(input_ids=ids).last_hidden_state[0, 0] for ids in (one % rows, other % rows))
    except (ValueError, TypeError, AttributeError, RuntimeError, IndexError, NotImplementedError) as error:
        raise _no_text_model(settings, type(error).__name__) from error
    scale = float(before.abs().max().clamp(min=1e-6))
    return float((before - after).abs().max()) < 1e-5 * scale


def _pooling(settings: BackboneSettings, is_causal: bool, notes: list[str]) -> Pooling:
    kind = "causal" if is_causal else "an encoder"
    if settings.pooling == "auto":
        chosen: Pooling = "last" if is_causal else "mean"
        reads = "the last token" if is_causal else "the mean of the tokens"
        notes.append(f"The model is {kind}: the heads read {reads}.")
        return chosen
    if settings.pooling == "first" and is_causal:
        raise UsageError(
            "PL-BBN-016",
            settings.name,
            "the first token of a causal model sees nothing but itself, so it would tell nothing apart",
            expected="pooling " + " or ".join(name for name in get_args(Pooling) if name != "first"),
            found="pooling first",
            advice="pooling last",
        )
    notes.append(f"The model is {kind}; the heads read as set: {settings.pooling}.")
    return settings.pooling


def _set_attention(model: Any, settings: BackboneSettings, *, trees: bool, notes: list[str]) -> None:
    """The attention asked for, or the next best that the architecture has."""
    wanted: str = settings.attention
    if wanted == "auto":
        wanted = ("flex" if torch.cuda.is_available() else "blocks") if trees else "sdpa"
    if wanted == "flex" and not torch.cuda.is_available():
        notes.append("FlexAttention has no gradients without a GPU; SDPA is used.")
        wanted = "sdpa"
    block_attention.register()
    had = model.config._attn_implementation
    for name in _ATTENTIONS[wanted]:
        if name != had:
            _try_attention(model, name)
        if model.config._attn_implementation == name:
            break
    found = model.config._attn_implementation
    if found == _ATTENTIONS[wanted][0]:
        notes.append(f"Attention: {wanted}.")
    else:
        notes.append(f"Attention: {found}; the architecture has no {wanted}.")


def _try_attention(model: Any, name: str) -> None:
    """Take another attention; the configuration keeps the old one where the architecture has no such."""
    had = model.config._attn_implementation
    if name == "flex_attention" and not getattr(model, "_supports_flex_attn", False):
        return
    if name in ("sdpa", block_attention.NAME) and not getattr(model, "_supports_sdpa", False):
        return
    try:
        model.set_attn_implementation(name)
    except (ValueError, ImportError, AttributeError):
        model.config._attn_implementation = had


def _positions(model: Any) -> int | None:
    """How many tokens a sequence may have."""
    config = model.config.get_text_config()
    if getattr(config, "alibi", False) or config.model_type in _ALIBI:
        return None
    most = getattr(config, "max_position_embeddings", None)
    if not isinstance(most, int) or most <= 0:
        return None
    # RoBERTa and its kin count positions from behind the padding id, so that the first ones are never used.
    learned = (part for name, part in model.named_modules() if name.endswith("position_embeddings"))
    unused = (part.padding_idx + 1 for part in learned if getattr(part, "padding_idx", None) is not None)
    return most - next(unused, 0)


def _padding(tokenizer: Any, rows: int, notes: list[str]) -> int:
    own, end = tokenizer.pad_token_id, tokenizer.eos_token_id
    if own is not None and own < rows:
        return int(own)
    if end is not None:
        notes.append("The tokenizer has no pad token: its EOS fills rows up, and is never attended to there.")
        return int(end)
    notes.append("The tokenizer has neither pad token nor EOS: token 0 fills rows up, and is never attended to there.")
    return 0


def _note_end(tokenizer: Any, is_causal: bool, notes: list[str]) -> None:
    if is_causal and tokenizer.eos_token_id is None:
        notes.append("The tokenizer has no EOS: none is put behind the reply, and the heads read its last token.")


def with_adapters(
    model: Any, lora: LoraSettings, place: str, task: Literal["FEATURE_EXTRACTION", "CAUSAL_LM"] = "FEATURE_EXTRACTION"
) -> nn.Module:
    """A model with low-rank adapters, which alone train.

    Args:
        place: what errors call it.
        task: what peft is to know of it: a trunk, or a model that writes.
    Raises:
        UsageError: PL-BBN-017, they cannot be put onto these modules.
    """
    from peft import LoraConfig, get_peft_model

    wanted: Any = list(lora.target_modules) if lora.target_modules else "all-linear"
    adapters = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,  # type: ignore[arg-type]  # peft divides it: fractions work
        lora_dropout=lora.dropout,
        target_modules=wanted,
        task_type=task,
    )
    try:
        return get_peft_model(model, adapters)
    except ValueError as error:
        linear = sorted(
            {name.rpartition(".")[2] for name, part in model.named_modules() if isinstance(part, nn.Linear)}
        )
        raise UsageError(
            "PL-BBN-017",
            place,
            "adapters cannot be put onto these modules",
            expected=f"some of {', '.join(linear)}, or none named, for every linear layer; a rank of at least 1",
            found=f"{', '.join(lora.target_modules) or 'every linear layer'}, rank {lora.rank}",
            advice="leave the target modules out",
        ) from error
