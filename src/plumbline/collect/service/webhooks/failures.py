"""What the uses of webhooks refuse."""

from __future__ import annotations

from plumbline.collect.service.failures import ServiceError
from plumbline.web.failures import FieldFault

_OVER_TLS = "give the address at which your receiver is reached over TLS; its messages are signed, so it needs no key"


class BadAddressError(ServiceError):
    """PL-WHK-001: nothing of the address is quoted, since keys are put into addresses by mistake.

    Attributes:
        fields: what a form should mark.
    """

    def __init__(self, problem: str, expected: str, advice: str = _OVER_TLS) -> None:
        super().__init__("PL-WHK-001", "url", problem, expected=expected, advice=advice)
        self.fields = (FieldFault("url", problem),)


def unknown_events(known: str) -> ServiceError:
    """PL-WHK-002."""
    return ServiceError(
        "PL-WHK-002",
        "events",
        "not all of these can be told",
        expected=f"one or more of {known}",
        advice="take the events from the list",
    )
