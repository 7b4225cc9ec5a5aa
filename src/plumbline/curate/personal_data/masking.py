"""Putting a placeholder where personal data stood."""

from __future__ import annotations

import polars as pl

from plumbline.curate.personal_data.finding import find_personal_data, replaced
from plumbline.curate.personal_data.kinds import ALL
from plumbline.records.errors import UsageError

PLACEHOLDER = "[{KIND}]"
PLACEHOLDERS = tuple(PLACEHOLDER.replace("{KIND}", kind.replace("-", "_").upper()) for kind in ALL)
"""All that the standard placeholder becomes."""


def mask_personal_data(texts: pl.Series, found: pl.DataFrame, placeholder: str = PLACEHOLDER) -> pl.Series:
    """Texts with a placeholder in place of each value.

    The placeholder names the kind and nothing else. It has no number: what it becomes depends on the value's own text
    only, so texts that were equal stay equal (duplicates, and prompts shared by rows, are still seen), and the place of
    a reply in its record, which numbers that run on from reply to reply would tell, stays hidden from a model.

    Args:
        texts: shape (n,); nulls stay null.
        found: what `find_personal_data` returned for these texts.
        placeholder: ``{KIND}`` in it becomes the kind in capitals, ``us-ssn`` → ``US_SSN``.
    Returns:
        Shape (n,). Masking what is masked changes nothing.
    Raises:
        UsageError: the placeholder would itself be found, or shows no brackets around it (PL-PII-002).
    """
    _check_placeholder(placeholder)
    kind = pl.col("kind").str.replace_all("-", "_", literal=True).str.to_uppercase()
    before, *rest = placeholder.split("{KIND}")
    pieces = [pl.lit(before)]
    for piece in rest:
        pieces += [kind, pl.lit(piece)]
    return replaced(texts, found, pl.concat_str(pieces))


def _check_placeholder(placeholder: str) -> None:
    shown = pl.Series([placeholder.replace("{KIND}", each[1:-1]) for each in PLACEHOLDERS])
    bracketed = placeholder.startswith("[") and placeholder.endswith("]")
    if bracketed and find_personal_data(shown).is_empty():
        return
    raise UsageError(
        "PL-PII-002",
        "placeholder",
        "masked texts could be taken for personal data again",
        expected="text in square brackets that is no personal data itself",
        found="no brackets" if not bracketed else "a placeholder that is found",
        advice=f"{PLACEHOLDER}, or [REMOVED]",
    )
