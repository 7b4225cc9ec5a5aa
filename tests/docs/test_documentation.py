"""What the documentation says is run: every command, every Python block; the reference is the program's own help."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from plumbline.cli.python_reference import python_reference
from plumbline.cli.reference import cli_reference
from plumbline.collect.study_reference import study_reference
from plumbline.loop.synthetic.corpus import write_synthetic_corpus
from tests.cli.conftest import plumb as plumb

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    return [body for name, body in _BLOCK.findall(page.read_text(encoding="utf-8")) if name == language]


PAGES_WITH_COMMANDS = [page for page in PAGES if blocks(page, "sh")]
PAGES_WITH_PYTHON = [page for page in PAGES if blocks(page, "python")]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """The synthetic corpus that `make demo` begins with."""
    folder = tmp_path_factory.mktemp("demo") / "data-synthetic"
    write_synthetic_corpus(folder, scale=0.0625)
    return folder


@pytest.fixture
def after_the_demo(corpus, tmp_path, monkeypatch):
    """A folder as `make demo` leaves it, as far as the documented commands read it."""
    shutil.copytree(corpus, tmp_path / "demo-out" / "data-synthetic")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_there_are_pages_to_look_at():
    assert len(PAGES) >= 9
    assert ROOT / "README.md" in PAGES_WITH_COMMANDS
    assert len(PAGES_WITH_PYTHON) >= 2


@pytest.mark.parametrize("page", PAGES_WITH_COMMANDS, ids=lambda page: page.name)
def test_every_documented_command_runs(page, plumb, after_the_demo):
    ran = 0
    for line in "\n".join(blocks(page, "sh")).splitlines():
        words = shlex.split(line, comments=True)
        if not words:
            continue
        if words[0] == "make":
            targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
            assert set(words[1:]) <= set(targets), line
            continue
        assert words[0] == "plumbline", f"{page.name} documents a command that this test does not run: {line}"
        code, _, told = plumb(*words[1:])
        # The corpus holds planted faults: finding them is exit code 1, and said.
        found = words[1:3] == ["data", "check"] or "not read: " in told
        assert code == (1 if found else 0), f"{line}\n{told}"
        assert not told.startswith("PL-")
        ran += 1
    assert ran


@pytest.mark.parametrize("page", PAGES_WITH_PYTHON, ids=lambda page: page.name)
def test_every_documented_python_block_runs(page, after_the_demo):
    for body in blocks(page, "python"):
        exec(compile(body, str(page), "exec"), {})


def test_the_reference_is_what_the_program_says():
    assert (ROOT / "docs" / "cli.md").read_text(encoding="utf-8") == cli_reference(), "write it anew: make docs"


def test_the_page_of_study_files_is_what_the_settings_say():
    assert (ROOT / "docs" / "study-file.md").read_text(encoding="utf-8") == study_reference(), (
        "write it anew: make docs"
    )


def test_the_page_of_the_python_api_is_what_the_code_says():
    page = python_reference()
    assert (ROOT / "docs" / "python.md").read_text(encoding="utf-8") == page, "write it anew: make docs"
    # Defaults are told where they are plain values: others hold addresses in memory, or the environment.
    assert not re.search(r"environ\(| at 0x|<function|Annotated\[", page)


def test_links_between_pages_lead_somewhere():
    links = [
        (page, target)
        for page in PAGES
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    ]
    assert len(links) > 10
    for page, target in links:
        assert (page.parent / target).exists(), f"{page.name} → {target}"


def test_the_documentation_speaks_of_this_project_alone():
    for path in [*PAGES, ROOT / "CHANGELOG.md", ROOT / "Makefile"]:
        assert not re.search(r"/work/|/root/|/tmp/", path.read_text(encoding="utf-8")), path.name
