"""Kinds, families and splits of records, in words."""

from __future__ import annotations

from plumbline.curate.split_files import WITHOUT_SPLIT


def kind_words(kind: str) -> str:
    """``safety labels`` for ``safety_labels``."""
    return kind.replace("_", " ")


def family_words(family: str) -> str:
    """``comparisons (harmlessness)`` for ``comparisons/harmlessness``; labels stand with their taxonomy."""
    kind, _, rest = family.partition("/")
    if kind == "safety_labels" and rest in ("", "unspecified"):
        rest = "no taxonomy named"
    return f"{kind_words(kind)} ({rest})" if rest else kind_words(kind)


def split_words(split: str) -> str:
    """``of train``; ``without a split``."""
    return "without a split" if split == WITHOUT_SPLIT else f"of {split}"


def train_first(split: str) -> tuple[bool, str]:
    """The order of splits: train, then by name."""
    return split != "train", split
