"""Tables of who logs in, is invited, arrives from elsewhere; of failed logins."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint

from plumbline.collect.store.column_types import Id, Moment, StoredText
from plumbline.collect.store.tables.work import metadata

accounts = Table(
    "accounts",
    metadata,
    Column("person_id", StoredText, ForeignKey("people.id", name="accounts_person"), primary_key=True),
    Column("name", StoredText, nullable=False),
    Column("name_key", StoredText, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("changed_at", Moment, nullable=False),
    UniqueConstraint("name_key", name="accounts_name_key"),
)

invitations = Table(
    "invitations",
    metadata,
    Column("id", Id, primary_key=True),
    Column("sha256", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("study_id", Id, ForeignKey("studies.id", name="invitations_study")),
    Column("person_id", StoredText, ForeignKey("people.id", name="invitations_person")),
    Column("created_by", StoredText, ForeignKey("people.id", name="invitations_created_by")),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("uses_left", Integer, nullable=False),
    Column("revoked_at", Moment),
    Column("note", StoredText),
    UniqueConstraint("sha256", name="invitations_sha256"),
    CheckConstraint("role IN ('worker', 'reviewer', 'manager', 'owner')", name="invitations_role"),
    CheckConstraint("uses_left >= 0", name="invitations_uses_left"),
    CheckConstraint("length(note) <= 200", name="invitations_note"),
    sqlite_autoincrement=True,
)

# `external_id` is who somebody is elsewhere: it leaves the store in no answer, export, log or event.
arrivals = Table(
    "arrivals",
    metadata,
    Column("id", Id, primary_key=True),
    Column("provider", Text, nullable=False),
    Column("external_id", StoredText, nullable=False),
    Column("study_id", Id, ForeignKey("studies.id", name="arrivals_study"), nullable=False),
    Column("person_id", StoredText, ForeignKey("people.id", name="arrivals_person"), nullable=False),
    Column("visit", StoredText, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("completed_at", Moment),
    UniqueConstraint("provider", "external_id", "study_id", name="arrivals_external"),
    Index("arrivals_of_person", "person_id", "study_id"),
    sqlite_autoincrement=True,
)

# `subject` is who somebody is in another house's login: it leaves the store no more than `external_id` does.
outside_identities = Table(
    "outside_identities",
    metadata,
    Column("id", Id, primary_key=True),
    Column("issuer", Text, nullable=False),
    Column("subject", StoredText, nullable=False),
    Column("person_id", StoredText, ForeignKey("people.id", name="outside_identities_person"), nullable=False),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("issuer", "subject", name="outside_identities_subject"),
    Index("outside_identities_of_person", "person_id"),
    sqlite_autoincrement=True,
)

login_attempts = Table(
    "login_attempts",
    metadata,
    Column("key", Text, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last_at", Moment, nullable=False),
    CheckConstraint("failures >= 0", name="login_attempts_failures"),
)
