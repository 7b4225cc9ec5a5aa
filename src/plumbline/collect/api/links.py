"""Which answer names what another request needs: the document's links, for clients and for tests that follow them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Link:
    """From an answer to requests about what it names.

    Attributes:
        parameter: of the path of those requests.
        value: where it stands in the answer.
        leads_to: their names.
    """

    parameter: str
    value: str
    leads_to: tuple[str, ...]


_ITEM = Link(
    "assignment",
    "$response.body#/assignment",
    ("step", "say", "submit", "release", "extend", "read_draft", "save_draft", "list_judgements"),
)
_STUDY = Link(
    "study",
    "$response.body#/name",
    ("read_study", "set_state", "add_guidelines", "enter_items", "list_items", "read_status", "next_item"),
)
_PERSON = Link("pseudonym", "$response.body#/pseudonym", ("issue_token", "revoke_tokens", "set_blocked"))
_JUDGEMENT = Link("judgement", "$response.body#/judgements/0", ("read_judgement", "correct"))

_INVITATION = Link("invitation", "$response.body#/id", ("revoke_invitation",))

LINKS: Mapping[str, Link] = {
    "next_item": _ITEM,
    "next_review": _ITEM,
    "next_adjudication": _ITEM,
    "next_spot_check": _ITEM,
    "create_study": _STUDY,
    "add_person": _PERSON,
    "create_invitation": _INVITATION,
    "submit": _JUDGEMENT,
}
"""By the name of the route whose answer it is."""


def add_links(operation: dict[str, Any]) -> None:
    """Writes an operation's links into the answer where it went well."""
    link = LINKS.get(operation["operationId"])
    if link is None:
        return
    good = next(answer for status, answer in operation["responses"].items() if str(status).startswith("2"))
    good["links"] = {name: {"operationId": name, "parameters": {link.parameter: link.value}} for name in link.leads_to}
