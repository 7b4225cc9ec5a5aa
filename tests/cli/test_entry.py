"""Where the program starts."""

import sys
import tomllib
from pathlib import Path

import pytest

from plumbline.cli import entry

ROOT = Path(__file__).resolve().parents[2]


class Interrupting:
    """An interrupt while the commands are imported."""

    def find_spec(self, name, *_):
        if name == "plumbline.cli.main":
            raise KeyboardInterrupt


def test_an_interrupt_while_the_commands_are_imported_is_no_error(monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "plumbline.cli.main")
    monkeypatch.setattr(sys, "meta_path", [Interrupting(), *sys.meta_path])
    with pytest.raises(SystemExit) as ended:
        entry.run()
    assert (ended.value.code, *capsys.readouterr()) == (130, "", "interrupted\n")


def test_the_program_starts_there():
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts == {"plumbline": "plumbline.cli.entry:run"}
