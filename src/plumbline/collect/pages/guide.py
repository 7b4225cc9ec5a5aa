"""Guidelines from Markdown to HTML: headings, lists, tables, links; no HTML of the writer's own, no pictures from elsewhere."""

from __future__ import annotations

from functools import lru_cache

from markdown_it import MarkdownIt
from markupsafe import Markup

from plumbline.collect.pages.contexts.work import Guide
from plumbline.collect.store.rows import Guidelines


@lru_cache(maxsize=64)
def guide_html(text: str) -> Markup:
    """What Markdown means, with headings one level lower: the page has its own first heading.

    HTML in it stands there as text, and addresses that are not http, https or mailto are no links: the library's own rules.
    """
    parser = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable("table").disable("image")
    tokens = parser.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + 1)}"
        for child in token.children or ():
            if child.type == "link_open":
                child.attrSet("rel", "noopener noreferrer")
                child.attrSet("target", "_blank")
    return Markup(parser.renderer.render(tokens, parser.options, {}))  # noqa: S704 - the renderer escapes all text


def guide_of(row: Guidelines) -> Guide:
    """One version as a page shows it."""
    return Guide(row.version, guide_html(row.text), row.created_at)
