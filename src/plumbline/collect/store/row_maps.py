"""From a database row to a frozen row: which columns are read, and which of them are of a closed set of words."""

from __future__ import annotations

from dataclasses import fields
from enum import StrEnum
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Row, Table

from plumbline.collect.store import rows, tables, webhook_rows

RowClass = TypeVar("RowClass")


class RowMap(Generic[RowClass]):
    """How the rows of one table are read."""

    def __init__(self, row_class: type[RowClass], table: Table, **words: type[StrEnum]) -> None:
        self._row_class = row_class
        self._names = [field.name for field in fields(row_class)]  # type: ignore[arg-type] # all are dataclasses
        self._words = words
        self.columns: list[ColumnElement[Any]] = [table.c[name] for name in self._names]

    def labelled(self, prefix: str) -> list[ColumnElement[Any]]:
        """The columns, `prefix` before their names, for a query that reads another table too."""
        return [column.label(prefix + name) for column, name in zip(self.columns, self._names, strict=True)]

    def of(self, row: Row[Any], prefix: str = "") -> RowClass:
        """The frozen row; `row` must hold at least this table's columns, under their names with `prefix` before them."""
        mapping = row._mapping
        values = {name: mapping[prefix + name] for name in self._names}
        for name, word in self._words.items():
            values[name] = word(values[name])
        return self._row_class(**values)


STUDY = RowMap(rows.Study, tables.studies, state=rows.StudyState)
GUIDELINES = RowMap(rows.Guidelines, tables.guidelines)
PERSON = RowMap(rows.Person, tables.people, role=rows.Role)
ACCOUNT = RowMap(rows.Account, tables.accounts)
INVITATION = RowMap(rows.Invitation, tables.invitations, role=rows.Role)
WEBHOOK = RowMap(webhook_rows.Webhook, tables.webhooks)
DELIVERY = RowMap(webhook_rows.Delivery, tables.deliveries)
PARTICIPATION = RowMap(rows.Participation, tables.participation, qualification=rows.Qualification)
ITEM = RowMap(rows.Item, tables.items, purpose=rows.Purpose)
ASSIGNMENT = RowMap(rows.Assignment, tables.assignments, purpose=rows.Purpose, state=rows.AssignmentState)
TURN = RowMap(rows.Turn, tables.turns)
REPLY = RowMap(rows.Reply, tables.replies)
JUDGEMENT = RowMap(rows.Judgement, tables.judgements)
LATE = RowMap(rows.LateSubmission, tables.late)
DRAFT = RowMap(rows.Draft, tables.drafts)
EVENT = RowMap(rows.Event, tables.events)
