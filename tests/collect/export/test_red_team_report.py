"""A collected red-team study, exported as Parquet, is what the red-team report reads."""

from plumbline.loop.redteam.report_run import RedTeamReporting, run_red_team_report
from tests.collect.export import collected


def test_the_report_is_made_of_a_collected_study(api, tmp_path):
    study, *_ = collected.red_team(api)
    collected.export(api, study, tmp_path / "export", "parquet")
    run = RedTeamReporting((str(tmp_path / "export"),), tmp_path / "page.html", "Red team", "2026-01-06")
    found = run_red_team_report(run).analysis
    assert (found.attempts, found.rated, found.reviewers.reviewed, found.reviewers.reviews) == (2, 2, 1, 2)
    assert found.success.rates[found.success.by].value == 0.0
    assert found.workers.workers == 1
    assert found.tags.tags
    assert "to be rude" not in (tmp_path / "page.html").read_text()
