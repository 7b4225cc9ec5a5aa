"""Runs draw their page where a test asks for it: it takes longer than all else that they do."""

import pytest

from plumbline.loop.best_of_n import run


@pytest.fixture
def drawn():
    """Asked for, it leaves the page in."""


@pytest.fixture(autouse=True)
def undrawn(request, monkeypatch):
    """As where the libraries that draw are not installed."""
    if "drawn" not in request.fixturenames:
        monkeypatch.setattr(run, "can_draw", lambda: False)
