"""Pages as a browser would read them, and names of data that try to be more than text."""

import html.parser
import re
from pathlib import Path

from plumbline.report import build_report, read_inputs

HOSTILE = (
    '<script>alert(1)</script> $x_1$ "><img src=http://evil.example/x.png onerror=alert(1)> \u202e {{7*7}} \\frac $'
)
VOID = {"meta", "link", "br", "img", "input", "hr"}


class Reader(html.parser.HTMLParser):
    """Reads a page as a browser would: elements must close in the order they opened."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[tuple[str, str]] = []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append((self.open[-1] if self.open else "", data))


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


def cards_of(page: str) -> list[str]:
    return re.findall(r'<article class="card.*?</article>', page, re.DOTALL)


def build(folder: Path) -> str:
    return build_report(read_inputs([folder]), title="A report", created="2026-01-06")


def hostile(value):
    """The same JSON with every name that data may choose made hostile."""
    fixed = {"plumbline", "version", "task", "why_undefined", "sha256"}
    open_maps = {"by_subset", "by_category", "baselines", "series", "set_aside", "records", "by_split", "by_strength"}
    if isinstance(value, dict):
        return {
            key: (
                {f"{HOSTILE}{at}": hostile(each) for at, each in enumerate(inner.values())}
                if key in open_maps and inner
                else inner
                if key in fixed
                else hostile(inner)
            )
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [hostile(each) for each in value]
    return HOSTILE if isinstance(value, str) else value
