"""The red-team report as a file in a browser: for a screen reader, on a narrow screen, in the dark, with nothing loaded or run."""

import pytest

from plumbline.lineage import Terms, Use
from plumbline.measure import Bootstrap
from plumbline.redteam.analysis import analyse
from plumbline.report import RedTeamSources, write_red_team_report
from tests.browser.looking import assert_fits, assert_no_serious_axe_violations, take_pictures
from tests.redteam.made_up import attempts_table

SOURCES = RedTeamSources(
    (), 12, {"PL-RT-010": 2}, Terms(frozenset({Use.ANALYSIS}), "MIT"), ("a model",), synthetic=True
)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    out = tmp_path_factory.mktemp("report") / "red-team.html"
    found = analyse(attempts_table(12), Bootstrap(seed=0, resamples=100))
    write_red_team_report(found, SOURCES, out, title="Red team", created="2026-01-06")
    return out


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_report_can_be_read_by_everybody_and_loads_nothing(scheme, browser, report):
    context = browser.new_context(color_scheme=scheme, viewport={"width": 1280, "height": 800})
    page, asked, complaints = context.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(report.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert page.locator("table:visible").count() > page.locator("svg[role=img]").count() > 10
    assert_no_serious_axe_violations(page)
    assert_fits(page)
    assert (asked, complaints) == ([report.as_uri()], [])
    if scheme == "light":
        take_pictures(page, "red-team-report")
    context.close()
