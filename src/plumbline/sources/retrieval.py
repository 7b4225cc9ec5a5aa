"""``retrieval:`` sources: answers from a corpus, by similarity of what was asked. Offline, for demos and tests.

A sample is a neighbour: what in a language model are tokens and their probabilities are here the replies given to the most
similar prompts, the more similar the likelier. Similarity is the cosine of TF-IDF over hashed words and word pairs, of the
last human turn, and for a smaller part of the turns before it. It writes nothing of its own, so it is no model of any
conversation; it shows what a study is like.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from plumbline.lineage import Terms
from plumbline.records import Conversation, Role
from plumbline.sources import failures
from plumbline.sources.addressing import SourceAddress
from plumbline.sources.corpus import Corpus, corpus_from_table
from plumbline.sources.failures import failures_logged
from plumbline.sources.replies import Finish, Reply, Sampling, check_request
from plumbline.sources.seeds import fresh_seed, sample_seeds

Scores = NDArray[np.float64]

_BUCKETS = 1 << 18
_BEFORE_WEIGHT = 0.25
_NEIGHBOURS = 16
_SHARPNESS = 10.0
"""At temperature 1 a neighbour that is more similar by 0.1 is e times as likely."""
_WORD = re.compile(r"\S+")
_TERM = r"(?u)\b\w+\b"  # one letter is a word too


@dataclass(frozen=True, slots=True)
class _Index:
    """One block of features: how texts become rows, and the corpus's rows."""

    hashing: Any
    weighting: Any
    rows: Any

    @classmethod
    def of(cls, texts: Sequence[str]) -> _Index:
        """Learn from texts how rare each word is."""
        from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer

        hashing = HashingVectorizer(
            n_features=_BUCKETS, ngram_range=(1, 2), token_pattern=_TERM, norm=None, alternate_sign=False
        )
        weighting = TfidfTransformer(sublinear_tf=True)
        return cls(hashing, weighting, weighting.fit_transform(hashing.transform(texts)))

    def similarities(self, text: str) -> Scores:
        """The cosine with every text of the corpus, shape (n,)."""
        row = self.weighting.transform(self.hashing.transform([text]))
        similarities: Scores = (self.rows @ row.T).toarray()[:, 0]
        return similarities


class RetrievalSource:
    """A corpus that answers; implements `replies.ReplySource`.

    Attributes:
        terms: of the corpus; they hold for what is collected with its replies too. None where nobody stated them.
    """

    def __init__(self, address: SourceAddress, table: pa.Table) -> None:
        """Learn a corpus by heart; takes about a second for each 20,000 replies.

        Args:
            address: what the corpus is called; nothing is read from there.
            table: see `corpus.corpus_from_table`.
        Raises:
            UsageError: the table is of a kind without replies.
            NoDataError: it holds none.
        """
        self._address = address
        self._corpus: Corpus = corpus_from_table(table)
        self.terms: Terms | None = self._corpus.terms
        self._asked = _Index.of(self._corpus.asked)
        self._before = _Index.of(self._corpus.before)
        self._is_closed = False

    @property
    def name(self) -> str:
        """The address."""
        return str(self._address)

    async def reply(self, conversation: Conversation, sampling: Sampling, count: int = 1) -> list[Reply]:
        """See `replies.ReplySource.reply`; no reply comes twice unless the corpus has fewer than `count`."""
        check_request(conversation, count)
        with failures_logged(self.name):
            if self._is_closed:
                raise failures.closed(self.name)
            return await asyncio.to_thread(self._reply, conversation, sampling, count)

    async def close(self) -> None:
        """See `replies.ReplySource.close`."""
        self._is_closed = True

    def _reply(self, conversation: Conversation, sampling: Sampling, count: int) -> list[Reply]:
        began = time.monotonic()
        base = fresh_seed() if sampling.seed is None else sampling.seed
        seeds = sample_seeds(base, count)
        similarities = self._similarities(conversation)
        neighbours = self._neighbours(similarities, max(sampling.top_k or _NEIGHBOURS, count), base)
        drawn = _draw(similarities[neighbours], sampling, seeds)
        return [
            self._as_reply(neighbours[place], sampling, seed, began) for place, seed in zip(drawn, seeds, strict=True)
        ]

    def _as_reply(self, row: int, sampling: Sampling, seed: int, began: float) -> Reply:
        whole = self._corpus.replies[row]
        words = list(_WORD.finditer(whole))
        is_cut = len(words) > sampling.max_tokens
        text = whole[: words[sampling.max_tokens - 1].end()] if is_cut else whole
        seconds = time.monotonic() - began
        finish: Finish = "length" if is_cut else "stop"
        return Reply(text, self.name, "retrieval", self._corpus.snapshot, seed, sampling, finish, seconds)

    def _similarities(self, conversation: Conversation) -> Scores:
        """Of every prompt of the corpus, shape (n,)."""
        before = "\n".join(message.text for message in conversation[:-1] if message.role is not Role.SYSTEM)
        similarities = self._asked.similarities(conversation[-1].text)
        return similarities + _BEFORE_WEIGHT * self._before.similarities(before) if before.strip() else similarities

    def _neighbours(self, similarities: Scores, count: int, seed: int) -> list[int]:
        """The rows of the most similar prompts, best first, with different replies; any rows where nothing is similar."""
        order = np.argsort(-similarities, kind="stable")
        if similarities.max() <= 0:
            order = np.random.default_rng(seed).permutation(len(similarities))
        rows: dict[str, int] = {}
        for row in order.tolist():
            rows.setdefault(self._corpus.replies[row].strip(), row)
            if len(rows) == count:
                break
        return list(rows.values())


def _draw(similarities: Scores, sampling: Sampling, seeds: Sequence[int]) -> list[int]:
    """A place among the neighbours for each seed, without putting back until all were drawn.

    Args:
        similarities: shape (m,), falling.
    """
    left = list(range(len(similarities)))
    drawn: list[int] = []
    for seed in seeds:
        left = left or list(range(len(similarities)))
        place = left[_pick(similarities[left], sampling, seed)]
        left.remove(place)
        drawn.append(place)
    return drawn


def _pick(similarities: Scores, sampling: Sampling, seed: int) -> int:
    """One of them, by temperature and top_p; the first is the most similar."""
    if sampling.temperature == 0:
        return 0
    weights = np.exp(_SHARPNESS / sampling.temperature * (similarities - similarities[0]))
    probabilities = weights / weights.sum()
    kept = probabilities[np.cumsum(probabilities) - probabilities < sampling.top_p]
    return int(np.random.default_rng(seed).choice(len(kept), p=kept / kept.sum()))
