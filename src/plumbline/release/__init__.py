"""Releases: data with card, datasheet, metadata, checksums and gates, that others can trust, load and trace."""

from plumbline.release.answers import Answers, read_answers
from plumbline.release.building import Built, ReleaseOptions, build_release
from plumbline.release.failures import GateError, reasons_by_gate
from plumbline.release.gates import ACCEPTABLE, GATES, Gate, Status
from plumbline.release.pushing import Pushed, push_release
from plumbline.release.verifying.verify import Verified, verify_release

__all__ = [
    "ACCEPTABLE",
    "GATES",
    "Answers",
    "Built",
    "Gate",
    "GateError",
    "Pushed",
    "ReleaseOptions",
    "Status",
    "Verified",
    "build_release",
    "push_release",
    "read_answers",
    "reasons_by_gate",
    "verify_release",
]
