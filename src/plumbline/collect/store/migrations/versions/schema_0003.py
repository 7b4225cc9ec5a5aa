"""A reply that was marked as shown stays the one that was shown, and when.

``replies.shown_at`` may be set after the row was written, once. Before, a plain UPDATE could take it away, and another draw
could become the one that the worker is said to have seen.

``studies.secret`` goes into all that is drawn for a study made from now on; without it, whoever knows the seed of the file
(0 by default) could foretell which reply stands where. Studies of before have none, and draw as they did.

Frozen: it says what the tables were at this revision, whatever ``tables`` says by now.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column and the trigger."""
    op.add_column("studies", sa.Column("secret", sa.Text()))
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE TRIGGER replies_shown_stays BEFORE UPDATE OF shown_at ON replies "
            "WHEN OLD.shown_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM erasing) "
            "BEGIN SELECT RAISE(ABORT, 'replies is append-only'); END"
        )
        return
    op.execute(
        "CREATE TRIGGER replies_shown_stays BEFORE UPDATE OF shown_at ON replies "
        "FOR EACH ROW WHEN (OLD.shown_at IS NOT NULL) EXECUTE FUNCTION refuse_change()"
    )
