"""Causal language models of transformers, with all that writing replies needs: tokenizer, prompts, ends, what tells it from others.

Code that comes with a model is not run, and weights are read from safetensors only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plumbline.lineage import file_digest, json_digest
from plumbline.records import MissingExtraError, ModelError
from plumbline.sources.prompt_tokens import PromptEncoder, PromptForm
from plumbline.sources.turn_markers import TurnMarkers

_SNAPSHOT_FILES = ("*.safetensors", "*.json", "*.jinja", "*.model", "*.txt")


@dataclass(frozen=True, slots=True)
class CausalModel:
    """A model that writes.

    Attributes:
        model: of transformers, in evaluation mode.
        tokenizer: its own.
        prompts: conversations → the tokens that it goes on from.
        end_ids: tokens that end a reply.
        positions: how many tokens a sequence may have; None where the architecture sets no limit.
        snapshot: what tells it from any other: the digest of its files, or the hub's commit.
        files: name → SHA-256, of the files of a folder that `snapshot` is of; none of others.
    """

    model: Any
    tokenizer: Any
    prompts: PromptEncoder
    end_ids: frozenset[int]
    positions: int | None
    snapshot: str
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def padding_id(self) -> int:
        """What fills rows up, and is never attended to."""
        own = self.tokenizer.pad_token_id
        return int(own) if own is not None else min(self.end_ids, default=0)

    @property
    def end_id(self) -> int | None:
        """The end token that stands behind a reply where one is written: the tokenizer's own among those that end one."""
        own = self.tokenizer.eos_token_id
        return own if own in self.end_ids else min(self.end_ids, default=None)

    @property
    def never_ids(self) -> frozenset[int]:
        """Tokens that no reply may hold: control tokens that end none (padding, BOS …), and ids that stand for no text."""
        control = {number for number, token in self.tokenizer.added_tokens_decoder.items() if token.special}
        text = set(self.tokenizer.get_vocab().values()) - control - set(self.tokenizer.all_special_ids)
        # Of the model's own ids: a padding token that it has no embedding for cannot be drawn anyway.
        return frozenset(set(range(self.model.config.get_text_config().vocab_size)) - text - self.end_ids)

    @property
    def markers(self) -> TurnMarkers | None:
        """What ends a reply besides the end tokens; None where prompts are written by a chat template."""
        return TurnMarkers(self.prompts.stops, self._decoded) if self.prompts.stops else None

    def reply_text(self, ids: list[int]) -> str:
        """The reply in tokens that it wrote, without its end token."""
        return self.prompts.reply_text(self._decoded(ids))

    def _decoded(self, ids: list[int]) -> str:
        return str(self.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))


def load_causal_model(
    location: str, *, place: str, form: PromptForm = "auto", device: str | None = None, whole: bool = False
) -> CausalModel:
    """Load a model.

    Args:
        location: a folder as ``save_pretrained`` writes it, or a hub id.
        place: what errors call it.
        form: how its prompts are written.
        device: as torch names it; None takes a GPU where there is one.
        whole: it is to be trained: weights in 32 bits wherever it runs, and an end token, without which no reply could learn to
            end; else weights as they were saved, on GPUs.
    Raises:
        ModelError: PL-PTR-007, it is to be trained and has no end token.
        ModelError: PL-REP-028, there is none, or it cannot be loaded.
        MissingExtraError: PL-REP-009, torch or transformers are not installed.
    """
    try:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
    except ImportError as error:
        raise MissingExtraError(
            "PL-REP-009",
            place,
            "torch and transformers are not installed",
            found=f"no {error.name}",
            advice="pip install -e '.[train]' in the checkout",
        ) from error
    where = _folder_or_id(location, place)
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    dtype: Any = torch.float32 if whole or device == "cpu" else "auto"

    def load() -> tuple[Any, Any]:
        """Tokenizer and model."""
        tokenizer = AutoTokenizer.from_pretrained(where, trust_remote_code=False)
        model: Any = AutoModelForCausalLM.from_pretrained(
            where, dtype=dtype, use_safetensors=True, trust_remote_code=False
        )
        return tokenizer, model.to(device).eval()

    tokenizer, model = _quietly(load, place)
    prompts = PromptEncoder(tokenizer, form, place)
    ends = _end_ids(model, tokenizer)
    if whole and not ends:
        raise _endless(place)
    files = snapshot_files(Path(where)) if Path(where).is_dir() else {}
    commit = f"commit {getattr(model.config, '_commit_hash', None) or 'unknown'}"
    snapshot = snapshot_name(files) if files else commit
    return CausalModel(model, tokenizer, prompts, ends, _positions(model), snapshot, files)


def _endless(place: str) -> ModelError:
    return ModelError(
        "PL-PTR-007",
        place,
        "the policy has no end token, so that no reply could end",
        expected="eos_token in tokenizer_config.json, or eos_token_id in generation_config.json",
        advice="name the end token there, and teach the policy to write it with plumbline align supervised",
    )


def _folder_or_id(location: str, place: str) -> str:
    folder = Path(location)
    with suppress(RuntimeError):  # nobody's home
        folder = folder.expanduser()
    # "policies/frist" where a folder "policies" stands is a path with a slip in it, and no model of somebody called policies.
    looks_like_id = location.count("/") == 1 and not location.startswith((".", "/", "~")) and not folder.parent.exists()
    is_scorer = (folder / "model.json").is_file() and not (folder / "config.json").is_file()
    if (folder.is_dir() and not is_scorer) or (looks_like_id and not folder.exists()):
        return str(folder) if folder.is_dir() else location
    raise ModelError(
        "PL-REP-028",
        place,
        "there is no model here that writes replies",
        expected="a folder with config.json and weights in safetensors, or a hub id such as owner/name",
        found=f"{location}: {'a model that scores' if is_scorer else 'a file' if folder.exists() else 'nothing'}",
        advice="check the spelling",
    )


def _quietly(load: Callable[[], tuple[Any, Any]], place: str) -> tuple[Any, Any]:
    """Load without progress bars; whatever the library raises becomes one error."""
    from transformers import utils

    logging: Any = utils.logging
    had_bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        return load()
    except Exception as error:  # the library raises whatever its parsers raise
        raise ModelError(
            "PL-REP-028",
            place,
            "the model cannot be loaded",
            expected="a causal language model that transformers knows, with its tokenizer, in safetensors",
            found=type(error).__name__,
            advice="name a folder as save_pretrained writes it; code that comes with a model is not run",
        ) from error
    finally:
        if had_bars:
            logging.enable_progress_bar()


def _end_ids(model: Any, tokenizer: Any) -> frozenset[int]:
    configured = getattr(model.generation_config, "eos_token_id", None)
    listed = configured if isinstance(configured, list) else [configured]
    return frozenset(number for number in (*listed, tokenizer.eos_token_id) if isinstance(number, int))


def _positions(model: Any) -> int | None:
    most = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    return most if isinstance(most, int) and most > 0 else None


def snapshot_name(files: Mapping[str, str]) -> str:
    """What tells a model's folder from any other, see `snapshot_files`."""
    return "sha256:" + json_digest(dict(files))[:32]


def snapshot_files(folder: Path) -> dict[str, str]:
    """SHA-256 of what a model's folder is loaded from, by name."""
    paths = {path for pattern in _SNAPSHOT_FILES for path in folder.glob(pattern)}
    return {path.name: file_digest(path) for path in sorted(paths)}
