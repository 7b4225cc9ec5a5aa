"""The question of a HIT: the XML by which MTurk shows a page of ours in its frame.

Form: Amazon Mechanical Turk API reference, "ExternalQuestion", schema of 2006-07-14.
"""

from __future__ import annotations

from xml.sax.saxutils import escape

from plumbline.collect.service.failures import ServiceError
from plumbline.collect.store.failures import not_found
from plumbline.collect.study_settings import StudyFile

_NAMESPACE = "http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/2006-07-14/ExternalQuestion.xsd"


def hit_question(settings: StudyFile, public_url: str | None, height: int) -> str:
    """The XML that a requester hands to CreateHIT.

    Args:
        public_url: scheme and host that people type, without a slash at its end.
        height: of the frame, in pixels; 0 fits it to the window.
    Raises:
        NotFoundError: PL-COL-010, the study takes nobody from MTurk.
        ServiceError: PL-ARR-005, MTurk shows pages over TLS alone.
    """
    if settings.mturk is None:
        raise not_found("study", f"{settings.name} of MTurk")
    if public_url is None or not public_url.startswith("https://"):
        raise ServiceError(
            "PL-ARR-005",
            "public url",
            "MTurk shows pages over TLS alone",
            expected="https://NAME",
            advice="say what people type: --public-url https://NAME",
        )
    address = escape(f"{public_url}/arrive/mturk/{settings.name}")
    return (
        f'<ExternalQuestion xmlns="{_NAMESPACE}">\n'
        f"  <ExternalURL>{address}</ExternalURL>\n"
        f"  <FrameHeight>{height}</FrameHeight>\n"
        "</ExternalQuestion>"
    )
