"""A map of transcripts: those that speak of the same stand near each other, in clusters named by their most telling words.

Words and word pairs (TF-IDF) → a few dozen dimensions (truncated SVD) → two (t-SNE). Distances within a cluster mean
something, those between clusters little, and the axes nothing. Names of clusters are words that several workers' attempts
share, so that no single text can be read from them; they may offend all the same.

Source: Ganguli et al. 2022, fig. 2 and 9. Deviation: words and t-SNE in the place of a language model's embeddings and
UMAP, so that a map needs no model and no graphics card.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from plumbline.curate.judged_texts import judged_text
from plumbline.curate.words import PART_END
from plumbline.measure import Bootstrap, Figure
from plumbline.records import Kind
from plumbline.redteam.attempts import Attempts, Floats
from plumbline.redteam.by_model import rate_or_why
from plumbline.redteam.relations import drawn_sample

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

LEAST_ATTEMPTS = 5
"""On a map: of fewer nothing can be said to stand near or far."""
LEAST_FOR_CLUSTERS = 40
MOST_ATTEMPTS = 2_000
"""On a map; a sample of the attempts beyond."""
_MOST_CLUSTERS, _LEAST_IN_CLUSTER = 12, 10
_STEPS = 500
"""Of t-SNE: half of scikit-learn's own, after which a picture of this size does not change to the eye."""
_DIMENSIONS = 50
_MOST_FEATURES = 20_000
_TELLING_WORDS = 3
_NO_WORDS = "no word stands in several of the attempts and in no more than half of them"
_WORD = r"(?u)\b[^\W\d_]{3,}\b"
"""Of names and features: letters alone, since numbers may lead to people."""

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Cluster:
    """Attempts that stand together.

    Attributes:
        name: its most telling words; None where no word is shared by enough attempts.
        attempts: in it.
        success: share of those judged that succeeded.
        centre: where its name stands.
    """

    name: str | None
    attempts: int
    success: Figure
    centre: tuple[float, float]


@dataclass(frozen=True)
class AttemptMap:
    """Where attempts stand.

    Attributes:
        of: attempts there are.
        places: shape (m,); those drawn, all where there are few.
        across, down: shape (m,); in [0, 1].
        clusters: largest first; none where attempts are too few to tell clusters from chance.
        cluster_of: shape (m,); place in `clusters`.
        why_missing: why there is no map; None where there is one.
        why_no_clusters: likewise.
    """

    of: int
    places: tuple[int, ...] = ()
    across: tuple[float, ...] = ()
    down: tuple[float, ...] = ()
    clusters: tuple[Cluster, ...] = ()
    cluster_of: tuple[int, ...] = ()
    why_missing: str | None = None
    why_no_clusters: str | None = None


def map_of(attempts: Attempts, success: Floats, bootstrap: Bootstrap, *, most: int = MOST_ATTEMPTS) -> AttemptMap:
    """Lay attempts out; the same for the same seed.

    Args:
        attempts: n of them.
        success: shape (n,), see `successes`.
        bootstrap: of the intervals; its seed is that of the sample, of the projection and of the clusters, too.
        most: attempts drawn.
    """
    texts = judged_text(Kind.RED_TEAM_ATTEMPTS, attempts.table).str.replace_all(PART_END, " ", literal=True)
    spoken = np.flatnonzero((texts.str.strip_chars() != "").to_numpy())
    shown = drawn_sample(spoken, most, bootstrap.seed)
    if len(shown) < LEAST_ATTEMPTS:
        return AttemptMap(len(attempts), why_missing=f"a map needs {LEAST_ATTEMPTS} attempts, here are {len(shown)}")
    features = _features(texts.gather(shown))
    if features is None:
        return AttemptMap(len(attempts), why_missing=_NO_WORDS)
    dense = _reduced(features.matrix, bootstrap.seed)
    spots = _laid_out(dense, bootstrap.seed)
    drawn = AttemptMap(len(attempts), tuple(shown.tolist()), tuple(spots[:, 0].tolist()), tuple(spots[:, 1].tolist()))
    if len(shown) < LEAST_FOR_CLUSTERS:
        why = f"of fewer than {LEAST_FOR_CLUSTERS} attempts clusters would be chance"
        return replace(drawn, why_no_clusters=why)
    found = _clusters(dense, bootstrap.seed)
    numbers = [np.flatnonzero(found == number) for number in np.unique(found)]
    numbers.sort(key=lambda rows: (-len(rows), rows[0]))
    cluster_of = np.empty(len(shown), np.int64)
    for number, rows in enumerate(numbers):
        cluster_of[rows] = number
    names = _names(features, numbers, [attempts.workers[place] for place in shown])
    clusters = tuple(
        _cluster(attempts, success, bootstrap, shown[rows], name, spots[rows])
        for rows, name in zip(numbers, names, strict=True)
    )
    return replace(drawn, clusters=clusters, cluster_of=tuple(cluster_of.tolist()))


@dataclass(frozen=True)
class _Features:
    """TF-IDF of words and word pairs, shape (m, features), and what each feature is."""

    matrix: csr_matrix
    names: NDArray[Any]


def _features(texts: pl.Series) -> _Features | None:
    """None where no word tells some of the texts from the others."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(
        token_pattern=_WORD,
        ngram_range=(1, 2),
        stop_words="english",
        min_df=2 if len(texts) < 1_000 else 4,
        max_df=0.5,
        max_features=_MOST_FEATURES,
        sublinear_tf=True,
    )
    try:
        matrix = vectorizer.fit_transform(texts.to_list())
    except ValueError:  # nothing is left of the vocabulary
        return None
    return _Features(matrix, vectorizer.get_feature_names_out())


def _reduced(matrix: csr_matrix, seed: int) -> Floats:
    """A few dozen dimensions of length 1, shape (m, d); texts without a shared word stand at 0."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.preprocessing import normalize

    if min(matrix.shape) < 2:
        return np.asarray(matrix.toarray(), np.float64)
    reduced = TruncatedSVD(min(_DIMENSIONS, min(matrix.shape) - 1), random_state=seed).fit_transform(matrix)
    return np.asarray(normalize(reduced), np.float64)


def _laid_out(dense: Floats, seed: int) -> Floats:
    """Two dimensions in [0, 1], shape (m, 2)."""
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(dense) - 1) / 3)
    start = np.random.default_rng(seed).normal(scale=1e-4, size=(len(dense), 2))
    found = TSNE(perplexity=perplexity, init=start, random_state=seed, max_iter=_STEPS).fit_transform(dense)
    low, high = found.min(axis=0), found.max(axis=0)
    return np.asarray((found - low) / np.where(high > low, high - low, 1.0), np.float64)


def _clusters(dense: Floats, seed: int) -> Integers:
    """A number for each text, shape (m,): as many clusters as stand apart best (Rousseeuw 1987, silhouettes)."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    best, found = -np.inf, np.zeros(len(dense), np.int64)
    for count in range(2, min(_MOST_CLUSTERS, len(dense) // _LEAST_IN_CLUSTER) + 1):
        numbers = KMeans(count, n_init=2, random_state=seed).fit_predict(dense)
        if len(np.unique(numbers)) < 2:
            break
        apart = float(silhouette_score(dense, numbers))
        if apart > best:
            best, found = apart, np.asarray(numbers, np.int64)
    return found


def _names(features: _Features, clusters: list[Integers], workers: list[str | None]) -> list[str | None]:
    """The words that weigh most in a cluster beyond their weight elsewhere; shared by at least two workers' attempts."""
    single = np.array([" " not in name for name in features.names])
    held = features.matrix > 0
    who = np.unique([worker or "" for worker in workers], return_inverse=True)[1]
    total = np.asarray(features.matrix.sum(axis=0)).ravel()
    names: list[str | None] = []
    for rows in clusters:
        inside = np.asarray(features.matrix[rows].sum(axis=0)).ravel()
        outside = (total - inside) / max(features.matrix.shape[0] - len(rows), 1)
        weight = np.where(single, inside / len(rows) - outside, -np.inf)
        telling: list[str] = []
        for column in np.argsort(-weight, kind="stable"):
            if weight[column] <= 0 or len(telling) == _TELLING_WORDS:
                break
            holding = rows[held[rows][:, [column]].toarray().ravel()]
            if len(holding) >= 3 and (len(set(who[holding])) > 1 or len(set(who)) == 1):
                telling.append(str(features.names[column]))
        names.append(", ".join(telling) or None)
    return names


def _cluster(
    attempts: Attempts, success: Floats, bootstrap: Bootstrap, rows: Integers, name: str | None, spots: Floats
) -> Cluster:
    judged = rows[~np.isnan(success[rows])]
    clusters = attempts.clusters
    why = "nobody judged an attempt of it"
    rate = rate_or_why(success[judged], [clusters[row] for row in judged], bootstrap, len(rows), why)
    centre = np.median(spots, axis=0)
    return Cluster(name, len(rows), rate, (float(centre[0]), float(centre[1])))
