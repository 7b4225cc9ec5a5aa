"""Groups of sequences that are too large for one batch, in parts that are not."""

from __future__ import annotations

from collections.abc import Sequence

from plumbline.models.tree_batch import Integers, Tree, build_tree


def tree_parts(group: Sequence[Integers], tokens: int) -> list[tuple[Sequence[Integers], Tree]]:
    """A group halved until each part's tree is within the budget, or is one sequence; a part computes what it shares once."""
    tree = build_tree(group)
    if len(group) < 2 or len(tree) <= tokens:
        return [(group, tree)]
    middle = len(group) // 2
    return [*tree_parts(group[:middle], tokens), *tree_parts(group[middle:], tokens)]


def plain_parts(group: Sequence[Integers], tokens: int) -> list[Sequence[Integers]]:
    """A group in parts of as many sequences as are within the budget, at least one."""
    each = max(tokens // max(map(len, group), default=1), 1)
    return [group[start : start + each] for start in range(0, max(len(group), 1), each)]
