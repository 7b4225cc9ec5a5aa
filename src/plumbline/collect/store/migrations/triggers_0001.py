"""The first triggers: append-only tables, and nobody on their own item. Frozen with revision 0001."""

# ruff: noqa: S608 - the names in these statements are constants of this file

from __future__ import annotations

from alembic import op

# Rows of these tables are never changed nor removed, but while a row stands in `erasing`, which cannot be committed.
# A reply may be marked as shown: every other column of it is fixed.
_APPEND_ONLY = {
    "guidelines": "",
    "turns": "",
    "replies": "OF id, assignment_id, turn, draw, side, text, model, snapshot, seed, parameters, created_at",
    "judgements": "",
    "events": "",
    "late": "",
}
_KEYS = {
    "guidelines": "study_id = NEW.study_id AND version = NEW.version",
    "turns": "assignment_id = NEW.assignment_id AND number = NEW.number",
    "replies": "id = NEW.id",
    "judgements": "id = NEW.id",
    "events": "seq = NEW.seq",
    "late": "id = NEW.id",
}


def make_triggers() -> None:
    """Makes the triggers of the database at hand."""
    if op.get_bind().dialect.name == "sqlite":
        _make_sqlite_triggers()
    else:
        _make_postgres_triggers()


def _make_sqlite_triggers() -> None:
    for table, columns in _APPEND_ONLY.items():
        for act in (f"UPDATE {columns}", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{act.split()[0].lower()} BEFORE {act} ON {table} "
                "WHEN NOT EXISTS (SELECT 1 FROM erasing) "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
        # INSERT OR REPLACE removes the old row; without recursive triggers no DELETE trigger hears of it.
        op.execute(
            f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "
            f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {_KEYS[table]}) "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )
    for name, act in (("insert", "INSERT"), ("update", "UPDATE OF item_id, worker_id")):
        op.execute(
            f"CREATE TRIGGER assignments_not_own_{name} BEFORE {act} ON assignments "
            "WHEN EXISTS (SELECT 1 FROM items WHERE id = NEW.item_id AND author_id = NEW.worker_id) "
            "BEGIN SELECT RAISE(ABORT, 'assignments_not_own: nobody judges their own item'); END"
        )


def _make_postgres_triggers() -> None:
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF TG_OP <> 'TRUNCATE' AND EXISTS (SELECT 1 FROM erasing) THEN "
        "IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END IF; "
        "RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation', "
        "CONSTRAINT = TG_NAME; END $$"
    )
    for table, columns in _APPEND_ONLY.items():
        for act in (f"UPDATE {columns}", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{act.split()[0].lower()} BEFORE {act} ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
            )
        op.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    op.execute(
        "CREATE FUNCTION refuse_own_item() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF EXISTS (SELECT 1 FROM items WHERE id = NEW.item_id AND author_id = NEW.worker_id) THEN "
        "RAISE EXCEPTION 'nobody judges their own item' USING ERRCODE = 'integrity_constraint_violation', "
        "CONSTRAINT = 'assignments_not_own'; END IF; RETURN NEW; END $$"
    )
    op.execute(
        "CREATE TRIGGER assignments_not_own BEFORE INSERT OR UPDATE OF item_id, worker_id ON assignments "
        "FOR EACH ROW EXECUTE FUNCTION refuse_own_item()"
    )
