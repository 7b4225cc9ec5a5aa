"""Which role each route needs. A route without a line here is not served; roles above may do what those below may.

What a role says is not all: a worker's own assignments and judgements are theirs alone, whatever the role (the store
looks for them by their owner), who may do something about whom is `service.people`'s rule, and who is of one study sees
no other (`serving`).
"""

from __future__ import annotations

from collections.abc import Mapping

from plumbline.collect.store.rows import Role

PERMITTED: Mapping[str, Role | None] = {
    "health": None,
    # --- coming in ---
    "log_in": None,
    "read_invitation": None,
    "accept_invitation": None,
    "arrive": None,
    "request_openid": None,
    "answer_openid": None,
    # --- anyone with a token or a session ---
    "me": Role.WORKER,
    "log_out": Role.WORKER,
    "change_password": Role.WORKER,
    "connect_openid": Role.WORKER,
    "disconnect_openid": Role.WORKER,
    "list_studies": Role.WORKER,
    "read_study": Role.WORKER,
    "read_newest_guidelines": Role.WORKER,
    "read_guidelines": Role.WORKER,
    # --- work ---
    "next_item": Role.WORKER,
    "next_review": Role.WORKER,
    "next_adjudication": Role.REVIEWER,
    "next_spot_check": Role.REVIEWER,
    "step": Role.WORKER,
    "say": Role.WORKER,
    "submit": Role.WORKER,
    "read_draft": Role.WORKER,
    "save_draft": Role.WORKER,
    "release": Role.WORKER,
    "extend": Role.WORKER,
    "list_judgements": Role.WORKER,
    "list_own_judgements": Role.WORKER,
    "read_judgement": Role.WORKER,
    "correct": Role.WORKER,
    "read_standing": Role.WORKER,
    "set_preferences": Role.WORKER,
    "add_mood": Role.WORKER,
    # --- running a study ---
    "read_status": Role.MANAGER,
    "read_worker": Role.MANAGER,
    "read_figures": Role.MANAGER,
    "list_workers": Role.MANAGER,
    "read_worker_sheet": Role.MANAGER,
    "list_disagreements": Role.MANAGER,
    "read_disagreement": Role.MANAGER,
    "export_study": Role.MANAGER,
    "list_late": Role.MANAGER,
    "enter_items": Role.MANAGER,
    "list_items": Role.MANAGER,
    "read_study_file": Role.MANAGER,
    "list_people": Role.MANAGER,
    "add_person": Role.MANAGER,
    "issue_token": Role.MANAGER,
    "revoke_tokens": Role.MANAGER,
    "set_blocked": Role.MANAGER,
    "create_invitation": Role.MANAGER,
    "list_invitations": Role.MANAGER,
    "revoke_invitation": Role.MANAGER,
    "set_state": Role.MANAGER,
    "add_guidelines": Role.MANAGER,
    "list_webhooks": Role.MANAGER,
    "list_deliveries": Role.MANAGER,
    # --- setting one up ---
    "create_study": Role.OWNER,
    "create_webhook": Role.OWNER,
    "remove_webhook": Role.OWNER,
    "try_webhook": Role.OWNER,
    "deliver_again": Role.OWNER,
}
"""By the route's name; None is open to everyone."""

FOR_THE_WHOLE_STORE = frozenset(
    {
        *("create_study", "create_webhook", "remove_webhook", "try_webhook", "deliver_again"),
    }
)
"""Not for who is of one study, whatever their role. Lists of people, invitations and webhooks hold those of it alone."""
