"""The sources of a study's replies, opened once, and what a study file may name on this server.

A study file can come over the network. What it names there (paths, environment variables, private addresses) is the
server's, so whoever starts the server says what may be named; by default nothing but data below one folder.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
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
        folders: the folders of studies that were started from their own, by the study's name; `folder` is for the others.
        key_variables: environment variables that may hold an endpoint's key.
        allow_private: endpoints at private and loopback addresses, where the study says so too.
        kinds: of sources; ``transformers:`` loads whatever model it names, so it has to be permitted.
    """

    folder: Path
    key_variables: frozenset[str] = frozenset()
    allow_private: bool = False
    kinds: frozenset[SourceKind] = frozenset({"openai", "retrieval"})
    folders: Mapping[str, Path] = field(default_factory=dict)

    def of_study(self, name: str, *, has_folder: bool) -> SourceRules:
        """The rules for one study, with its own folder where it has one.

        Args:
            has_folder: it was started from a folder; another study's folder may hold other data under the same path.
        Raises:
            ServiceError: PL-SVC-003, the server was not started with that folder.
        """
        folder = self.folders.get(name)
        if folder is None and has_folder:
            raise source_not_permitted(
                f"study {name} has a folder of its own that this server was not started with",
                "its folder among those served",
                "plumbline collect serve STUDY OTHER_STUDY, with the folder of each",
            )
        return self if folder is None else replace(self, folder=folder)

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
                    f"this server opens no {address.kind} sources",
                    ", ".join(sorted(self.kinds)),
                    "take another source, or start it with --permit-local-models",
                )
            if address.kind == "retrieval":
                self.path_of(address.location)
        if replies.scorer is not None:
            self.path_of(replies.scorer)
        if replies.key_variable is not None and replies.key_variable not in self.key_variables:
            raise source_not_permitted(
                "key_variable names a variable that this server does not hand out",
                "one of those it was started with",
                f"start it with --permit-variable {replies.key_variable}",
            )
        if replies.allow_private and not self.allow_private:
            raise source_not_permitted(
                "this server connects to no private addresses",
                "allow_private = false",
                "start it with --permit-private",
            )


class OpenedSamplers:
    """Opens what study files name; implements `SamplerPool`. Belongs to one event loop."""

    def __init__(
        self,
        rules: SourceRules,
        open_scorer: ScorerOpener | None = None,
        opened: Opened | None = None,
        has_folder: Callable[[KnownStudy], bool] | None = None,
    ) -> None:
        """A pool.

        Args:
            open_scorer: None where no study has best-of-k.
            opened: called in the thread that opened a study's sources.
            has_folder: whether a study was started from a folder of its own; none was by default.
        """
        self._rules = rules
        self._open_scorer = open_scorer
        self._tell = opened
        self._has_folder = has_folder or (lambda _: False)
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
        rules = self._rules.of_study(study.settings.name, has_folder=self._has_folder(study))
        sampler, about = open_sampler(replies, rules, self._open_scorer)
        if self._tell is not None:
            self._tell(study, about)
        return sampler


def open_sampler(
    replies: Replies, rules: SourceRules, open_scorer: ScorerOpener | None = None
) -> tuple[ReplySampler, list[JsonValue]]:
    """What draws a study's replies, and what may be done with those of each source.

    Raises:
        PlumblineError: a source is not permitted, or cannot be opened.
    """
    rules.check(replies)
    scorer = open_named_scorer(replies, rules, open_scorer) if replies.sampler is Sampler.BEST_OF_K else None
    sources = [open_named_source(parse_address(address), replies, rules) for address in replies.sources]
    sampling = Sampling(replies.temperature, replies.top_p, replies.top_k, replies.max_tokens)
    sampler: ReplySampler
    if scorer is not None:
        sampler = BestOf(sources[0], scorer, k=replies.k, sampling=sampling, pairing=replies.pairing)
    elif replies.sampler is Sampler.TWO_MODELS:
        sampler = TwoModels(sources, sampling)
    else:
        sampler = TwoSamples(sources[0], sampling)
    return sampler, [about_source(source) for source in sources]


def open_named_scorer(replies: Replies, rules: SourceRules, open_scorer: ScorerOpener | None) -> Scorer:
    """What a study's best-of-k ranks by.

    Raises:
        PlumblineError: there is nothing to open it with, or it cannot be opened.
    """
    if open_scorer is None or replies.scorer is None:
        raise source_not_permitted(
            "this server has nothing to rank replies by", "a scorer", "start it with one, or take two-samples"
        )
    return open_scorer(rules.path_of(replies.scorer))


def open_named_source(address: SourceAddress, replies: Replies, rules: SourceRules) -> ReplySource:
    """One of a study's sources; of a corpus all is read now, of the others nothing is asked yet.

    Raises:
        PlumblineError: it cannot be opened.
    """
    if address.kind == "retrieval":
        # Under the name that the study gives it; where it stands on this machine is nobody's business.
        return open_source(address, table=_corpus(rules.path_of(address.location)))
    options = EndpointOptions(key_variable=replies.key_variable, allow_private=replies.allow_private)
    return open_source(address, endpoint=options)


def about_source(source: ReplySource) -> JsonValue:
    """A source's name, and what may be done with its replies, as it is logged; null where that is not known."""
    terms = getattr(source, "terms", None)
    if not isinstance(terms, Terms):
        return {"source": source.name, "uses": None, "licence": None}
    uses: list[JsonValue] = [str(use) for use in sorted(terms.uses)]
    return {"source": source.name, "uses": uses, "licence": terms.licence}


def _corpus(path: Path) -> pa.Table:
    tables = load(path).tables
    return tables.get(Kind.COMPARISONS) or tables.get(Kind.SAFETY_LABELS) or next(iter(tables.values()))
