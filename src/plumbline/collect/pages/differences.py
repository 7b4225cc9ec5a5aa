"""What differs between two texts, line by line."""

from __future__ import annotations

from collections import Counter
from difflib import SequenceMatcher

from plumbline.collect.pages.contexts.differences import Difference, DiffLine

_AROUND = 3
MOST_LINES = 2000
MOST_COMPARED = 2000
"""Lines of a text that are compared: the comparison takes time with the square of their number."""
_OFTEN = 4
"""A line that stands oftener, an empty one say, does not tell where it belongs: it stays with what is around it. Were every
line looked for at each place where it stands, time would grow with the cube: a thousand equal lines took 39 s."""


def difference(older: int, before: str, newer: int, after: str) -> Difference:
    """From one version to another, with three lines around each change."""
    old_lines, new_lines = before.splitlines(), after.splitlines()
    is_cut = max(len(old_lines), len(new_lines)) > MOST_COMPARED
    old_lines, new_lines = old_lines[:MOST_COMPARED], new_lines[:MOST_COMPARED]
    lines: list[DiffLine] = []
    came = went = reached = 0
    times = Counter(new_lines)
    matcher = SequenceMatcher(lambda line: times[line] > _OFTEN, old_lines, new_lines, autojunk=False)
    for group in matcher.get_grouped_opcodes(_AROUND):
        first = group[0][1]
        if first > reached:
            lines.append(DiffLine("…", "skipped", "", f"{first - reached} lines alike"))
        for kind, old_from, old_to, new_from, new_to in group:
            if kind == "equal":
                lines += [DiffLine("", "stayed", "", line) for line in old_lines[old_from:old_to]]
                continue
            lines += [DiffLine("−", "went", "went", line) for line in old_lines[old_from:old_to]]
            lines += [DiffLine("+", "came", "came", line) for line in new_lines[new_from:new_to]]
            went, came = went + old_to - old_from, came + new_to - new_from
        reached = group[-1][2]
    return Difference(older, newer, came, went, tuple(lines[:MOST_LINES]), is_cut or len(lines) > MOST_LINES)
