"""Templates of pages, and how a page is written: everything that data may choose is escaped, no character of it can hide."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from plumbline.lineage import write_aside
from plumbline.report.pictures.drawing import missing_extra
from plumbline.report.wording import visible


def load_template(name: str) -> Any:
    """A template whose texts are escaped and made visible wherever they stand.

    Args:
        name: of a file in ``templates``.
    Raises:
        MissingExtraError: jinja2 is not installed.
    """
    try:
        import jinja2  # noqa: F401 - whether it is there; `_environment` uses it
        import markupsafe  # noqa: F401 - as well
    except ImportError as error:
        raise missing_extra("jinja2") from error
    return _environment().get_template(name)


@cache
def _environment() -> Any:
    """Once a process: it keeps what it has compiled, and compiling a page's templates takes as long as filling them."""
    import jinja2
    import markupsafe

    made = jinja2.Environment(
        loader=jinja2.PackageLoader("plumbline.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # The pictures are SVG that `drawing` serialised; every name in them was escaped there.
    made.filters["drawn"] = lambda picture: markupsafe.Markup(picture.svg)  # noqa: S704 – our own drawing, its texts escaped
    return made


def write_page(text: str, out: Path) -> int:
    """Write a page, aside and renamed; its bytes.

    Raises:
        WriteError: the page could not be written.
    """
    raw = text.encode()
    with write_aside(out) as aside:
        aside.write_bytes(raw)
    return len(raw)


def _shown(value: object) -> object:
    return visible(value) if type(value) is str else value
