"""Reports: one HTML page, made to be looked at, from what checks, trainings and evaluations wrote.

Reads and draws; computes no figure. The page loads nothing from elsewhere, runs no script and holds no conversation text.
"""

from plumbline.report.finding import read_inputs
from plumbline.report.inputs import ReportInputs
from plumbline.report.page import ReportSummary, build_report, write_report

__all__ = ["ReportInputs", "ReportSummary", "build_report", "read_inputs", "write_report"]
