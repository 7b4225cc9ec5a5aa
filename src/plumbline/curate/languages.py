"""The language of a text, told offline: py3langid's model, walked over whole columns.

py3langid (Lui & Baldwin 2012, langid.py; BSD-3-Clause) is a naive Bayes classifier over byte n-grams of 140 languages;
its model lies in its wheel, so nothing is fetched, and nothing is drawn: the same text has the same language in every
run. Its own `classify` takes one text at a time, in Python; here all texts of a batch step through its automaton side
by side, which gives the same languages and confidences (a test holds them together) in under a third of the time.

Not covered: texts in two languages (the one with more of the text is named), dialects, transliteration.
Measured, with what was chosen against: docs/design/languages.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from scipy.sparse import csr_array

MIN_LETTERS = 20
"""Fewer letters than this, and the language is not told."""

MIN_CONFIDENCE = 0.7
"""What `in_other_language` asks for before it names a text foreign."""

SAMPLE_CHARACTERS = 200
"""How much `language_sample` takes from the start of either side: what people said, what was replied."""

LANGUAGES = (
    "ace", "af", "am", "an", "ar", "as", "az", "ba", "bcl", "be", "bg", "bn", "br", "bs", "ca", "crh", "cs", "cy",
    "da", "de", "dz", "el", "en", "eo", "es", "et", "eu", "ext", "fa", "ff", "fi", "fo", "fr", "fy", "ga", "gcf",
    "gcr", "gd", "gl", "gn", "gom", "grc", "gu", "guw", "ha", "he", "hi", "hr", "ht", "hu", "hy", "id", "ig", "is",
    "it", "ja", "jv", "ka", "kab", "ki", "kk", "km", "kn", "ko", "ku", "ky", "la", "lb", "lg", "lij", "ln", "lo",
    "lt", "ltg", "lv", "mg", "mk", "ml", "mn", "mr", "ms", "mt", "my", "ne", "nl", "nn", "no", "nso", "oc", "om",
    "or", "pa", "pl", "ps", "pt", "qu", "ro", "ru", "rw", "sa", "se", "si", "sk", "sl", "sn", "so", "sq", "sr", "st",
    "sv", "sw", "ta", "te", "tg", "th", "tk", "tl", "tr", "tt", "ug", "uk", "ur", "uz", "vec", "vi", "vo", "wa", "xh",
    "yo", "zh", "zu",
)  # fmt: skip
"""The codes that `detect_languages` gives; which those are a test reads from the model."""

_BATCH_ROWS = 4096
_OUTSIDE_PLAIN_TEXT = r"(?s)```.*?(?:```|\z)|`[^`\n]*`|https?://\S+|www\.\S+|\S+@\S+\.\S+|</?[a-zA-Z][^<>\n]*>"
"""Fenced and inline code, links, mail addresses, tags: their words belong to no language."""

_CODE_SIGNS = r"[{}\[\]()<>=;_\\/|#$&*+^~@]"
_MAX_CODE_SIGNS = 0.10
"""Share of code's signs among the visible characters above which a text is taken for code."""
_MIN_LETTERS_SHARE = 0.5

# What the model tells apart and ISO 639-1 does not, and codes that it writes in three letters though two exist. A
# language that has no two letters (ISO 639-1 ends at 183) keeps its three of ISO 639-3. "zxx" is ISO's own word for no
# language.
_NO_LANGUAGE = "zxx"
_TWO_LETTERS = {
    "arz": "ar", "ary": "ar", "yue": "zh", "wuu": "zh", "hbo": "he", "sdh": "ku", "uzs": "uz", "kik": "ki",
    "gug": "gn", "fuv": "ff",
}  # fmt: skip


def detect_languages(texts: pl.Series) -> pl.DataFrame:
    """Tell the language of each text.

    Args:
        texts: shape (n,), strings; a null is a text without letters.
    Returns:
        n rows in order: `language`, ISO 639-1 where there is a code of two letters (else ISO 639-3), or null where it
        cannot be told: fewer than `MIN_LETTERS` letters, mostly signs or digits, or code; `confidence` in [0, 1], of the
        language named, and null with it.
    Source: Lui & Baldwin 2012, "langid.py", ACL demos, §2; the confidence divides log probabilities by the square root of
    the bytes, as py3langid 0.4 does. Deviation: code, links, mail addresses and tags are taken out first, short texts are
    not told, and Nigerian Pidgin counts as English.
    """
    plain = texts.cast(pl.String).fill_null("").str.replace_all(_OUTSIDE_PLAIN_TEXT, " ")
    told = can_be_told(plain)
    rows = told.arg_true()
    codes, confidences = _classify(plain.gather(rows))
    languages = pl.Series(codes, dtype=pl.String).replace(_NO_LANGUAGE, None).replace(_TWO_LETTERS)
    found = pl.DataFrame(
        {"row": rows.cast(pl.UInt32), "language": languages, "confidence": pl.Series(confidences, dtype=pl.Float64)}
    )
    found = found.with_columns(pl.when(pl.col("language").is_not_null()).then("confidence"))
    every = pl.DataFrame({"row": pl.int_range(len(texts), eager=True, dtype=pl.UInt32)})
    return every.join(found, on="row", how="left", maintain_order="left").select("language", "confidence")


def can_be_told(texts: pl.Series) -> pl.Series:
    """Whether there is enough of a language in each text: letters, and more of them than of what code is written in.

    Args:
        texts: shape (n,), strings without null.
    Returns:
        n booleans.
    """
    letters = texts.str.replace_all(r"[^\p{L}\p{M}]+", "").str.len_chars()
    visible = texts.str.replace_all(r"\s+", "").str.len_chars()
    signs = texts.str.count_matches(_CODE_SIGNS)
    return (letters >= MIN_LETTERS) & (letters >= _MIN_LETTERS_SHARE * visible) & (signs <= _MAX_CODE_SIGNS * visible)


def language_sample(said: pl.Series, replied: pl.Series) -> pl.Series:
    """The text by which a conversation's language is told: the start of what people said and of what was replied.

    Both sides, so that an English talk about a foreign sentence stays English by its reply; the start of each, since
    `SAMPLE_CHARACTERS` suffice and the rest costs time.

    Args:
        said: shape (n,); all messages of the human, joined by line breaks.
        replied: shape (n,); the replies that are judged, joined by line breaks.
    Returns:
        n strings.
    """
    pieces = pl.DataFrame({"said": said, "replied": replied}).select(
        pl.all().fill_null("").str.slice(0, SAMPLE_CHARACTERS)
    )
    return pieces.select(text=pl.concat_str("said", "replied", separator="\n"))["text"]


def in_other_language(
    detected: pl.DataFrame, kept: Collection[str], *, min_confidence: float = MIN_CONFIDENCE
) -> pl.Series:
    """Whether a text is, surely enough to remove it, in none of the languages kept.

    Errs on the side of keeping: what could not be told, and what was told with doubt, is not foreign.

    Args:
        detected: as `detect_languages` returns it, n rows.
        kept: codes as `detect_languages` writes them.
        min_confidence: in [0, 1].
    Returns:
        n booleans, never null.
    """
    sure = detected["confidence"].fill_null(0.0) >= min_confidence
    return sure & ~detected["language"].is_in(list(kept)).fill_null(value=True)


# --- py3langid's model over columns ---

# Nigerian Pidgin is what the model takes short careless English for (21 of 23 English prompts that it called foreign);
# its chance counts as English, so that no row goes for a typing error.
_INFORMAL = {"pcm": "en"}


@dataclass(frozen=True)
class _Model:
    """py3langid's tables.

    Attributes:
        next_state: state and byte → state; the row of state s starts at row_start[s].
        feature: state → the n-gram that ends there, or -1.
        weights: shape (features, classes), log probabilities.
        priors: shape (classes,).
        classes: code of each class.
        doubled: pairs of classes, the second of which counts as the first.
    """

    next_state: np.ndarray
    row_start: np.ndarray
    feature: np.ndarray
    weights: np.ndarray
    priors: np.ndarray
    classes: np.ndarray
    doubled: tuple[tuple[int, int], ...]


@cache
def _model() -> _Model:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    read = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    first: dict[str, int] = {}
    names = [_INFORMAL.get(code, code) for code in read.nb_classes]
    doubled = [(first[code], at) for at, code in enumerate(names) if first.setdefault(code, at) != at]
    return _Model(
        next_state=np.asarray(read.tk_nextmove, np.int32),
        row_start=np.asarray(read.tk_row, np.int32) << 8,
        feature=np.asarray(read.tk_output, np.int32),
        weights=read.nb_ptc.astype(np.float32),
        priors=read.nb_pc,
        classes=np.array(read.nb_classes),
        doubled=tuple(doubled),
    )


def _classify(texts: pl.Series) -> tuple[np.ndarray, np.ndarray]:
    """Code and confidence of each text, as py3langid's `classify` gives them; shapes (n,)."""
    codes, confidences = [np.empty(0, "U3")], [np.empty(0)]
    for code, confidence in _classified_batches(texts):
        codes.append(code)
        confidences.append(confidence)
    return np.concatenate(codes), np.concatenate(confidences)


def _classified_batches(texts: pl.Series) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for start in range(0, len(texts), _BATCH_ROWS):
        model = _model()
        batch = _as_read(texts.slice(start, _BATCH_ROWS))
        counts, lengths = _feature_counts(batch, model)
        scores = counts @ model.weights + model.priors
        scores /= np.sqrt(np.maximum(lengths, 1))[:, None]
        chances = np.exp(scores - scores.max(axis=1, keepdims=True))
        chances /= chances.sum(axis=1, keepdims=True)
        for kept, folded in model.doubled:
            chances[:, kept] += chances[:, folded]
            chances[:, folded] = 0
        best = chances.argmax(axis=1)
        codes = np.where(np.diff(counts.indptr) > 0, model.classes[best], _NO_LANGUAGE)  # or nothing known in it
        yield codes, chances[np.arange(len(best)), best].astype(float)


def _as_read(texts: pl.Series) -> pl.Series:
    """Texts as the model was trained on them: NFC; small letters where all were capitals."""
    capitals = (texts == texts.str.to_uppercase()) & (texts != texts.str.to_lowercase())
    return texts.str.to_lowercase().zip_with(capitals, texts).str.normalize("NFC")


def _feature_counts(texts: pl.Series, model: _Model) -> tuple[csr_array, np.ndarray]:
    """ln(1 + how often) each n-gram ends in each text, shape (n, features), and the texts' bytes, shape (n,)."""
    from scipy.sparse import coo_array

    buffer, starts, lengths = _utf8(texts)
    order = np.argsort(-lengths, kind="stable")
    starts, lengths_down = starts[order], lengths[order]
    states = np.zeros(len(order), np.int32)
    rows, features = [np.empty(0, np.int64)], [np.empty(0, np.int32)]
    for place in range(int(lengths.max(initial=0))):
        # Longest first: the texts that still go on are a prefix.
        states = states[: int(np.searchsorted(-lengths_down, -place))]
        at = model.row_start[states]
        at += buffer[starts[: len(states)] + place]
        states = model.next_state[at]
        found = model.feature[states]
        ends = np.flatnonzero(found >= 0)
        rows.append(order[ends])
        features.append(found[ends])
    where = (np.concatenate(rows), np.concatenate(features))
    ones = np.ones(len(where[0]), np.float32)
    counts = coo_array((ones, where), shape=(len(texts), len(model.weights))).tocsr()
    counts.sum_duplicates()
    counts.data = np.log1p(counts.data)
    return counts, lengths


def _utf8(texts: pl.Series) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The texts' bytes in one array, where each starts, how long it is."""
    import pyarrow as pa

    column = texts.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(pa.large_string())
    _, offsets, data = column.buffers()
    places = np.frombuffer(offsets, np.int64)[column.offset : column.offset + len(column) + 1]
    return np.frombuffer(data or b"\0", np.uint8), places[:-1], np.diff(places)
