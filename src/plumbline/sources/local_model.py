"""``transformers:`` sources: a causal language model on this machine.

The model is loaded once, at the first request, and answers one request at a time in a thread of its own; the samples of a
request share one pass over the prompt. Code that comes with a model is not run, and weights are read from safetensors only.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from plumbline.lineage import file_digest, json_digest
from plumbline.records import Conversation, MissingExtraError, ModelError, unknown_name
from plumbline.sources import failures
from plumbline.sources.addressing import SourceAddress
from plumbline.sources.concurrency import AdaptiveGate, LimitSettings
from plumbline.sources.failures import LastingReplyError, ReplyError, failures_logged
from plumbline.sources.prompt_tokens import PromptEncoder, PromptForm
from plumbline.sources.replies import Reply, Sampling, check_request
from plumbline.sources.seeds import derived_seed, sample_seeds

if TYPE_CHECKING:
    from plumbline.sources.token_sampling import Ending, Sample

_SNAPSHOT_FILES = ("*.safetensors", "*.json", "*.jinja", "*.model", "*.txt")
_DRAWS = 3
"""Of a sample that is blank or cannot be stored."""


@dataclass(frozen=True, slots=True)
class LocalModelOptions:
    """How a local model is used.

    Attributes:
        form: "chat", "hh", or "auto": the chat template where the tokenizer has one.
        device: as torch names it; None takes a GPU where there is one.
        patience_seconds: of one request, with its waiting and, at the first, the loading.
        most_waiting: requests that may wait.
    """

    form: PromptForm = "auto"
    device: str | None = None
    patience_seconds: float = 600.0
    most_waiting: int = 256

    def __post_init__(self) -> None:
        """Check the form.

        Raises:
            UsageError: there is no such form.
        """
        if self.form not in get_args(PromptForm):
            raise unknown_name("form", self.form, get_args(PromptForm))


@dataclass(frozen=True, slots=True)
class _Loaded:
    model: Any
    tokenizer: Any
    prompts: PromptEncoder
    end_ids: frozenset[int]
    positions: int | None
    snapshot: str


class LocalModelSource:
    """A model on this machine; implements `replies.ReplySource`."""

    def __init__(self, address: SourceAddress, options: LocalModelOptions | None = None) -> None:
        """A source; the model is loaded when the first reply is asked for."""
        self.options = options or LocalModelOptions()
        self._address = address
        limit = LimitSettings(start=1, least=1, most=1, most_waiting=self.options.most_waiting)
        self._gate = AdaptiveGate(limit, self.name)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="plumbline-local-model")
        self._loaded: _Loaded | None = None
        self._is_closed = threading.Event()

    @property
    def name(self) -> str:
        """The address."""
        return str(self._address)

    async def reply(self, conversation: Conversation, sampling: Sampling, count: int = 1) -> list[Reply]:
        """See `replies.ReplySource.reply`."""
        check_request(conversation, count)
        seeds = sample_seeds(sampling.seed, count)
        with failures_logged(self.name):
            try:
                async with asyncio.timeout(self.options.patience_seconds):
                    return await self._in_turn(conversation, sampling, seeds)
            except TimeoutError:
                pass
            raise failures.timed_out(self.name, self.options.patience_seconds, "waiting and writing together")

    async def close(self) -> None:
        """See `replies.ReplySource.close`."""
        self._is_closed.set()
        self._loaded = None
        self._thread.shutdown(wait=False)

    async def _in_turn(self, conversation: Conversation, sampling: Sampling, seeds: list[int]) -> list[Reply]:
        ticket = await self._gate.enter(self._gate.arrive())
        gone = threading.Event()
        try:
            if self._is_closed.is_set():
                raise failures.closed(self.name)
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._thread, self._write, conversation, sampling, seeds, gone)
        finally:
            gone.set()  # whoever waited may have gone away: then the thread stops at its next token
            self._gate.leave(ticket, "answered")

    # --- in the thread ---

    def _write(
        self, conversation: Conversation, sampling: Sampling, seeds: list[int], gone: threading.Event
    ) -> list[Reply]:
        if gone.is_set() or self._is_closed.is_set():
            raise failures.closed(self.name)
        loaded = self._loaded or _load(self._address, self.options)
        self._loaded = loaded
        began = time.monotonic()
        prompt_ids = loaded.prompts.encode(conversation)
        ending = self._ending(loaded, len(prompt_ids), sampling, gone)
        found: dict[int, Reply] = {}
        wanted = dict(enumerate(seeds))
        for draw in range(_DRAWS):
            samples = self._samples(loaded, prompt_ids, sampling, list(wanted.values()), ending)
            for (place, seed), sample in zip(wanted.items(), samples, strict=True):
                text = loaded.prompts.reply_text(ending.decode(sample.token_ids))
                try:
                    failures.check_text(text, self.name)
                except ReplyError as error:
                    unusable = error
                else:
                    found[place] = self._reply(text, loaded, seed, sampling, sample, began)
            wanted = {place: derived_seed(seeds[place], "again", draw) for place in wanted if place not in found}
            if not wanted:
                return [found[place] for place in range(len(seeds))]
        raise unusable

    def _reply(self, text: str, loaded: _Loaded, seed: int, sampling: Sampling, sample: Sample, began: float) -> Reply:
        seconds = time.monotonic() - began
        model = self._address.location
        return Reply(text, self.name, model, loaded.snapshot, seed, sampling, sample.finish, seconds)

    def _ending(self, loaded: _Loaded, prompt_tokens: int, sampling: Sampling, gone: threading.Event) -> Ending:
        from plumbline.sources.token_sampling import Ending

        room = sampling.max_tokens if loaded.positions is None else loaded.positions - prompt_tokens
        if room < 1:
            raise LastingReplyError(
                "PL-REP-029",
                self.name,
                "the conversation leaves no room for a reply",
                expected=f"fewer than {loaded.positions} tokens",
                found=str(prompt_tokens),
                advice="begin a new conversation, or take a model with more positions",
            )
        tokenizer = loaded.tokenizer
        return Ending(
            token_ids=loaded.end_ids,
            texts=loaded.prompts.stops,
            decode=lambda ids: str(tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)),
            most_tokens=min(sampling.max_tokens, room),
            is_unwanted=lambda: gone.is_set() or self._is_closed.is_set(),
        )

    def _samples(
        self, loaded: _Loaded, prompt_ids: list[int], sampling: Sampling, seeds: list[int], ending: Ending
    ) -> list[Sample]:
        import torch

        from plumbline.sources.token_sampling import StoppedError, sample_tokens

        try:
            return sample_tokens(loaded.model, prompt_ids, sampling, seeds, ending)
        except StoppedError:
            raise failures.closed(self.name) from None
        except torch.OutOfMemoryError:
            pass
        raise ReplyError(
            "PL-REP-036",
            self.name,
            "the device has not enough memory for so many samples of so long a conversation",
            found=f"{len(prompt_ids)} tokens, {len(seeds)} samples",
            advice="ask for fewer samples or fewer max_tokens, or take a smaller model",
        )


# --- loading ---


def _load(address: SourceAddress, options: LocalModelOptions) -> _Loaded:
    """The model, its tokenizer and what tells them from others."""
    place = str(address)
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
    where = _folder_or_id(address, place)
    device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
    dtype: Any = "auto" if device != "cpu" else torch.float32

    def load() -> tuple[Any, Any]:
        """Tokenizer and model."""
        tokenizer = AutoTokenizer.from_pretrained(where, trust_remote_code=False)
        model: Any = AutoModelForCausalLM.from_pretrained(
            where, dtype=dtype, use_safetensors=True, trust_remote_code=False
        )
        return tokenizer, model.to(device).eval()

    tokenizer, model = _quietly(load, place)
    prompts = PromptEncoder(tokenizer, options.form, place)
    return _Loaded(model, tokenizer, prompts, _end_ids(model, tokenizer), _positions(model), _snapshot(where, model))


def _folder_or_id(address: SourceAddress, place: str) -> str:
    folder = Path(address.location).expanduser()
    looks_like_id = address.location.count("/") == 1 and not address.location.startswith((".", "/", "~"))
    if folder.is_dir() or (looks_like_id and not folder.exists()):
        return str(folder) if folder.is_dir() else address.location
    raise ModelError(
        "PL-REP-028",
        place,
        "there is no model here",
        expected="a folder with config.json and weights in safetensors, or a hub id such as owner/name",
        found="a file" if folder.exists() else "nothing",
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


def _snapshot(where: str, model: Any) -> str:
    """What tells this model from any other: the digest of its files, or the hub's commit."""
    folder = Path(where)
    if not folder.is_dir():
        return f"commit {getattr(model.config, '_commit_hash', None) or 'unknown'}"
    files = sorted({path for pattern in _SNAPSHOT_FILES for path in folder.glob(pattern)})
    return "sha256:" + json_digest({path.name: file_digest(path) for path in files})[:32]
