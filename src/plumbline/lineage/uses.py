"""Permitted uses and licences: they travel with a table, through every derived set, to the model's card.

Where sets are combined the strictest wins: a use is permitted only where every part permits it, and of the licences
the most restrictive is named. Sources: the cards of hh-rlhf ("not for supervised training of dialogue agents";
red-team attempts "not for fine-tuning or preference modelling") and the licences of BeaverTails and PKU-SafeRLHF.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa

from plumbline.records import PermittedUseError, UsageError


class Use(StrEnum):
    """What data may be used for."""

    PREFERENCE = "preference"
    POLICY = "policy"
    SUPERVISED = "supervised"
    MODERATION = "moderation"
    ANALYSIS = "analysis"


ALL_USES = frozenset(Use)
USES_KEY = b"plumbline.uses"
LICENCE_KEY = b"plumbline.licence"

UNKNOWN_LICENCE = "unknown"
_STRICTNESS = ("CC0-1.0", "MIT", "Apache-2.0", "CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0", UNKNOWN_LICENCE)


@dataclass(frozen=True, slots=True)
class Terms:
    """What may be done with data: the uses permitted and the licence (SPDX name)."""

    uses: frozenset[Use]
    licence: str

    def to_json(self) -> dict[str, object]:
        """As it stands in manifests and cards."""
        return {"uses": sorted(self.uses), "licence": self.licence}


def strictest_terms(parts: Iterable[Terms]) -> Terms:
    """The terms of a set made of all the parts; an unlisted licence counts as the strictest.

    Raises:
        ValueError: no parts.
    """
    listed = list(parts)
    if not listed:
        raise ValueError("expected the terms of at least one part, found none")
    uses = frozenset.intersection(*(part.uses for part in listed))
    return Terms(uses, max((part.licence for part in listed), key=_rank))


def _rank(licence: str) -> int:
    return _STRICTNESS.index(licence) if licence in _STRICTNESS else len(_STRICTNESS)


def with_terms(table: pa.Table, terms: Terms) -> pa.Table:
    """The table with the terms in its schema's metadata; its other metadata stays."""
    metadata = dict(table.schema.metadata or {})
    metadata[USES_KEY] = ",".join(sorted(terms.uses)).encode()
    metadata[LICENCE_KEY] = terms.licence.encode()
    return table.replace_schema_metadata(metadata)


def terms_of(table: pa.Table) -> Terms | None:
    """The terms in a table's metadata; None where it carries none.

    Raises:
        UsageError: the metadata names a use that does not exist.
    """
    metadata = table.schema.metadata or {}
    if USES_KEY not in metadata:
        return None
    names = [name for name in _text(metadata[USES_KEY]).split(",") if name]
    unknown = sorted(set(names) - set(Use))
    if unknown:
        raise UsageError(
            "PL-USE-002",
            "plumbline.uses",
            "a permitted use that does not exist",
            expected=", ".join(Use),
            found=", ".join(unknown),
            advice="write the table again with plumbline, or mend its metadata",
        )
    return Terms(frozenset(Use(name) for name in names), _text(metadata.get(LICENCE_KEY, b"unknown")))


def _text(value: bytes) -> str:
    return value.decode(errors="backslashreplace")


def require_use(table: pa.Table, use: Use, *, place: str, override: bool = False) -> None:
    """Refuse a table that does not permit the use, unless overridden; the caller records the override.

    Raises:
        PermittedUseError: the table's terms leave the use out, or it carries no terms at all.
    """
    terms = terms_of(table)
    permitted = terms.uses if terms else frozenset()
    if use in permitted or override:
        return
    raise PermittedUseError(
        "PL-USE-001",
        place,
        f"the data does not permit its use for {use}",
        expected=f"{use} among the permitted uses",
        found=", ".join(sorted(permitted)) or "none",
        advice="train on data that permits it, or pass --override-uses; the override is written to the manifest",
    )
