"""A report on a model as one page of HTML: figures with intervals, diagrams, the worst images."""

from segfit.report.build import Candidate, EarlierModel, build_report
from segfit.report.content import Hints, ReportContent
from segfit.report.learning import LearningPoint
from segfit.report.page import POLICY, render_html, write_report

__all__ = [
    "POLICY",
    "Candidate",
    "EarlierModel",
    "Hints",
    "LearningPoint",
    "ReportContent",
    "build_report",
    "render_html",
    "write_report",
]
