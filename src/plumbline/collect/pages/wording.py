"""Values as people read them: counts, moments, shares, names of the program as words."""

from __future__ import annotations

from datetime import datetime

from plumbline.collect.pages.contexts.work import MOST_WAITING

NOTHING = "–"
"""Where there is no value; never 0."""


def count(number: float | None) -> str:
    """``12,345``."""
    return NOTHING if number is None else f"{number:,.0f}"


def counted(number: float, one: str, many: str | None = None) -> str:
    """``1 item``, ``0 items``, ``12,345 items``; `many` where it is more than `one` with an s."""
    return f"{count(number)} {one if round(number) == 1 else many or one + 's'}"


def ago(past_seconds: float) -> str:
    """``12 seconds ago``, ``2 minutes ago``, ``3 hours ago``, ``5 days ago``."""
    whole = max(0, round(past_seconds))
    for size, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if whole >= size:
            return f"{counted(whole // size, name)} ago"
    return f"{counted(whole, 'second')} ago"


def waiting(number: int) -> str:
    """``3 wait``; from the most that are counted on, ``100 or more wait``."""
    if number >= MOST_WAITING:
        return f"{MOST_WAITING} or more wait"
    return "1 waits" if number == 1 else f"{number} wait"


def day(moment_: datetime | None) -> str:
    """``2026-11-22``, in UTC."""
    return NOTHING if moment_ is None else f"{moment_:%Y-%m-%d}"


def moment(at: datetime | None) -> str:
    """``2026-11-22 13:45 UTC``."""
    return NOTHING if at is None else f"{at:%Y-%m-%d %H:%M} UTC"


def plain(name: str) -> str:
    """A name of the program or of a taxonomy as words: ``self_harm`` → ``self harm``, ``a,b`` → ``a, b``."""
    return name.replace("_", " ").replace(",", ", ").replace(",  ", ", ").replace("-", " ")


def share(value: float | None) -> str:
    """``62 %``."""
    return NOTHING if value is None else f"{100 * value:.0f} %"


_NO_SPREAD = "every item gives the same value, so nothing tells how sure it is"
_REASONS = {
    "no rows": "nothing of it was judged yet",
    "every resample gives the same value, which says nothing of how sure it is": _NO_SPREAD,
    "every cluster says the same, which says nothing of how sure it is": _NO_SPREAD,
    "one cluster only, an interval needs two": "it is of one item only so far, and an interval needs two",
    "every rating is the same": "everybody answered the same",
    "too few values for an interval": "there are too few yet",
}


def reason(why: str) -> str:
    """Why a figure of `plumbline.measure`, or its interval, is missing, in words of who runs a study."""
    if "resamples" in why and why not in _REASONS:
        return "there is too little of it yet"
    return _REASONS.get(why, why)


def seconds(value: float | None) -> str:
    """``45 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if value is None:
        return NOTHING
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"
