"""The sources of a study's replies, opened once, and what a study file may name on this server.

A study file can come over the network. What it names there (paths, environment variables, private addresses) is the
server's, so whoever starts the server says what may be named; by default nothing but data below one folder.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pyarrow as pa
from pydantic import JsonValue

from plumbline.collect.service.catalogue import KnownStudy
from plumbline.collect.service.failures import source_not_permitted
from plumbline.collect.study_settings import Replies, Sampler
from plumbline.formats import load
from plumbline.lineage import Terms
from plumbline.records import Kind
from plumbline.sources import (
    BestOf,
    EndpointOptions,
    ReplySource,
    Sampling,
    Scorer,
    SourceAddress,
    SourceKind,
    TwoModels,
    TwoSamples,
    open_source,
    parse_address,
)
from plumbline.sources import Sampler as ReplySampler

Opened = Callable[[KnownStudy, list[JsonValue]], None]
"""Told of what was opened: each source's name and what may be done with its replies, where that is known."""

ScorerOpener = Callable[[Path], Scorer]
"""A port: from a model's folder to what best-of-k ranks by; whoever may import models hands it in."""


class SamplerPool(Protocol):
    """A port: what draws a study's replies."""

    async def of_study(self, study: KnownStudy) -> ReplySampler:
        """The study's sampler, the same at every call."""

    async def close(self) -> None:
        """Close all that were opened."""


@dataclass(frozen=True, slots=True)
class SourceRules:
    """What study files may name.

    Attributes:
        folder: where their paths start, and end: nothing outside it is read.
        key_variables: environment variables that may hold an endpoint's key.
        allow_private: endpoints at private and loopback addresses, where the study says so too.
        kinds: of sources; ``transformers:`` loads whatever model it names, so it has to be permitted.
    """

    folder: Path
    key_variables: frozenset[str] = frozenset()
    allow_private: bool = False
    kinds: frozenset[SourceKind] = frozenset({"openai", "retrieval"})

    def path_of(self, text: str) -> Path:
        """The path that a study file means.

        Raises:
            ServiceError: PL-SVC-003, it leads out of the folder.
        """
        folder = self.folder.resolve()
        path = (folder / text).resolve()
        if not path.is_relative_to(folder):
            raise source_not_permitted(
                "a path leads out of the server's folder", "a path below it", "put the data there"
            )
        return path

    def check(self, replies: Replies) -> None:
        """Refuses what may not be named.

        Raises:
            ServiceError: PL-SVC-003. UsageError: an address that cannot be read.
        """
        for address in map(parse_address, replies.sources):
            if address.kind not in self.kinds:
                raise source_not_permitted(
                    f"this server opens no {address.kind} sources", ", ".join(sorted(self.kinds)), "take another source"
                )
            if address.kind == "retrieval":
                self.path_of(address.location)
        if replies.scorer is not None:
            self.path_of(replies.scorer)
        if replies.key_variable is not None and replies.key_variable not in self.key_variables:
            raise source_not_permitted(
                "key_variable names a variable that this server does not hand out",
                "one of those it was started with",
                "have it started with this variable permitted",
            )
        if replies.allow_private and not self.allow_private:
            raise source_not_permitted(
                "this server connects to no private addresses",
                "allow_private = false",
                "have it started with private addresses permitted",
            )


class OpenedSamplers:
    """Opens what study files name; implements `SamplerPool`. Belongs to one event loop."""

    def __init__(
        self, rules: SourceRules, open_scorer: ScorerOpener | None = None, opened: Opened | None = None
    ) -> None:
        """A pool.

        Args:
            open_scorer: None where no study has best-of-k.
            opened: called in the thread that opened a study's sources.
        """
        self._rules = rules
        self._open_scorer = open_scorer
        self._tell = opened
        self._opening: dict[int, asyncio.Lock] = {}
        self._opened: dict[int, ReplySampler] = {}

    async def of_study(self, study: KnownStudy) -> ReplySampler:
        """See `SamplerPool.of_study`; opening reads data and may take seconds, in a thread.

        Raises:
            PlumblineError: a source cannot be opened; the next call tries again.
        """
        async with self._opening.setdefault(study.id, asyncio.Lock()):
            if study.id not in self._opened:
                self._opened[study.id] = await asyncio.to_thread(self._open, study)
            return self._opened[study.id]

    async def close(self) -> None:
        """See `SamplerPool.close`."""
        opened, self._opened = list(self._opened.values()), {}
        for sampler in opened:
            await sampler.close()

    def _open(self, study: KnownStudy) -> ReplySampler:
        replies = study.settings.replies
        if replies is None:
            raise source_not_permitted("it names no sources of replies", "[replies]", "mend the study file")
        self._rules.check(replies)
        scorer = self._scorer(replies) if replies.sampler is Sampler.BEST_OF_K else None
        sources = [self._source(parse_address(address), replies) for address in replies.sources]
        if self._tell is not None:
            self._tell(study, [_about(source) for source in sources])
        sampling = Sampling(replies.temperature, replies.top_p, replies.top_k, replies.max_tokens)
        if scorer is not None:
            return BestOf(sources[0], scorer, k=replies.k, sampling=sampling, pairing=replies.pairing)
        if replies.sampler is Sampler.TWO_MODELS:
            return TwoModels(sources, sampling)
        return TwoSamples(sources[0], sampling)

    def _scorer(self, replies: Replies) -> Scorer:
        if self._open_scorer is None or replies.scorer is None:
            raise source_not_permitted(
                "this server has nothing to rank replies by", "a scorer", "start it with one, or take two-samples"
            )
        return self._open_scorer(self._rules.path_of(replies.scorer))

    def _source(self, address: SourceAddress, replies: Replies) -> ReplySource:
        if address.kind == "retrieval":
            # Under the name that the study gives it; where it stands on this machine is nobody's business.
            return open_source(address, table=_corpus(self._rules.path_of(address.location)))
        options = EndpointOptions(key_variable=replies.key_variable, allow_private=replies.allow_private)
        return open_source(address, endpoint=options)


def _about(source: ReplySource) -> JsonValue:
    terms = getattr(source, "terms", None)
    if not isinstance(terms, Terms):
        return {"source": source.name, "uses": None, "licence": None}
    uses: list[JsonValue] = [str(use) for use in sorted(terms.uses)]
    return {"source": source.name, "uses": uses, "licence": terms.licence}


def _corpus(path: Path) -> pa.Table:
    tables = load(path).tables
    return tables.get(Kind.COMPARISONS) or tables.get(Kind.SAFETY_LABELS) or next(iter(tables.values()))
