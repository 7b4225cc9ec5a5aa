"""Permitted uses and licences: they travel with a table, through every derived set, to the model's card.

Where sets are combined the strictest wins: a use is permitted only where every part permits it. Of the licences whose
strictness is known the most restrictive is named; one that is not known stands beside it, ``A AND B``, for nobody can tell
which of them is stricter, and so do share-alike and non-commercial, neither of which holds the other. Sources: the cards of
hh-rlhf ("not for supervised training of dialogue agents"; red-team attempts "not for fine-tuning or preference modelling")
and the licences of BeaverTails and PKU-SafeRLHF.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

import pyarrow as pa
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from pydantic import JsonValue

from plumbline.records import PermittedUseError, UsageError, unknown_name


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
_STRICTNESS = ("CC0-1.0", "MIT", "Apache-2.0", "CC-BY-4.0")
_STRICTEST = ("CC-BY-NC-4.0", "CC-BY-SA-4.0")
"""Each stricter than all of `_STRICTNESS`, and neither than the other: both bind where both are."""
_KNOWN = (*_STRICTNESS, *_STRICTEST)
_USUAL = (
    *_KNOWN,
    *("CC-BY-3.0", "CC-BY-ND-4.0", "CC-BY-NC-SA-4.0", "CC-BY-NC-ND-4.0", "ODC-By-1.0", "ODbL-1.0", "PDDL-1.0"),
    *("CDLA-Permissive-2.0", "CDLA-Sharing-1.0", "BSD-3-Clause"),
)
"""Licences of data that a misspelt name may mean."""
_AND = " AND "
_MOST_LICENCE_CHARACTERS = 100
_LICENCE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*")


@dataclass(frozen=True, slots=True)
class Terms:
    """What may be done with data: the uses permitted and the licence (SPDX name)."""

    uses: frozenset[Use]
    licence: str

    def to_json(self) -> dict[str, object]:
        """As it stands in manifests and cards."""
        return {"uses": sorted(self.uses), "licence": self.licence}


def strictest_terms(parts: Iterable[Terms]) -> Terms:
    """The terms of a set made of all the parts, see above.

    Raises:
        ValueError: no parts.
    """
    listed = list(parts)
    if not listed:
        raise ValueError("expected the terms of at least one part, found none")
    uses = frozenset.intersection(*(part.uses for part in listed))
    return Terms(uses, _all_of(name for part in listed for name in licences_in(part.licence)))


def _all_of(names: Iterable[str]) -> str:
    """Licences that hold together: the strictest of those known, then all others by name, `UNKNOWN_LICENCE` last."""
    distinct = set(names)
    strictest = [name for name in _STRICTEST if name in distinct]
    known = strictest or [name for name in _STRICTNESS if name in distinct][-1:]
    others = sorted(distinct - {*_KNOWN, UNKNOWN_LICENCE})
    return _AND.join([*known, *others, *([UNKNOWN_LICENCE] if UNKNOWN_LICENCE in distinct else [])])


def licences_in(licence: str) -> list[str]:
    """The licences that all hold at once; what stands in brackets or is a choice stays together."""
    parts: list[str] = []
    for piece in licence.split(_AND):
        if parts and parts[-1].count("(") > parts[-1].count(")"):
            parts[-1] += _AND + piece
        else:
            parts.append(piece)
    names = [part.strip() for part in parts]
    if len(names) > 1 and any(" OR " in name and not name.startswith("(") for name in names):
        return [f"({licence})"]
    return [_as_listed(name) for name in names]


def _as_listed(name: str) -> str:
    """A licence's name in the spelling of those known, else as it is."""
    return next((listed for listed in (*_KNOWN, UNKNOWN_LICENCE) if listed.lower() == name.lower()), name)


@dataclass(frozen=True, slots=True)
class StatedTerms:
    """What a user says of the terms of their own data. It fills in what nothing else tells, and loosens nothing.

    Attributes:
        licence: SPDX name, or ``LicenseRef-`` and a name of one's own; None says nothing.
        uses: those permitted; None says nothing.
    """

    licence: str | None = None
    uses: frozenset[Use] | None = None

    @classmethod
    def of(cls, licence: str | None, uses: Iterable[str] | None) -> StatedTerms:
        """From words, as options bring them.

        Raises:
            UsageError: there is no such use, or the licence is no name.
        """
        names = None if uses is None else [name.strip() for name in uses]
        for name in names or ():
            if name not in list(Use):
                raise unknown_name("--uses", name, list(Use))
        return cls(
            None if licence is None else _licence_name(licence),
            None if names is None else frozenset(map(Use, names)),
        )

    def to_json(self) -> dict[str, JsonValue]:
        """As it stands in manifests; empty where nothing was stated."""
        stated: dict[str, JsonValue] = {} if self.licence is None else {"licence": self.licence}
        return stated if self.uses is None else {**stated, "uses": [use.value for use in sorted(self.uses)]}

    def applied(self, carried: Iterable[Terms], assumed: Terms | None) -> Terms:
        """The terms of a file.

        Args:
            carried: what its manifest and the file itself say; at most this is permitted.
            assumed: what its format says of files that carry nothing; None where it says nothing either.
        """
        told = list(carried)
        if not told:
            known = assumed or Terms(self.uses or frozenset(), UNKNOWN_LICENCE)
            told = [Terms(known.uses, self.licence or known.licence) if known.licence == UNKNOWN_LICENCE else known]
        if self.licence is not None:
            told.append(Terms(ALL_USES, self.licence))
        if self.uses is not None:
            told.append(Terms(self.uses, told[0].licence))
        return strictest_terms(told)

    def overruled(self, terms: Terms) -> str:
        """What of this statement the terms of the data did not take over, one clause; empty where they took all of it."""
        said = []
        if self.licence is not None and self.licence != terms.licence:
            beside = set(licences_in(self.licence)) <= set(licences_in(terms.licence))
            how = "stands beside what the data carry" if beside else "is overruled by what the data carry"
            said.append(f"--licence {self.licence} {how}: {terms.licence}")
        if self.uses is not None and self.uses - terms.uses:
            refused = ", ".join(sorted(self.uses - terms.uses))
            said.append(
                f"--uses {refused} is overruled by what the data carry: {', '.join(sorted(terms.uses)) or 'none'}"
            )
        return "; ".join(said)


def _licence_name(text: str) -> str:
    """The licence as it is listed, or the user's own name for it."""
    names = [name.strip() for name in text.split(_AND)]
    listed = [spelled for name in names if (spelled := _spelled(name)) is not None]
    if len(listed) < len(names) or len(text) > _MOST_LICENCE_CHARACTERS:
        own = re.sub(r"[^A-Za-z0-9.]+", "-", text[:40]).strip("-")
        is_unknown = text.strip().lower() == UNKNOWN_LICENCE
        near = get_close_matches(own.upper(), {name.upper(): name for name in _USUAL}, n=1, cutoff=0.8)
        nearest = [name for name in _USUAL if name.upper() in near]
        ways = [f"--licence {name}" for name in nearest] + (
            [f"--licence LicenseRef-{own}, if it is one of your own"] if own else []
        )
        raise UsageError(
            "PL-USE-003",
            "licence (--licence)",
            "an unknown licence states nothing" if is_unknown else "this is no name of a licence",
            expected="an SPDX name like CC-BY-4.0, or LicenseRef- and a name of your own, without blanks",
            found=f"{len(text):,} characters",
            advice="leave --licence out" if is_unknown or not ways else "; or ".join(ways),
        )
    return _all_of(listed)


def _spelled(name: str) -> str | None:
    """A name as SPDX spells it, or one's own behind ``LicenseRef-``; None where it is neither."""
    if not _LICENCE_NAME.fullmatch(name):
        return None
    try:
        return _as_listed(canonicalize_license_expression(name))
    except InvalidLicenseExpression:
        return None


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
    return Terms(frozenset(Use(name) for name in names), _text(metadata.get(LICENCE_KEY, UNKNOWN_LICENCE.encode())))


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
