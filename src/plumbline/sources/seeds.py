"""Seeds: one number, from which all others of a draw follow, the same on every machine and in every version of Python."""

from __future__ import annotations

import secrets
from hashlib import blake2b

SEED_BITS = 31
"""What every backend takes: some read seeds as 32 bits, signed."""
LARGEST_SEED = 2**63 - 1


def fresh_seed() -> int:
    """A seed that nobody can foresee."""
    return secrets.randbits(SEED_BITS)


def derived_seed(seed: int, *path: str | int) -> int:
    """The seed of a part of a draw: ``derived_seed(seed, "sample", 3)``; in [0, 2**31)."""
    text = "/".join(map(str, (seed, *path)))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") >> (64 - SEED_BITS)


def sample_seeds(seed: int | None, count: int) -> list[int]:
    """Different seeds for the samples of one request; the first few of a longer list are those of a shorter one."""
    base = fresh_seed() if seed is None else seed
    found: dict[int, None] = {}
    number = 0
    while len(found) < count:
        found[derived_seed(base, "sample", number)] = None
        number += 1
    return list(found)
