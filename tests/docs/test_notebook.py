"""docs/notebook.ipynb: its cells run one after the other, as in a notebook; it is committed without what they gave."""

import json

import matplotlib
import matplotlib.pyplot as plt
import pytest

from tests.docs.pages import DOCS

NOTEBOOK = json.loads((DOCS / "notebook.ipynb").read_text(encoding="utf-8"))
CELLS = ["".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    """A backend that shows nothing; where the notebook writes its corpus is the test's."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with matplotlib.rc_context({"backend": "agg"}):
        yield
    plt.close("all")


def test_its_cells_run_in_their_order(pictures, capsys):
    names = {}
    for number, cell in enumerate(CELLS):
        exec(compile(cell, f"cell {number}", "exec"), names)
    assert len(CELLS) == 11
    assert len(plt.get_fignums()) == 4
    out = capsys.readouterr().out
    assert "undefined" not in out
    assert names["measured"]["accuracy"]["low"] > 0.5
    assert [each.gain.value > 0 for each in names["curve"][1:]] == [True] * 4


def test_it_is_kept_without_what_its_cells_gave():
    code = [cell for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    assert len({cell["id"] for cell in NOTEBOOK["cells"]}) == len(NOTEBOOK["cells"])
    assert NOTEBOOK["nbformat"] == 4
