"""``plumbline demo``: what it refuses, prints and opens. The loop itself, and how it is served: tests/loop/demo."""

import sys
from types import SimpleNamespace

from plumbline.loop.demo import extras, own_data, whole_loop
from plumbline.loop.demo.own_data import DemoResult
from plumbline.loop.demo.whole_loop import LoopResult


def test_data_of_ones_own_has_no_app_to_serve(plumb, tmp_path):
    code, out, err = plumb("demo", "--data", tmp_path, "--serve")
    assert (code, out) == (2, "")
    assert "PL-ARG-005" in err
    assert "Try: " in err


def test_a_folder_that_no_option_names_is_told_which_one_would(plumb, tmp_path):
    code, out, err = plumb("demo", "my data", "-o", tmp_path / "out")
    assert (code, out) == (2, "")
    assert "PL-ARG-006" in err
    assert "Try: plumbline demo --data 'my data'" in err
    assert not (tmp_path / "out").exists()


def test_which_data_had_their_test_split_from_the_demo_is_told(plumb, tmp_path, monkeypatch):
    result = DemoResult(tmp_path / "report.html", dealt={"pairs": "test 20, train 80"}, seconds={"reading": 1.0})
    monkeypatch.setattr(own_data, "run_on_own_data", lambda *_, **__: result)
    assert "pairs has no splits train and test" in (err := plumb("demo", "--data", tmp_path)[2])
    assert "test 20, train 80" in err


def test_without_its_extras_nothing_is_begun(plumb, tmp_path, monkeypatch):
    """Not even an import of what needs them."""
    monkeypatch.setattr(extras, "_NEEDED", ("jinja2", "no_such_library"))
    for name in ("serving", "whole_loop", "starting"):
        monkeypatch.setitem(sys.modules, f"plumbline.loop.demo.{name}", None)
    code, _, err = plumb("demo", "-o", tmp_path / "out")
    assert code == 2
    assert "PL-DEM-004" in err
    assert "--data FOLDER" in err
    assert not (tmp_path / "out").exists()


def figure(value):
    return {"value": value, "low": value - 0.1, "high": value + 0.1, "n": 9, "why_undefined": None}


def test_it_prints_its_figures_as_synthetic_and_opens_its_page_where_asked_to(plumb, tmp_path, monkeypatch):
    figures = SimpleNamespace(
        models=[
            {"name": "cost", "round": "round-2", "figure": "auprc", "by_truth": figure(0.7), "by_workers": None},
        ],
        studies=[
            {
                "name": "harm",
                "round": "round-2",
                "comparisons": 1000,
                "labels": 200,
                "agreement": figure(0.8),
                "right": figure(0.9),
            },
        ],
        samplers=[{"name": "base", "elo": figure(-151.6), "true_helpfulness": figure(0.5)}],
    )
    result = LoopResult(tmp_path / "report.html", figures, ("a note", "another"), {"data": 1.0, "round-1": 2.0})
    monkeypatch.setattr(whole_loop, "run_whole_loop", lambda *_, **__: result)
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    for words, expected in (((), []), (("--no-open",), []), (("--open",), [(tmp_path / "report.html").as_uri()])):
        code, out, err = plumb("demo", "-o", tmp_path, *words)
        assert code == 0, err
        assert opened == expected
    assert "SYNTHETIC" in err
    lines = [line.split() for line in out.splitlines()]
    assert ["cost", "round-2", "auprc", "0.700", "(0.600–0.800,", "n=9)"] in lines
    assert ["harm", "round-2", "1,200", "0.800", "(0.700–0.900,", "n=9)", "0.900", "(0.800–1.000,", "n=9)"] in lines
    assert any(line[:2] == ["base", "-152"] for line in lines)
    assert "2 notes of the rounds" in err
    assert "in all 3.0" in err
