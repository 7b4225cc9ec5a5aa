"""What a pattern is: a region that Polars finds in whole columns, and matchers that judge what stands in it.

A *region* is a regular expression of Rust's engine, whose time is linear in the text; it is wide and cheap. A *window* is
a region with some of the text around it. A *matcher* is a Python expression, run on windows only. All of its
repetitions are bounded and none is nested in another over the same characters, so that its time at one place is bounded
too; its `accepts` is where check digits, reserved values and words that stand before are looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

BEFORE, AFTER = 48, 64
"""Characters of the text that a window holds before and after its region, as far as there are any."""

NUMBER_BEGINS = r"(?<![\w.])(?<![0-9][-/])"
NUMBER_ENDS = r"(?!\w)(?![-./][0-9])"
"""A number is not cut out of a longer one, nor out of a word, a date, a version or an amount."""

Match = re.Match[str]


def _always(_: Match) -> bool:
    return True


@dataclass(frozen=True)
class Matcher:
    """One way in which a kind of personal data is written.

    Attributes:
        kind: what a match is, a key of `kinds.KINDS`.
        pattern: run on windows; the group `found`, where there is one, is the value, else the whole match is.
        accepts: whether a match is the kind; sees the text before it as ``match.string``.
    """

    kind: str
    pattern: re.Pattern[str]
    accepts: Callable[[Match], bool] = _always

    def spans(self, window: str) -> Iterator[tuple[int, int]]:
        """Start and end of each value; after a match that is not accepted the search goes on one character later."""
        group = "found" if "found" in self.pattern.groupindex else 0
        place = 0
        while match := self.pattern.search(window, place):
            if self.accepts(match):
                yield match.span(group)
                place = max(match.end(), place + 1)
            else:
                place = match.start() + 1


@dataclass(frozen=True)
class Family:
    """Matchers that share a region.

    Attributes:
        hint: a cheaper expression that every text with a region also holds; decides which texts are searched.
        region: Rust expression; every match of a matcher overlaps a region.
        matchers: run on each window.
    """

    hint: str
    region: str
    matchers: tuple[Matcher, ...]


def number(match: Match) -> str:
    """The value without what separates it: letters and digits only."""
    value = match["found"] if "found" in match.re.groupindex else match[0]
    return "".join(filter(str.isalnum, value))


def words(pattern: str) -> re.Pattern[str]:
    """An expression for words that stand before a value.

    What lies between words and value holds no bracket: a masked value stands in brackets, so masking can neither
    bring words nearer nor be taken for words itself.
    """
    return re.compile(rf"\b(?:{pattern})\b[^\[\]]*\Z", re.IGNORECASE)


def follows(match: Match, said: re.Pattern[str], within: int = BEFORE) -> bool:
    """Whether the words stand at most `within` characters before the match."""
    start = match.start()
    return said.search(match.string[max(0, start - within) : start]) is not None
