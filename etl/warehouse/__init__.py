"""The room that talks SQL: tables, the transaction of a window, the ledger, leases, views, migrations.

warehouse.py   the room's front: one method per thing a run or a verb wants
schema.py      what the tables are             rows.py      what changed (pure)
loader.py      one window's rows and links     links.py     which links change (pure)
bulk.py        many rows at once to the driver account_table.py  accounts that a table lists
history.py     what a change leaves behind     again.py     stored texts read again
rejects.py     records that could not be stored; same.py: when two values are the same (pure)
ledger.py      runs, windows, coverage         lease.py     who owns an account
holder.py      whether a holder still lives    reading.py   what the verbs show
life.py        all of one campaign             story.py     its life as events (pure)
views.py       how views are kept up to date   campaign_views.py, ledger_views.py   what analysts query
migrate.py     the schema's version            database.py  connections and transactions
failures.py    what a database error means to its reader
dialect.py     where SQLite and PostgreSQL differ; address.py: how a URL becomes a connection
"""
