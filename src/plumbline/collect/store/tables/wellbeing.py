"""Tables of what workers wish not to see, and of how they say they are."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, Table

from plumbline.collect.store.column_types import Id, Json, Moment, StoredText
from plumbline.collect.store.tables.work import metadata

preferences = Table(
    "preferences",
    metadata,
    Column("person_id", StoredText, ForeignKey("people.id", name="preferences_person"), primary_key=True),
    Column("study_id", Id, ForeignKey("studies.id", name="preferences_study"), primary_key=True, autoincrement=False),
    Column("payload", Json, nullable=False),
    Column("updated_at", Moment, nullable=False),
)

moods = Table(
    "moods",
    metadata,
    Column("id", Id, primary_key=True),
    Column("person_id", StoredText, ForeignKey("people.id", name="moods_person"), nullable=False),
    Column("study_id", Id, ForeignKey("studies.id", name="moods_study"), nullable=False),
    Column("payload", Json, nullable=False),
    Column("finished", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Index("moods_of_study", "study_id", "id"),
    Index("moods_of_person", "person_id", "study_id", "id"),
    sqlite_autoincrement=True,
)
