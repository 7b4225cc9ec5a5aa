"""YAML of which nothing but text, lists and mappings comes: no reference, no tag, no merge, no key twice.

What two readers could take for two things is refused: `datasets`, a hub and a person shall read the same.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

MOST_CHARACTERS = 1 << 15
"""Of the YAML at the head of a page, where nothing tells how long it should be; reading it takes a second."""
_MOST_DEEP = 20
_FRONT = re.compile(r"---\n(.*?\n)---\n", re.DOTALL)
_TEXT, _LIST, _MAPPING = "tag:yaml.org,2002:str", "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map"


def split_front_matter(text: str, most: int = MOST_CHARACTERS) -> tuple[str, str]:
    """The YAML at the head of a page, and what follows it.

    Args:
        most: characters of the YAML; a longer one is not looked at.
    Raises:
        ValueError: there is none, or it is not plain ASCII: readers differ in what they take for the end of a line.
    """
    found = _FRONT.match(text[: most + len("---\n---\n")])
    if found is None:
        raise ValueError("it does not begin with YAML between two lines of ---, of the length of this release's")
    if not all(" " <= each <= "~" or each == "\n" for each in found[1]):
        raise ValueError("its YAML is not plain ASCII")
    return found[1], text[found.end() :]


def read_plain_yaml(text: str) -> Any:
    """Texts, lists and mappings by text.

    Raises:
        ValueError: it is no YAML, or holds anything else; the message quotes nothing of it.
    """
    try:
        return _plain(yaml.compose(text, _Loader), 0)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError("its YAML cannot be read") from error


class _Loader(yaml.SafeLoader):
    """Reads without references: a few lines of them unpack to more than a machine holds."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Refuse a reference."""
        if self.check_event(yaml.AliasEvent):
            raise ValueError("its YAML holds references")
        return super().compose_node(parent, index)


def _plain(node: yaml.Node | None, depth: int) -> Any:
    if depth > _MOST_DEEP:
        raise ValueError("its YAML is nested deeper than a card's")
    if isinstance(node, yaml.ScalarNode) and node.tag == _TEXT:
        return node.value
    if isinstance(node, yaml.SequenceNode) and node.tag == _LIST:
        return [_plain(each, depth + 1) for each in node.value]
    if isinstance(node, yaml.MappingNode) and node.tag == _MAPPING:
        pairs = [(_plain(key, depth + 1), _plain(value, depth + 1)) for key, value in node.value]
        if not all(isinstance(key, str) for key, _ in pairs):
            raise ValueError("a key of its YAML is no text")
        if len({key for key, _ in pairs}) != len(pairs):
            raise ValueError("a key of its YAML stands twice")
        return dict(pairs)
    raise ValueError("its YAML holds what is neither text, list nor mapping")
