"""Workers as notes call them: pseudonyms as they are, whatever may lead to a person as a number of the list."""

from __future__ import annotations

import re
from collections.abc import Iterable

_PSEUDONYM = re.compile(
    r"[abcdefghjkmnpqrstuvwxyz23456789]{10}"  # drawn by plumbline.collect
    r"|[0-9]{1,9}"
    r"|(?i:crowdworker|worker|annotator|reviewer|rater|judge|labell?er|participant|person|user|member|expert|[wapru])"
    r"[-_ ]?[0-9]{1,6}"
    r"|[0-9a-f]{16}|[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}"
    r"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    re.ASCII,
)
"""The shapes that the gates of a release take for pseudonyms. Names, addresses, Prolific and Mechanical Turk ids are none."""

_UNNAMED = re.compile(r"unnamed-[0-9]{1,9}", re.ASCII)


def is_pseudonym(name: str) -> bool:
    """Whether a name has the shape of a pseudonym; whose it is, nobody can tell from it."""
    return _PSEUDONYM.fullmatch(name) is not None


def is_name_for_notes(name: str) -> bool:
    """Whether `names_for_notes` may have called a worker so."""
    return is_pseudonym(name) or _UNNAMED.fullmatch(name) is not None


def names_for_notes(workers: Iterable[str]) -> dict[str, str]:
    """What each worker is called: as in the data, or ``unnamed-3``, the third in order of the alphabet of those given.

    The same worker is called the same wherever the same workers are given; the records keep the name that they have.
    """
    return {
        worker: worker if is_pseudonym(worker) else f"unnamed-{place}"
        for place, worker in enumerate(sorted(set(workers)), 1)
    }
