"""When a message that did not arrive is sent again: soon at first, then ever less often, then not any more."""

from __future__ import annotations

from datetime import timedelta

FIRST = timedelta(seconds=10)
LONGEST = timedelta(hours=6)
MOST_ATTEMPTS = 16
"""The last one is made about two days after the first."""
_FACTOR = 3
_SPREAD = 0.2
_GONE = 410


def wait_after(attempts: int, status: int, draw: float) -> timedelta | None:
    """How long to wait before the next attempt; None gives the message up.

    10 s, 30 s, 90 s and so on, never more than six hours, a fifth more or less.

    Args:
        attempts: made so far, 1 or more.
        status: of the last answer; 410 says that the receiver is gone for good.
        draw: 0 to 1, at random, so that what failed together does not come again together.
    """
    if attempts >= MOST_ATTEMPTS or status == _GONE:
        return None
    # Not FIRST * _FACTOR ** attempts: that would be more than a timedelta holds.
    waits = min(FIRST.total_seconds() * _FACTOR ** min(attempts - 1, MOST_ATTEMPTS), LONGEST.total_seconds())
    return timedelta(seconds=waits * (1 - _SPREAD + 2 * _SPREAD * draw))
