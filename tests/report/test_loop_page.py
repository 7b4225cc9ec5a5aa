"""The page of the whole loop: every figure with its interval and n, what is undefined said so, all of it marked synthetic."""

import re

import pytest

from plumbline.report.loop_page import build_loop_page


def figure(value, low=None, high=None, n=9, why=None):
    return {"value": value, "low": low, "high": high, "n": n, "why_undefined": why}


FOUND = {
    "synthetic": True,
    "unseen_tasks": 7,
    "unseen_wishes": 8,
    "judgements": {"harm-synthetic": 5, "labels-synthetic": 6},
    "replies": 8,
    "last_step": {
        "earlier": "base",
        "later": "round-2",
        "tasks": 7,
        "same_replies": 3,
        "lead": figure(246.8, 100.0, 390.0),
    },
    "simulated_workers": [
        {"name": "simulated worker 1", "sharpness": {"helpfulness": 1.5, "harmlessness": 2.5}, "slip_rate": 0.04}
    ],
    "studies": [
        {
            "name": "harm-synthetic",
            "round": "round-1",
            "comparisons": 5,
            "labels": 0,
            "agreement": figure(0.8, 0.7, 0.9),
            "alpha": figure(0.6, 0.5, 0.7),
            "right": figure(0.91, 0.85, 0.95),
        },
        {
            "name": "labels-synthetic",
            "round": "round-1",
            "comparisons": 0,
            "labels": 6,
            "agreement": figure(None, n=0, why="no item has two ratings"),
            "alpha": figure(None, n=0, why="no item has two ratings"),
            "right": figure(0.92, 0.86, 0.96),
        },
    ],
    "models": [
        {
            "round": name,
            "name": "cost",
            "task": "cost",
            "axis": "harmlessness",
            "figure": key,
            "by_truth": figure(0.71, 0.61, 0.81),
            "by_workers": None if key == "auprc" else figure(0.66, 0.56, 0.76),
        }
        for name in ("round-1", "round-2")
        for key in ("accuracy", "auprc")
    ],
    "samplers": [
        {"name": "base", "elo": figure(-123.4, -170.0, -80.6), "true_helpfulness": figure(0.5, 0.2, 0.8)},
        {"name": "round-2", "elo": figure(123.4, 80.6, 170.0), "true_helpfulness": figure(2.1, 2.0, 2.2)},
    ],
}


@pytest.fixture(scope="module")
def page():
    return build_loop_page(FOUND, created="today")


def test_the_figures_are_those_of_the_file(page):
    assert page == build_loop_page(FOUND, created="today")
    for cell in (
        "-123 (-170 to -81, n=9)",
        "123 (81–170, n=9)",
        "2.100 (2.000–2.200, n=9)",
        "0.710 (0.610–0.810, n=9)",
        "0.660 (0.560–0.760, n=9)",
        "0.800 (0.700–0.900, n=9)",
        "undefined: no item has two ratings (n=0)",
        "undefined: not measured (n=0)",
    ):
        assert f">{cell}</td>" in page, cell
    assert (
        "base has -123 (-170 to -81, n=9) points, and in truth its replies help 0.50; best of 8 by round-2 has 123"
        in page
    )
    assert (
        "best of 8 by round-2 leads base by 247 (100–390, n=9); on 3 of 7 tasks both reply the same, which is a draw."
        in page
    )
    small = FOUND["last_step"] | {"lead": figure(20.0, -30.0, 70.0)}
    assert "which tells the two not apart" in build_loop_page(FOUND | {"last_step": small}, created="today")


def test_it_says_that_all_is_synthetic_loads_nothing_and_links_the_rounds(page):
    assert "SYNTHETIC DATA" in page
    assert "no person judged anything here" in page
    assert page.count('class="synthetic"') >= 4 or page.count(">synthetic<") >= 4
    assert not re.findall(r"""(?:src|href)=["']https?://""", page)
    assert re.findall(r'<a href="(round-\d/[^"]+)"', page) == [
        "round-1/report.html",
        "round-1/best/best_of_n.html",
        "round-2/report.html",
        "round-2/best/best_of_n.html",
    ]


def test_samplers_that_were_never_held_side_by_side_are_told():
    page = build_loop_page(FOUND | {"samplers": []}, created="today")
    assert "there was nothing to judge" in page
