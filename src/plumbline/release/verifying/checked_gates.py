"""The gates that a manifest tells of, held against the same gates run again on the data.

A gate that passed says the same whatever order the rows were read in, and so do all but two that failed and were accepted: those of
personal data and of workers count and name what they met first, batch by batch. Of these two the numbers and the ids named are
taken at their word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from plumbline.release.gates import PERSONAL_DATA, WORKERS, Gate, Status, digests_gate

_BY_ORDER = (PERSONAL_DATA, WORKERS)
_NUMBER = re.compile(r"\d[\d,]*")
_ID = re.compile(r"[0-9a-f]{32}")
_MOST_EXAMPLES = 5
_FIRST_STANDS = "; by where it first stands"


def gate_faults(told: Sequence[Gate], found: Sequence[Gate], *, same_words: bool) -> Iterator[tuple[str, str]]:
    """Gate and what is wrong with what is told of it.

    Args:
        told: of the manifest; each gate once and in order.
        found: run again; that of the digests of what was released cannot be.
        same_words: whether this version of Plumbline wrote it: another says the same in other words.
    """
    again: Mapping[str, Gate] = {gate.name: gate for gate in (*found, digests_gate([], [], [], is_listed=True))}
    for gate in told:
        on_data = again.get(gate.name)
        if on_data is None:
            continue
        passed, passes = gate.status is Status.PASSED, on_data.status is Status.PASSED
        if gate.stops or (passed and not passes) or (same_words and passed is not passes):
            yield gate.name, f"it tells {gate.status.value}, and on these data it is {on_data.status.value}"
        elif same_words and _compared(gate) != _compared(on_data):
            yield gate.name, "it does not say what the same gate says of these data"
        elif gate.name in _BY_ORDER and not _are_ids(gate.examples):
            yield gate.name, "it names examples that are no ids of records"


def _compared(gate: Gate) -> tuple[object, ...]:
    """What of a gate does not hang on the order in which rows were read."""
    counts = dict(gate.counts or {})
    if gate.status is Status.PASSED or gate.name not in _BY_ORDER:
        return gate.code, gate.said, gate.advice, counts, gate.examples
    said = _NUMBER.sub("0", gate.said.partition(_FIRST_STANDS)[0])
    return gate.code, said, gate.advice, sorted(counts), min([1, *counts.values()])


def _are_ids(examples: Sequence[str]) -> bool:
    return len(examples) <= _MOST_EXAMPLES and all(map(_ID.fullmatch, examples))
