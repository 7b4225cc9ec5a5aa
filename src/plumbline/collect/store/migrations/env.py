"""What Alembic runs: the revisions, on the connection that ``migrating`` hands over, inside its transaction."""

from __future__ import annotations

from alembic import context

from plumbline.collect.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # Our connections begin transactions by themselves, on SQLite too: a revision is applied whole or not at all.
    transactional_ddl=True,
)
context.run_migrations()
