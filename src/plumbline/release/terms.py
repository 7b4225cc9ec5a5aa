"""Licences in the spellings of the hub and of SPDX, and what a `LICENSE` file of a release says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from plumbline.lineage import StatedTerms, Terms, Use, strictest_terms
from plumbline.lineage.uses import UNKNOWN_LICENCE, licences_in

_ON_THE_HUB = {
    "CC0-1.0": "cc0-1.0",
    "MIT": "mit",
    "Apache-2.0": "apache-2.0",
    "CC-BY-4.0": "cc-by-4.0",
    "CC-BY-SA-4.0": "cc-by-sa-4.0",
    "CC-BY-NC-4.0": "cc-by-nc-4.0",
    "CC-BY-NC-SA-4.0": "cc-by-nc-sa-4.0",
    "CC-BY-3.0": "cc-by-3.0",
    "ODC-By-1.0": "odc-by",
    "ODbL-1.0": "odbl",
}
"""SPDX name → the hub's. Source: https://huggingface.co/docs/hub/repositories-licenses"""

USES_TOLD = {
    Use.PREFERENCE: "training preference, reward and cost models",
    Use.POLICY: "prompts for the training of policies",
    Use.SUPERVISED: "supervised training of dialogue agents",
    Use.MODERATION: "training moderation models",
    Use.ANALYSIS: "analysis and evaluation",
}


def hub_licence(licence: str) -> str:
    """The licence as the YAML of a card names it; ``other`` where the hub has no name for it."""
    return _ON_THE_HUB.get(licence, "other")


def licence_address(licence: str) -> str | None:
    """Where the licence's text stands; None where its name tells no place."""
    return f"https://spdx.org/licenses/{licence}.html" if licence in _ON_THE_HUB else None


def is_known(licence: str) -> bool:
    """Whether every part of a licence is known by name."""
    return UNKNOWN_LICENCE not in [part.strip() for part in licence.split(" AND ")]


def licences_of(parts: Iterable[Terms]) -> tuple[str, ...]:
    """The licences that are known of all parts, each once and by name."""
    return tuple(sorted({name for part in parts for name in licences_in(part.licence)} - {UNKNOWN_LICENCE}))


def licences_stated(licence: str, sources: Sequence[str]) -> list[str]:
    """What of a release's licence no source carries: somebody stated it."""
    return [name for name in licences_in(licence) if name not in sources]


def licences_beside(licence: str, sources: Sequence[str]) -> list[str]:
    """The sources' licences that a stricter one stands for in the name of the whole: their notices go along."""
    return [name for name in sources if name not in licences_in(licence)]


def origin_told(licence: str, sources: Sequence[str]) -> str:
    """Where a release's licence comes from, a clause: what was stated at the release, and what the sources carry."""
    stated, beside = licences_stated(licence, sources), licences_beside(licence, sources)
    if stated:
        carried = f"the sources carry {', '.join(sources)}" if sources else "the sources tell none"
        return f"{', '.join(stated)} was stated at the release; {carried}"
    known = f"; the sources carry {', '.join(sources)}" if beside else ""
    return f"the strictest of everything it was made of{known}"


def licences_apart(licence: str) -> tuple[str, str] | None:
    """(share-alike, non-commercial): two licences of the conjuncts under which no adaptation can stand at once, if there are any.

    What is made of CC-BY-SA data is under CC-BY-SA alone, and of CC-BY-NC data never under it. Source: the adapter's licence
    chart, https://creativecommons.org/faq/#if-i-derive-or-adapt-material-offered-under-a-creative-commons-license-which-cc-licenses-can-i-use
    """
    names = [part.strip() for part in licence.split(" AND ")]
    alike = [name for name in names if ("-SA-" in name or name.startswith("ODbL")) and "-NC-" not in name]
    commerce = [name for name in names if "-NC-" in name]
    return (alike[0], commerce[0]) if alike and commerce else None


def filled_in(terms: Terms, stated: StatedTerms) -> Terms:
    """The terms with what a person states in place of what nothing told, as `StatedTerms.applied` does where data come in.

    An unknown licence gives way to the one stated; whatever is known stays and binds. Uses are filled in only where neither
    licence nor uses are known: beside a known licence, no use at all may be what somebody meant.
    """
    if is_known(terms.licence):
        return terms
    others = " AND ".join(part for part in terms.licence.split(" AND ") if part.strip() != UNKNOWN_LICENCE)
    uses = terms.uses if terms.uses or others else stated.uses or terms.uses
    known = [licence for licence in (others, stated.licence) if licence]
    return (
        Terms(uses, terms.licence) if stated.licence is None else strictest_terms(Terms(uses, each) for each in known)
    )


def licence_text(terms: Terms, sources: Sequence[str] = ()) -> str:
    """The `LICENSE` file: which licence holds, where its text stands, what the sources are under, what the data may be used for.

    Args:
        sources: the licences that the sources carry.
    """
    lines = [f"Licence of this data set: {terms.licence}", ""]
    lines += map(_where_it_stands, licences_in(terms.licence))
    if beside := licences_beside(terms.licence, sources):
        lines += ["", f"Notice: {origin_told(terms.licence, sources)}."]
        lines += [
            "What these ask for, such as that their notices are kept, holds for what comes from their sources:",
            "",
        ]
        lines += map(_where_it_stands, beside)
    lines += ["", "Beside the licence, the data may be used for:", ""]
    lines += [f"- {use}: {USES_TOLD[use]}" for use in sorted(terms.uses)]
    lines += ["", "and for nothing else of:", ""]
    lines += [f"- {use}: {USES_TOLD[use]}" for use in sorted(set(Use) - terms.uses)] or ["- (all uses are permitted)"]
    return "\n".join(lines) + "\n"


def _where_it_stands(name: str) -> str:
    address = licence_address(name)
    return f"{name}: {address}" if address else f"{name}: ask whoever released the data for its text"
