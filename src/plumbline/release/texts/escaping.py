"""Words of data and of people as they stand in Markdown: nothing in them is markup, HTML, or steers a terminal or a page."""

from __future__ import annotations

import re
import unicodedata

_MARKUP = re.compile(r"([\\`*_{}\[\]()!|~])")
_OPENING = re.compile(r"^([#+\-=]|\d+(?=[.)]))")
"""What begins a heading, a list or a rule, where a line begins with it."""
_LINK = re.compile(r":(?=//)|(?<=www)\.|@", re.IGNORECASE)
"""The sign without which an address is not made a link."""
_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
"""Controls, marks of direction, lone surrogates, line separators: what no line of text needs."""


def plain_text(text: str) -> str:
    """One line without controls: what would start another line is a blank."""
    kept = text
    if not text.isprintable():  # where it is, nothing is hidden
        kept = "".join(" " if _is_hidden(character) else character for character in text)
    return re.sub(r"\s+", " ", kept).strip()


def plain_paragraphs(text: str) -> list[str]:
    """The paragraphs of a text, each one line."""
    found = (plain_text(part) for part in re.split(r"\n\s*\n", text.replace("\r\n", "\n")))
    return [part for part in found if part]


def _is_hidden(character: str) -> bool:
    return unicodedata.category(character) in _HIDDEN


def markdown(text: str) -> str:
    """The words of a text in Markdown, as they are: no markup, no HTML, no link."""
    escaped = plain_text(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    unlinked = _LINK.sub(lambda found: f"&#{ord(found[0])};", _MARKUP.sub(r"\\\1", escaped))
    return _OPENING.sub(lambda found: f"&#{ord(found[0][0])};{found[0][1:]}", unlinked)


def fenced(text: str, language: str = "") -> str:
    """A block of code that the text cannot end."""
    cleaned = "\n".join(_without_controls(line) for line in text.splitlines())
    longest = max((len(run) for run in re.findall(r"`+", cleaned)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{cleaned}\n{fence}"


def _without_controls(line: str) -> str:
    return line if line.isprintable() else "".join(each for each in line if each == "\t" or not _is_hidden(each))


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table; the cells are Markdown already."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
