"""The command line, called as a person calls it."""

import sys

import pytest

from plumbline.cli.main import run


@pytest.fixture
def plumb(monkeypatch, capsys):
    """Run `plumbline` here: (exit code, stdout, stderr)."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["plumbline", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            run()
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return ended.value.code or 0, out, err

    return call
