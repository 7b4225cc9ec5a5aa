"""Reports: one HTML page, made to be looked at, from what checks, trainings and evaluations wrote, or about attempts.

Reads and draws; computes no figure. The page loads nothing from elsewhere, runs no script and holds no conversation text that was not
asked for.
"""

from plumbline.report.best_of_n_page import build_best_of_n_page, write_best_of_n_page
from plumbline.report.comparison.page import ComparedSources, write_comparison_page
from plumbline.report.finding import read_inputs
from plumbline.report.inputs import ReportInputs
from plumbline.report.page import ReportSummary, build_report, write_report
from plumbline.report.redteam.page import RedTeamSources, build_red_team_report, write_red_team_report

__all__ = [
    "ComparedSources",
    "RedTeamSources",
    "ReportInputs",
    "ReportSummary",
    "build_best_of_n_page",
    "build_red_team_report",
    "build_report",
    "read_inputs",
    "write_best_of_n_page",
    "write_comparison_page",
    "write_red_team_report",
    "write_report",
]
