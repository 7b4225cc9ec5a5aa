"""Personal data: found by patterns with check digits, and masked. Pure, on columns of texts.

Covers what has a form of its own (`KINDS`); other detectors come in by the port `Detector`. Not covered: names of people
and what only a reader understands.
"""

from plumbline.curate.personal_data.finding import Detector, find_personal_data
from plumbline.curate.personal_data.kinds import ALL, KINDS
from plumbline.curate.personal_data.masking import PLACEHOLDER, mask_personal_data
from plumbline.curate.personal_data.patterns import PatternDetector

__all__ = [
    "ALL",
    "KINDS",
    "PLACEHOLDER",
    "Detector",
    "PatternDetector",
    "find_personal_data",
    "mask_personal_data",
]
