"""New tables from statements that the migrations ran once: as they are they spend a tenth of a second of Python on each store.

A backup, a restore and `collect init` each make tables; what they are made by is shown where migrations are the subject
(`store/test_migrating.py`, `store/test_every_revision.py`); where rows are brought up to date they run each time.
"""

import pytest
from alembic import command
from sqlalchemy import event, inspect

_upgrade = command.upgrade
_statements = {}
"""(dialect, revision) → what the migrations up to it executed in an empty database, in their order."""


def _upgrade_once(configuration, revision):
    """`alembic.command.upgrade`; an empty database gets its tables by the statements of the first that did."""
    connection = configuration.attributes["connection"]
    known = connection.dialect.name, revision
    if inspect(connection).get_table_names():
        _upgrade(configuration, revision)
    elif known in _statements:
        for statement, parameters in _statements[known]:
            connection.exec_driver_sql(statement, parameters)
    else:
        _statements[known] = _recorded(connection, lambda: _upgrade(configuration, revision))


def _recorded(connection, work):
    """What `work` changed, as it stood in the database's own words; questions are left out."""
    found = []

    def note(_connection, _cursor, statement, parameters, _context, _many):
        if not statement.lstrip().upper().startswith(("SELECT", "PRAGMA")):
            found.append((statement, parameters or None))

    event.listen(connection, "before_cursor_execute", note)
    try:
        work()
    finally:
        event.remove(connection, "before_cursor_execute", note)
    return found


@pytest.fixture(scope="session", autouse=True)
def tables_once():
    """Of the session: whatever makes a store in this process does it so."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "upgrade", _upgrade_once)
        yield


@pytest.fixture
def by_migrations(monkeypatch):
    """Each store of the test is made by its migrations."""
    monkeypatch.setattr(command, "upgrade", _upgrade)
