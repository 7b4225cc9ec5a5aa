"""OpenAI's names of categories, for clients that ask for these: which of ours come closest.

An approximation, and stated as one: the taxonomies were drawn differently. A name that none of ours comes close to is null in
every answer, for it was not judged; null is not *safe*.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

NAMES = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/intent",
    "self-harm/instructions",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
)
"""Source: OpenAI's API reference, *Moderations*, categories of ``omni-moderation``."""

CLOSEST: Mapping[str, tuple[str, ...]] = {
    "harassment": ("hate_speech,offensive_language", "Insulting Behavior"),
    "hate": ("discrimination,stereotype,injustice", "hate_speech,offensive_language", "Discriminatory Behavior"),
    "illicit": (
        "drug_abuse,weapons,banned_substance",
        "financial_crime,property_crime,theft",
        "Cybercrime",
        "Drugs",
        "Economic Crime",
        "White-Collar Crime",
    ),
    "illicit/violent": ("terrorism,organized_crime", "Human Trafficking"),
    "self-harm": ("self_harm",),
    "sexual": ("sexually_explicit,adult_content", "Sexual Content"),
    "violence": ("violence,aiding_and_abetting,incitement", "Violence", "Physical Harm"),
}
"""OpenAI's name → ours, of BeaverTails' taxonomy and of PKU-SafeRLHF's."""


def closest_heads(heads: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """OpenAI's names → the places of the heads that come closest; empty where none does, or a head has that very name."""
    return {
        name: tuple(place for place, head in enumerate(heads) if head in CLOSEST.get(name, ()))
        for name in NAMES
        if name not in heads
    }
