"""The benchmark of pages at tiny size: what it measures, not how long that takes."""

import json
import shutil

import pytest

from benchmarks import pages


@pytest.mark.thorough  # a server and a browser; it measures what `tests/browser` shows to work
def test_every_page_is_measured(tmp_path, capsys):
    pytest.importorskip("playwright.sync_api")
    if shutil.which("chromium") is None:
        pytest.skip("there is no chromium on PATH")
    pages.main(["--items", "40", "--times", "2", "--json", str(tmp_path / "f.json")])
    found = json.loads((tmp_path / "f.json").read_text())["milliseconds"]
    assert found.keys() == {
        "first paint, log in",
        "first paint, work, nothing cached",
        "first paint, work, cached",
        "next item",
    }
    assert "first paint, log in, p95, ms" in capsys.readouterr().out
