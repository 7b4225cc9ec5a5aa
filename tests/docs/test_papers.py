"""docs/papers.md: the modules that it names are there, and it names every paper that a docstring gives as its source."""

import re
from pathlib import Path

from tests.docs.pages import DOCS

SOURCES = DOCS.parent / "src" / "plumbline"
PAGE = (DOCS / "papers.md").read_text(encoding="utf-8")
MONTHS = ("March",)
"""Of laws that a docstring names by their date."""
_SOURCE = re.compile(r"\bSource: (.*?)(?=Deviation|\n\s*\n|\"\"\"|\Z)", re.DOTALL)
_PAPER = re.compile(
    r"\b(?:van )?([A-Z][\w'’-]+)(?:(?:,? (?:& |and )?[A-Z][\w'’-]+)*|(?: et al\.)) \(?((?:19|20)\d\d)\b"
)


def papers_cited():
    """(first author, year) → files that give it as their source."""
    found = {}
    for path in SOURCES.rglob("*.py"):
        for said in _SOURCE.findall(path.read_text(encoding="utf-8")):
            for author, year in _PAPER.findall(" ".join(said.split())):
                found.setdefault((author, year), []).append(path.name)
    return found


def test_every_paper_that_is_a_source_stands_there():
    cited = papers_cited()
    assert len(cited) > 50
    missing = {paper: files for paper, files in cited.items() if paper[0] not in PAGE and paper[0] not in MONTHS}
    assert not missing


def test_every_module_is_there():
    named = 0
    for line in PAGE.splitlines():
        cells = line.split(" | ")
        if len(cells) != 4:
            continue
        folder = Path()
        for name in re.findall(r"`([\w/]+(?:\.py|/))`", cells[2]):
            folder = Path(name).parent if "/" in name.rstrip("/") else folder  # of several the first names the folder
            place = SOURCES / (name if "/" in name else folder / name)
            assert place.exists(), line
            named += 1
    assert named > 80
