"""Families: attempts nearly the same as others, and attempts of one worker from one mould.

What is alike is found and verified as a curation finds it (`plumbline.curate`): of near-duplicates all that the human and
all that the assistant said, of moulds the opening with names, numbers and quotations masked, within one worker.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import polars as pl

from plumbline.curate.clusters import DEFAULT_THRESHOLD, candidate_pairs, cluster_table
from plumbline.curate.judged_texts import judged_text, prompt_text
from plumbline.curate.minhash import band_table, choose_banding
from plumbline.curate.shingles import shingle_table
from plumbline.curate.templates import MOULD_THRESHOLD, masked_text
from plumbline.curate.verification import verified_pairs
from plumbline.measure import Bootstrap, Figure
from plumbline.records import Kind
from plumbline.redteam.attempts import Attempts, Floats
from plumbline.redteam.by_model import rate_or_why

MOST_LISTED = 20


@dataclass(frozen=True)
class Family:
    """Attempts that hang together: the id of the first, how many, of how many workers, the share that succeeded."""

    first: str
    attempts: int
    workers: int
    success: Figure


@dataclass(frozen=True)
class Families:
    """What hangs together by being alike.

    Attributes:
        threshold: Jaccard similarity from which two attempts are alike.
        families: how many there are.
        attempts: in them.
        of: attempts looked at.
        sizes: attempts of a family → families of that size.
        largest: at most `MOST_LISTED`, the largest first.
    """

    threshold: float
    families: int
    attempts: int
    of: int
    sizes: dict[int, int]
    largest: tuple[Family, ...]


def near_duplicates(attempts: Attempts, success: Floats, bootstrap: Bootstrap) -> Families:
    """Families of transcripts that are nearly the same, whoever made them.

    Args:
        attempts: n of them.
        success: shape (n,), see `successes`.
        bootstrap: of the intervals; attempts of one worker are drawn together.
    """
    texts = judged_text(Kind.RED_TEAM_ATTEMPTS, attempts.table)
    return _families(attempts, success, bootstrap, texts, DEFAULT_THRESHOLD, by_worker=False)


def moulds(attempts: Attempts, success: Floats, bootstrap: Bootstrap) -> Families:
    """Families of attempts that one worker made from one mould; the arguments are those of `near_duplicates`.

    Attempts that do not say who made them are taken to be of one worker.
    """
    texts = masked_text(prompt_text(Kind.RED_TEAM_ATTEMPTS, attempts.table))
    return _families(attempts, success, bootstrap, texts, MOULD_THRESHOLD, by_worker=True)


def _families(
    attempts: Attempts, success: Floats, bootstrap: Bootstrap, texts: pl.Series, threshold: float, *, by_worker: bool
) -> Families:
    shingles = shingle_table(np.arange(len(attempts)), texts)
    within = pl.Series(attempts.workers, dtype=pl.String) if by_worker else None
    pairs = candidate_pairs(band_table(shingles, choose_banding(threshold), within))
    clusters = cluster_table(verified_pairs(shingles, pairs, (), threshold=threshold))
    members: dict[int, list[int]] = {}
    for row in clusters.to_pylist():
        members.setdefault(row["cluster"], []).append(row["position"])
    largest = sorted(members.values(), key=lambda rows: (-len(rows), rows[0]))
    return Families(
        threshold,
        len(members),
        len(clusters),
        len(attempts),
        dict(sorted(Counter(map(len, members.values())).items())),
        tuple(_family(attempts, success, bootstrap, rows) for rows in largest[:MOST_LISTED]),
    )


def _family(attempts: Attempts, success: Floats, bootstrap: Bootstrap, rows: list[int]) -> Family:
    judged = [row for row in rows if not np.isnan(success[row])]
    clusters = attempts.clusters
    rate = rate_or_why(
        success[judged], [clusters[row] for row in judged], bootstrap, len(rows), "nobody judged an attempt of it"
    )
    workers = {attempts.workers[row] for row in rows}
    return Family(attempts.ids[rows[0]], len(rows), len(workers - {None}), rate)
