"""``transformers:`` sources: a causal language model on this machine.

The model is loaded once, at the first request, and answers one request at a time in a thread of its own; the samples of a
request share one pass over the prompt.
"""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from plumbline.records import Conversation, unknown_name
from plumbline.sources import failures
from plumbline.sources.addressing import SourceAddress
from plumbline.sources.causal_model import CausalModel, load_causal_model
from plumbline.sources.concurrency import AdaptiveGate, LimitSettings
from plumbline.sources.failures import LastingReplyError, ReplyError, failures_logged
from plumbline.sources.prompt_tokens import PromptForm
from plumbline.sources.replies import Reply, Sampling, check_request
from plumbline.sources.seeds import derived_seed, sample_seeds

if TYPE_CHECKING:
    from plumbline.sources.token_sampling import Ending, Sample

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


class LocalModelSource:
    """A model on this machine; implements `replies.ReplySource`."""

    def __init__(self, address: SourceAddress, options: LocalModelOptions | None = None) -> None:
        """A source; the model is loaded when the first reply is asked for."""
        self.options = options or LocalModelOptions()
        self._address = address
        limit = LimitSettings(start=1, least=1, most=1, most_waiting=self.options.most_waiting)
        self._gate = AdaptiveGate(limit, self.name)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="plumbline-local-model")
        self._loaded: CausalModel | None = None
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
        options = self.options
        loaded = self._loaded or load_causal_model(
            self._address.location, place=self.name, form=options.form, device=options.device
        )
        self._loaded = loaded
        began = time.monotonic()
        prompt_ids = loaded.prompts.encode(conversation)
        ending = self._ending(loaded, len(prompt_ids), sampling, gone)
        found: dict[int, Reply] = {}
        wanted = dict(enumerate(seeds))
        for draw in range(_DRAWS):
            samples = self._samples(loaded, prompt_ids, sampling, list(wanted.values()), ending)
            for (place, seed), sample in zip(wanted.items(), samples, strict=True):
                text = loaded.reply_text(sample.token_ids)
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

    def _reply(
        self, text: str, loaded: CausalModel, seed: int, sampling: Sampling, sample: Sample, began: float
    ) -> Reply:
        seconds = time.monotonic() - began
        model = self._address.location
        return Reply(text, self.name, model, loaded.snapshot, seed, sampling, sample.finish, seconds)

    def _ending(self, loaded: CausalModel, prompt_tokens: int, sampling: Sampling, gone: threading.Event) -> Ending:
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
        return Ending(
            token_ids=loaded.end_ids,
            markers=loaded.markers,
            most_tokens=min(sampling.max_tokens, room),
            is_unwanted=lambda: gone.is_set() or self._is_closed.is_set(),
        )

    def _samples(
        self, loaded: CausalModel, prompt_ids: list[int], sampling: Sampling, seeds: list[int], ending: Ending
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
