"""How alembic meets our database: inside the connection and the transaction that `etl.warehouse.migrate` opened."""

from alembic import context

from etl.warehouse.migrate import VERSION_TABLE
from etl.warehouse.schema import metadata

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("Migrations run by `kore-etl migrate`, which also takes the lock and refreshes the views.")

context.configure(connection=connection, target_metadata=metadata, version_table=VERSION_TABLE)
with context.begin_transaction():
    context.run_migrations()
