"""What Alembic runs: the connection is handed in by `voltgate.store.schema`."""

from alembic import context

from voltgate.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
