"""Draws that anyone can repeat: from the study's seed and names, never from a clock or a state.

Source: SHA-256 as a random function; 128 bits of it are a number in [0, 1).
"""

from __future__ import annotations

from plumbline.records.identity import digest


def drawn_share(seed: int, *names: str) -> float:
    """A number in [0, 1), even over names."""
    # 53 bits: all that a float holds; more would round up to 1.
    return (_drawn(seed, *names) >> 75) / (1 << 53)


def drawn_order(seed: int, count: int, *names: str) -> tuple[int, ...]:
    """A permutation of range(count), each equally likely over names."""
    return tuple(sorted(range(count), key=lambda index: _drawn(seed, *names, str(index))))


def reply_seed(seed: int, assignment_id: str, turn: int, draw: int) -> int:
    """The seed that a sampler draws a turn's replies with; 53 bits. Another draw of the same turn has another."""
    return _drawn(seed, "replies", assignment_id, str(turn), str(draw)) >> 75


def _drawn(seed: int, *names: str) -> int:
    return int(digest("draw", str(seed), *names), 16)
