"""What a handed-over release says of itself, held against what its manifest and its data files give.

Every text is made again (`texts/written.py`) and compared. What loaders and licences hang on is compared whoever wrote it; the words
of pages only where this version of Plumbline wrote them, for another may say the same in other words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from plumbline.lineage.writing import MANIFEST_NAME
from plumbline.release.facts import Facts
from plumbline.release.handed_over import Finding, HandedOver, shown, unsafe_name
from plumbline.release.names import SUMS
from plumbline.release.plurals import counted
from plumbline.release.texts.card import front_matter
from plumbline.release.texts.croissant import croissant
from plumbline.release.texts.written import CARD, CHANGES, CROISSANT, DATASHEET, LICENCE, release_texts
from plumbline.release.verifying.plain_yaml import MOST_CHARACTERS, read_plain_yaml, split_front_matter

_SUM = re.compile(r"([0-9a-f]{64})  (.+)")
_MOST_TOLD = 20
_OF_LOADERS = ("configs",)
_OF_LICENCES = ("license", "license_name", "license_link")
_FACTS_OF_CARDS = (*_OF_LOADERS, *_OF_LICENCES, "size_categories")
_FACTS_OF_CROISSANT = (
    "distribution",
    "recordSet",
    "license",
    "version",
    "name",
    "datePublished",
    "conformsTo",
    "@type",
)


def checked_sums(handed: HandedOver) -> Iterator[Finding]:
    """`SHA256SUMS` names every file but itself and the manifest, once, and its digest."""
    try:
        lines = handed.text(SUMS).splitlines()
    except ValueError as error:
        yield Finding("PL-REL-030", SUMS, f"there are no checksums that can be read: {error}")
        return
    named: set[str] = set()
    odd = 0
    for line in lines:
        found = _SUM.fullmatch(line)
        if found is None or unsafe_name(found[2]) or found[2] not in handed.files or found[2] in named:
            odd += 1
            continue
        named.add(found[2])
        if handed.digest(found[2]) != found[1]:
            yield Finding("PL-REL-030", found[2], "the content is not what SHA256SUMS says")
    if odd:
        yield Finding("PL-REL-030", SUMS, f"{counted(odd, 'line')} without the name of a file here, or with one again")
    missing = sorted(handed.files.keys() - named - {SUMS, MANIFEST_NAME})
    yield from (Finding("PL-REL-030", name, "SHA256SUMS does not name it") for name in missing[:_MOST_TOLD])


def checked_texts(handed: HandedOver, facts: Facts, *, same_words: bool) -> Iterator[Finding]:
    """Card, datasheet, metadata, changes and licence say what follows from manifest and data.

    Args:
        facts: see `told.facts_told`.
        same_words: whether this version of Plumbline wrote them.
    Raises:
        ValueError, TypeError: the manifest tells what no text can be made of.
    """
    expected = release_texts(facts)
    yield from checked_card(handed, facts, expected[CARD] if same_words else None)
    yield from checked_croissant(handed, facts, same_words=same_words)
    for name in (LICENCE, *((DATASHEET, CHANGES) if same_words else ())):
        try:
            yield from _differing_words(name, handed.text(name), expected[name])
        except ValueError as error:
            yield Finding("PL-REL-033", name, str(error))


def checked_card(handed: HandedOver, facts: Facts | None, expected: str | None) -> Iterator[Finding]:
    """The card: its YAML is plain, with the configurations and the licence of this release; its words are the expected ones.

    Args:
        facts: None where nothing tells what is to be expected.
        expected: the whole text; None where its words are not compared.
    """
    wanted = None if facts is None else front_matter(facts)
    most = MOST_CHARACTERS if wanted is None else MOST_CHARACTERS + 2 * len(_canonical(wanted))
    try:
        front, body = split_front_matter(handed.text(CARD), most)
        told = read_plain_yaml(front)
    except ValueError as error:
        yield Finding("PL-REL-025", CARD, str(error))
        return
    if not isinstance(told, dict):
        yield Finding("PL-REL-025", CARD, "its YAML is no mapping")
        return
    if wanted is None:
        if not isinstance(told.get("configs"), list):
            yield Finding("PL-REL-025", CARD, "there are no configurations (configs)")
        return
    fields = _differing_fields(told, wanted, None if expected is not None else _FACTS_OF_CARDS)
    for name, problem in fields:
        code = "PL-REL-028" if name in _OF_LICENCES else "PL-REL-025"
        yield Finding(code, f"{CARD}, {name}", problem)
    if expected is not None:
        yield from _differing_words(CARD, body, split_front_matter(expected, len(expected))[1])


def checked_croissant(handed: HandedOver, facts: Facts | None, *, same_words: bool) -> Iterator[Finding]:
    """`croissant.json`: files with digests and sizes, records with counts, licence, version: those of this release."""
    try:
        told = json.loads(handed.text(CROISSANT), object_pairs_hook=_each_key_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        why = str(error) if type(error) is ValueError else "it is no JSON"
        yield Finding("PL-REL-026", CROISSANT, f"there is no metadata that can be read: {why}")
        return
    if not isinstance(told, dict):
        yield Finding("PL-REL-026", CROISSANT, "it is no JSON object")
    elif facts is not None:
        for name, problem in _differing_fields(told, croissant(facts), None if same_words else _FACTS_OF_CROISSANT):
            yield Finding("PL-REL-026", f"{CROISSANT}, {name}", problem)


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _no_constant(_name: str) -> float:
    raise ValueError("a number that JSON does not know")


def _differing_fields(
    told: Mapping[str, Any], expected: Mapping[str, Any], compared: tuple[str, ...] | None
) -> Iterator[tuple[str, str]]:
    """The fields that are not as expected, with what is wrong.

    Args:
        compared: the names of those whose content is compared; None for all. One that no release has is always told.
    """
    for name in sorted(told.keys() - expected.keys()):
        yield shown(name)[:60], "a field that no release has"
    for name, value in expected.items():
        if name not in told:
            yield name, "it is missing"
        elif (compared is None or name in compared) and _canonical(told[name]) != _canonical(value):
            yield _place(name, told[name], value), "it is not what manifest and data files give"


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _place(name: str, told: Any, expected: Any) -> str:
    """The field, and of a list the first element that differs, by the name that is expected there."""
    if not isinstance(told, list) or not isinstance(expected, list):
        return name
    pairs = zip(told, expected, strict=False)
    first = next((number for number, (one, other) in enumerate(pairs) if _canonical(one) != _canonical(other)), None)
    if first is None:
        return f"{name}, {len(told):,} in place of {len(expected):,}"
    wanted = expected[first]
    called = (wanted.get("@id") or wanted.get("config_name")) if isinstance(wanted, dict) else None
    return f"{name}, {called or first}"


def _differing_words(name: str, found: str, expected: str) -> Iterator[Finding]:
    """The first place at which a text is not the one expected, under the heading or question that it stands under."""
    if found == expected:
        return
    theirs, ours = found.split("\n"), expected.split("\n")
    line = next((n for n, (one, other) in enumerate(zip(theirs, ours, strict=False)) if one != other), None)
    number = min(len(theirs), len(ours)) if line is None else line
    heading = next((each for each in reversed(ours[: number + 1]) if each.startswith(("#", "**"))), "")
    under = heading.strip("#* ")[:80]
    yield Finding(
        "PL-REL-033", f"{name}{f', {under}' if under else ''}", "it does not say what manifest and data files give"
    )
