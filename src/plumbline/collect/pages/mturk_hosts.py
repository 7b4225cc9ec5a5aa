"""Where Amazon Mechanical Turk stands: whose frames may show the page of a HIT, and where its form is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from plumbline.collect.pages.headers import page_headers


@dataclass(frozen=True, slots=True)
class MturkHosts:
    """Origins of MTurk. A study file chooses between the two kinds; nothing that is sent adds to them.

    Attributes:
        live, sandbox: where forms of HITs go; the first is taken where a HIT does not say.
        frames: who else may show the page of a HIT: requesters look at it before they publish it.
    """

    live: tuple[str, ...]
    sandbox: tuple[str, ...]
    frames: tuple[str, ...] = ()

    def submit_origin(self, said: str | None, *, sandbox: bool) -> str | None:
        """Where the form goes; None where `said`, the ``turkSubmitTo`` of the address, is no place that it may go to.

        Now and then MTurk does not say; then there is one place only that it can mean.
        """
        origins = self.sandbox if sandbox else self.live
        if not said:
            return origins[0]
        return next((origin for origin in origins if said.removesuffix("/") == origin), None)

    def headers(self, *, sandbox: bool) -> Mapping[str, str]:
        """Of the page of a HIT: MTurk alone may frame it, and its form goes nowhere else, redirects included."""
        ancestors = " ".join((*self.live, *self.sandbox, *self.frames))
        return page_headers(frame_ancestors=ancestors, form_action=" ".join(self.sandbox if sandbox else self.live))


MTURK_HOSTS = MturkHosts(
    live=("https://www.mturk.com", "https://worker.mturk.com"),
    sandbox=("https://workersandbox.mturk.com",),
    frames=("https://requester.mturk.com", "https://requestersandbox.mturk.com"),
)
