"""The pages of the design: every package has one that names its modules, and what a page names is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "design"
PICTURES = [ROOT / "docs" / "pictures" / f"one-{what}.svg" for what in ("comparison", "judgement")]
PACKAGES = sorted(path.parent.name for path in (ROOT / "src" / "plumbline").glob("*/__init__.py"))
FILES = {
    path.relative_to(ROOT).as_posix()
    for folder in ("src", "tests", "benchmarks")
    for path in (ROOT / folder).rglob("*.py")
}
OF_DATASETS = {"data_files.py", "load.py"}
"""Modules of the library `datasets` that a page names beside ours."""
NAMED = re.compile(r"[\w*/.-]*\w\*?\.py\b")


def modules_named(page):
    text = re.sub(r"https?://\S+", "", page.read_text(encoding="utf-8"))
    return set(NAMED.findall(text)) - OF_DATASETS


def is_there(name):
    """A path from the root of the project or any end of one; `*` stands for letters of one name."""
    pattern = re.escape(name.removeprefix("/")).replace(r"\*", r"\w*")
    return any(re.search(rf"(?:^|/){pattern}$", path) for path in FILES)


def test_modules_that_pages_name_are_there():
    named = {
        page.relative_to(ROOT / "docs").as_posix(): modules_named(page)
        for page in [*sorted(PAGES.rglob("*.md")), *PICTURES]
    }
    assert all(len(named[f"pictures/{picture.name}"]) >= 18 for picture in PICTURES), "their texts are texts"
    assert sum(map(len, named.values())) > 400, "the pages name modules"
    gone = [f"{page}: {name}" for page, names in named.items() for name in sorted(names) if not is_there(name)]
    assert gone == []
    assert not is_there("records/no_such_module.py")


@pytest.mark.parametrize("package", PACKAGES)
def test_the_page_of_a_package_names_what_is_in_it(package):
    text = (PAGES / "packages" / f"{package}.md").read_text(encoding="utf-8")
    folder = ROOT / "src" / "plumbline" / package
    modules = {path.name for path in folder.glob("*.py")} - {"__init__.py"}
    folders = {f"{path.parent.name}/" for path in folder.glob("*/__init__.py")}
    assert modules | folders, package
    missing = [name for name in sorted(modules | folders) if not re.search(rf"(?<![\w/]){re.escape(name)}", text)]
    assert missing == []
    assert len(text.splitlines()) <= 100, "a screen or two"


def test_the_index_names_every_page():
    index = (PAGES / "README.md").read_text(encoding="utf-8")
    pages = {path.relative_to(PAGES).as_posix() for path in PAGES.rglob("*.md")} - {"README.md"}
    assert {f"packages/{package}.md" for package in PACKAGES} <= pages
    assert [page for page in sorted(pages) if f"]({page})" not in index] == []
