"""People log in, are invited, arrive from elsewhere, say how they are; somebody may be of one study alone.

``tokens.use`` tells a token that a client sends in a header from one that a browser keeps in a cookie: neither is taken in
the other's place. ``people.only_study_id`` is NULL for everybody of before: they see all studies of the store, as they did.
``judgements_of_worker`` finds what somebody judged today without reading what they ever judged.

Frozen: it says what the tables were at this revision, whatever ``tables`` says by now.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_MOMENT = sa.BigInteger()
_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Adds two columns and seven tables; an index has a second column."""
    number = "INTEGER" if op.get_bind().dialect.name == "sqlite" else "BIGINT"
    op.execute(
        "ALTER TABLE tokens ADD COLUMN use TEXT DEFAULT 'api' NOT NULL "
        "CONSTRAINT tokens_use CHECK (use IN ('api', 'session'))"
    )
    op.execute(
        f"ALTER TABLE people ADD COLUMN only_study_id {number} CONSTRAINT people_only_study REFERENCES studies (id)"
    )
    op.drop_index("judgements_of_worker", "judgements")
    op.create_index("judgements_of_worker", "judgements", ["worker_id", "created_at"])
    _identity()
    _wellbeing()
    op.create_table(
        "login_attempts",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_at", _MOMENT, nullable=False),
        sa.CheckConstraint("failures >= 0", name="login_attempts_failures"),
        sa.PrimaryKeyConstraint("key"),
    )


def _identity() -> None:
    op.create_table(
        "accounts",
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("changed_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="accounts_person"),
        sa.PrimaryKeyConstraint("person_id"),
        sa.UniqueConstraint("name_key", name="accounts_name_key"),
    )
    op.create_table(
        "invitations",
        sa.Column("id", _ID, nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("study_id", _ID, nullable=True),
        sa.Column("person_id", sa.Text(), nullable=True),
        sa.Column("created_by", sa.Text(), nullable=True),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.Column("uses_left", sa.Integer(), nullable=False),
        sa.Column("revoked_at", _MOMENT, nullable=True),
        sa.CheckConstraint("role IN ('worker', 'reviewer', 'manager', 'owner')", name="invitations_role"),
        sa.CheckConstraint("uses_left >= 0", name="invitations_uses_left"),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name="invitations_study"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="invitations_person"),
        sa.ForeignKeyConstraint(["created_by"], ["people.id"], name="invitations_created_by"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("sha256", name="invitations_sha256"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "arrivals",
        sa.Column("id", _ID, nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("study_id", _ID, nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("visit", sa.Text(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("completed_at", _MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name="arrivals_study"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="arrivals_person"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("provider", "external_id", "study_id", name="arrivals_external"),
        sqlite_autoincrement=True,
    )
    op.create_index("arrivals_of_person", "arrivals", ["person_id", "study_id"])


def _wellbeing() -> None:
    op.create_table(
        "preferences",
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("study_id", _ID, nullable=False, autoincrement=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("updated_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="preferences_person"),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name="preferences_study"),
        sa.PrimaryKeyConstraint("person_id", "study_id"),
    )
    op.create_table(
        "moods",
        sa.Column("id", _ID, nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("study_id", _ID, nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("finished", sa.Integer(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="moods_person"),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name="moods_study"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("moods_of_study", "moods", ["study_id", "id"])
    op.create_index("moods_of_person", "moods", ["person_id", "study_id", "id"])
