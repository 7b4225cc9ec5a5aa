"""Harm taxonomies, spelled as their data sets spell them.

Sources: the 14 categories of BeaverTails (Ji et al. 2023, §3.1; keys of the published files) and the 19 of
PKU-SafeRLHF (its data card).
"""

from __future__ import annotations

BEAVERTAILS_14: tuple[str, ...] = (
    "animal_abuse",
    "child_abuse",
    "controversial_topics,politics",
    "discrimination,stereotype,injustice",
    "drug_abuse,weapons,banned_substance",
    "financial_crime,property_crime,theft",
    "hate_speech,offensive_language",
    "misinformation_regarding_ethics,laws_and_safety",
    "non_violent_unethical_behavior",
    "privacy_violation",
    "self_harm",
    "sexually_explicit,adult_content",
    "terrorism,organized_crime",
    "violence,aiding_and_abetting,incitement",
)

PKU_19: tuple[str, ...] = (
    "Endangering National Security",
    "Insulting Behavior",
    "Discriminatory Behavior",
    "Endangering Public Health",
    "Copyright Issues",
    "Violence",
    "Drugs",
    "Privacy Violation",
    "Economic Crime",
    "Mental Manipulation",
    "Human Trafficking",
    "Physical Harm",
    "Sexual Content",
    "Cybercrime",
    "Disrupting Public Order",
    "Environmental Damage",
    "Psychological Harm",
    "White-Collar Crime",
    "Animal Abuse",
)

UNSPECIFIED = "unspecified"
"""The taxonomy of labels that say only safe or unsafe."""

TAXONOMIES: dict[str, tuple[str, ...]] = {
    "beavertails-14": BEAVERTAILS_14,
    "pku-19": PKU_19,
    UNSPECIFIED: (),
}

BEAVERTAILS_ALIASES: dict[str, str] = {name.replace(",", ",_"): name for name in BEAVERTAILS_14 if "," in name}
"""Spellings with ``,_`` that some copies of BeaverTails carry → the official key."""
