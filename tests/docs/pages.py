"""Pages of the documentation as tests read them: blocks, commands in them, and servers that such commands start."""

import re
import shlex
import time
from contextlib import contextmanager
from pathlib import Path

import typer

from plumbline.cli.main import app
from tests.prepared import run_program, start_prepared

DOCS = Path(__file__).resolve().parents[2] / "docs"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ADDRESS = re.compile(r"http://(?:127\.0\.0\.1|localhost):\d+")


def blocks_of(page, *languages):
    """(language, body) of the code blocks of a page; of all languages where none is named."""
    found = _BLOCK.findall((DOCS / page).read_text(encoding="utf-8"))
    return [block for block in found if not languages or block[0] in languages]


def words_of(body):
    """The commands of a block, each as its words; a line that ends in a backslash goes on in the next."""
    lines = (shlex.split(line, comments=True) for line in body.replace("\\\n", "").splitlines())
    return [words for words in lines if words]


def options_of(words):
    """What the program takes `plumbline …` to mean, by parameter; it ends the test where it does not take the words."""
    command, words = typer.main.get_command(app), list(words[1:])
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    return command.make_context(command.name, words, resilient_parsing=False).params


@contextmanager
def served(*words, said):
    """The address of a server of `plumbline …`, at a port of its own in place of the one that is named.

    Args:
        said: a file for what it says, on both streams.
    """
    words = [word for word in words if word not in ("--port", "8000")]
    process = start_prepared(run_program, *words[1:], "--port", "0", log=said)
    try:
        while not (found := _ADDRESS.search(said.read_text() if said.exists() else "")):
            assert process.is_alive(), said.read_text()
            time.sleep(0.05)
        yield found[0]
    finally:
        process.terminate()
        process.join(20)
        process.kill()
