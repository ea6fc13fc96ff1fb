"""The room that talks SQL: tables, the transaction of a window, the ledger, leases, views, migrations.

warehouse.py   the room's front: one method per thing a run or a verb wants
schema.py      what the tables are             rows.py      what changed (pure)
loader.py      one window's rows and links     rejects.py   records that could not be stored
ledger.py      runs, windows, coverage         lease.py     who owns an account
holder.py      whether a holder still lives    reading.py   what the verbs show
views.py       what analysts query             failures.py  what a database error means to its reader
migrate.py     the schema's version            database.py  connections and transactions
dialect.py     where SQLite and PostgreSQL differ; address.py: how a URL becomes a connection
"""
