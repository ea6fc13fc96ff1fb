"""`kore-etl demo`: two nights against the sandbox, into a SQLite file, and what to look at next."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from etl.cli.output import Column, Output, number
from etl.report import document

if TYPE_CHECKING:
    from etl.model import RunOutcome
    from etl.sandbox.catalogue import Catalogue
    from etl.settings import Settings

DATABASE = Path("kore-etl-demo.db")

QUERY = """\
SELECT l.name AS contact_list, count(*) AS campaigns, sum(c.total_messages_sent) AS messages
FROM live_campaigns c
JOIN campaign_contact_lists USING (campaign_id)
JOIN contact_lists l USING (contact_list_id)
GROUP BY l.name ORDER BY messages DESC LIMIT 5"""


@click.command("demo", short_help="Try it without an account.")
@click.option(
    "--db",
    type=click.Path(path_type=Path, dir_okay=False),
    help=f"A new SQLite file [default: {DATABASE}, replaced if it is there].",
)
@click.option("--accounts", type=click.IntRange(1, 100), default=3, show_default=True, help="How many accounts.")
@click.option(
    "--campaigns", type=click.IntRange(1, 50_000), default=400, show_default=True, help="Per account and channel."
)
@click.pass_obj
def command(output: Output, db: Path | None, accounts: int, campaigns: int) -> int:
    """Start a sandbox of the Kore.ai API on this machine, sync it twice into SQLite, and show what came of it.

    Between the two nights a campaign is added, one renamed and one loses a contact list: the second night finds exactly
    these.
    """
    from etl.cli import signals
    from etl.cli.sandbox import midnight
    from etl.sandbox.catalogue import build_catalogue

    path = _database(db)
    catalogue = build_catalogue(accounts=accounts, campaigns=campaigns, now=midnight())
    nights = signals.run(lambda stop_code: _nights(output, catalogue, path, stop_code))
    code = max(night.exit_code for night in nights)
    output.document({"exit_code": code, "database": str(path), "runs": [document(night) for night in nights]})
    if code == 0:
        _look(output, path)
    return code


def _database(chosen: Path | None) -> Path:
    """Where to load to: a new file. Only the demo's own file of an earlier try is replaced."""
    if chosen is not None:
        if chosen.exists():
            raise click.UsageError(f"{chosen} exists already and is left as it is; name a new file with --db.")
        return chosen
    for suffix in ("", "-wal", "-shm"):
        DATABASE.with_name(DATABASE.name + suffix).unlink(missing_ok=True)
    return DATABASE


async def _nights(
    output: Output, catalogue: Catalogue, path: Path, stop_code: Callable[[], int]
) -> tuple[RunOutcome, RunOutcome]:
    from etl.cli.sandbox import write_config
    from etl.sandbox.app import Sandbox
    from etl.settings import load

    with tempfile.TemporaryDirectory(prefix="kore-etl-demo-") as folder:
        async with Sandbox(catalogue) as sandbox:
            file = write_config(Path(folder), sandbox.url, catalogue.accounts, f"sqlite:///{path}")
            settings = load(file, {})
            output.say(f"A sandbox of the Kore.ai API listens on {sandbox.url}. First night: everything is new.\n")
            first = await _night(output, settings, stop_code)
            output.say("\nA day passes: one campaign is added, one is renamed, one loses its contact lists.")
            output.say("Second night: the whole copy is compared again, and only what changed is written.\n")
            _a_day_passes(catalogue)
            return first, await _night(output, settings, stop_code)


async def _night(output: Output, settings: Settings, stop_code: Callable[[], int]) -> RunOutcome:
    from etl import bootstrap
    from etl.cli.config import scopes
    from etl.cli.progress import progress
    from etl.cli.running import show_tables

    accounts = settings.resolved_accounts()
    names = {scope: account.name for account in accounts for scope in scopes(account, None)}
    with progress(output, names) as emit:
        outcome = await bootstrap.execute(
            settings,
            bootstrap.sync_order(settings),
            {account: scopes(account, None) for account in accounts},
            emit=emit,
            stop_code=stop_code,
        )
    show_tables(output, outcome, names)
    return outcome


def _a_day_passes(catalogue: Catalogue) -> None:
    now = datetime.now(UTC) - timedelta(hours=1)
    account_id = catalogue.accounts[0].account_id
    listed = [record for record in catalogue.listing(account_id, "sms") if record["contactLists"]]
    catalogue.insert(account_id, "sms", created_at=now, now=now, name="Flash sale - this weekend only")
    catalogue.update(account_id, "sms", listed[0]["id"], now=now, name=f"{listed[0]['name']} (final)"[:48])
    catalogue.update(account_id, "sms", listed[-1]["id"], now=now, contactLists=[])


def _look(output: Output, path: Path) -> None:
    """A query to try, with its answer."""
    import sqlite3

    with contextlib.closing(sqlite3.connect(path)) as database:
        rows = database.execute(QUERY).fetchall()
    output.say(f"\nThe warehouse is the file {path}. A query to try, and its answer:\n\n{QUERY};\n")
    columns = [Column("contact_list"), Column("campaigns", number=True), Column("messages", number=True)]
    output.table(columns, [(name, number(campaigns), number(messages)) for name, campaigns, messages in rows])
    output.say("\nLook further:")
    environment = f"KORE_ETL_WAREHOUSE__URL=sqlite:///{path}"
    output.say(f"  {environment} kore-etl status    how fresh and complete it is")
    output.say(f"  {environment} kore-etl runs      the ledger of both nights")
    output.say("  kore-etl init                    set up your own account")
