"""The page of a best-of-n run: a panel for each model, every figure in a table, names that cannot steer it, no 0 for nothing."""

import numpy as np
import pytest

from plumbline.align.best_of_n.summary import summarise
from plumbline.measure import Bootstrap
from plumbline.report import build_best_of_n_page
from tests.align.made_up_candidates import candidates, scores
from tests.report.pages import HOSTILE, read


def summary_of(*, judged=True, values=None):
    values = np.random.default_rng(0).normal(size=(30, 8)) if values is None else values
    of_judge = scores(*(0.5 * values)) if judged else None
    found = summarise(candidates(scores(*values), of_judge), Bootstrap(seed=0, resamples=200))
    model = {"name": HOSTILE, "task": "preference", "axis": "helpfulness"}
    return {
        **found,
        "policy": HOSTILE,
        "scorer": model,
        "judge": {**model, "task": "cost"} if judged else None,
        "prompts": len(values),
        "replies": values.shape[1],
        "rows": {"candidates/replies.parquet": values.size},
        "terms": {"uses": ["analysis"], "licence": HOSTILE},
        "synthetic": True,
    }


@pytest.mark.parametrize("judged", [True, False])
def test_the_curve_is_drawn_and_stands_in_a_table(judged):
    summary = summary_of(judged=judged)
    page = build_best_of_n_page(summary, created="2026-01-06")
    read(page)
    assert page.count("<svg") == 1
    for each in summary["curve"]:
        assert f"{each['score']['value']:.3f}" in page
        assert not judged or f"{each['judged']['value']:.3f}" in page
    assert ("by the judge" in page) is judged
    assert "SYNTHETIC DATA" in page
    assert HOSTILE not in page
    assert page == build_best_of_n_page(summary, created="2026-01-06")


def test_where_there_is_no_figure_nothing_is_drawn_and_it_is_said():
    page = build_best_of_n_page(summary_of(values=np.full((2, 2), np.nan)), created="2026-01-06")
    read(page)
    assert "<svg" not in page
    assert "There is no figure to draw." in page
    assert "without a score, PL-SCO-005" in page
