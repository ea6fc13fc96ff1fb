"""`kore-etl demo`: two nights against the sandbox, into a SQLite file, and what to look at next."""

from __future__ import annotations

import contextlib
import re
import shlex
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from etl.cli.output import Column, Output, number
from etl.cli.program import program
from etl.report import document

if TYPE_CHECKING:
    from etl.model import RunOutcome
    from etl.sandbox.catalogue import Catalogue
    from etl.settings import Settings

FOLDER = Path("kore-etl-demo")
DATABASE = "campaigns.db"

OURS = re.compile(r"config\.toml|account-\d+\.secret|campaigns\.db(-wal|-shm)?")
"""The files that a demo leaves in its folder."""

QUERY = """\
SELECT l.name AS contact_list, count(*) AS campaigns,
  sum(c.total_messages_sent) AS messages
FROM live_campaigns c
JOIN campaign_contact_lists USING (campaign_id)
JOIN contact_lists l USING (contact_list_id)
GROUP BY l.name ORDER BY messages DESC LIMIT 5"""


@click.command("demo", short_help="Try it without an account.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=FOLDER,
    show_default=True,
    help="Where its configuration and database go; an earlier demo there is replaced.",
)
@click.option("--accounts", type=click.IntRange(1, 100), default=3, show_default=True, help="How many accounts.")
@click.option(
    "--campaigns", type=click.IntRange(1, 50_000), default=400, show_default=True, help="Per account and channel."
)
@click.pass_obj
def command(output: Output, folder: Path, accounts: int, campaigns: int) -> int:
    """Start a sandbox of the Kore.ai API on this machine, sync two nights into SQLite, and show what came of it.

    Between the nights one campaign is added, one is renamed and one loses its contact lists: the second night finds
    exactly these.

    \b
    Examples
      kore-etl demo
      kore-etl demo --folder /tmp/demo --accounts 10 --campaigns 5000
    """
    from etl.cli import signals
    from etl.cli.sandbox import midnight
    from etl.errors import Interrupted
    from etl.pipeline import Stopped
    from etl.sandbox.catalogue import build_catalogue

    _prepare(folder)
    catalogue = build_catalogue(accounts=accounts, campaigns=campaigns, now=midnight())
    try:
        nights = signals.run(lambda stop_code: _nights(output, catalogue, folder, stop_code))
    except Stopped as stopped:
        raise Interrupted(stopped.outcome.exit_code) from None
    code = max(night.exit_code for night in nights)
    output.document({"exit_code": code, "folder": str(folder), "runs": [document(night) for night in nights]})
    if code == 0:
        _look(output, folder)
    return code


def _prepare(folder: Path) -> None:
    """Make the folder, and remove the files of an earlier demo. Raises a usage error where it is someone else's."""
    from etl.cli.sandbox import refuse_foreign

    try:
        folder.mkdir(parents=True, exist_ok=True)
        refuse_foreign(folder)
        files = list(folder.iterdir())
        if files and (not (folder / "config.toml").exists() or not all(OURS.fullmatch(file.name) for file in files)):
            raise click.UsageError(f"{folder} holds files that are not a demo's; name another with --folder.")
        for file in files:
            file.unlink()
    except OSError as error:
        raise click.UsageError(f"{folder} cannot be used: {error.strerror}; name another with --folder.") from error


async def _nights(
    output: Output, catalogue: Catalogue, folder: Path, stop_code: Callable[[], int]
) -> tuple[RunOutcome, RunOutcome]:
    from etl.cli.sandbox import in_folder, write_config
    from etl.sandbox.app import Sandbox
    from etl.settings import load

    async with Sandbox(catalogue) as sandbox:
        settings = load(write_config(folder, sandbox.url, catalogue.accounts, in_folder(folder, DATABASE)), {})
        output.say(f"A sandbox of the Kore.ai API listens on {sandbox.url}.")
        output.say("First night: everything is new.\n")
        first = await _night(output, settings, stop_code)
        output.say("\nA day passes: one campaign is added, one is renamed, one loses its contact lists.")
        output.say("Second night: everything is compared again, only what changed is written.\n")
        _a_day_passes(catalogue)
        return first, await _night(output, settings, stop_code)


async def _night(output: Output, settings: Settings, stop_code: Callable[[], int]) -> RunOutcome:
    from etl import bootstrap
    from etl.cli import config
    from etl.cli.progress import progress
    from etl.cli.running import show_tables

    names = config.names(settings)
    with progress(output, names, settings) as emit:
        outcome = await bootstrap.execute(
            settings,
            bootstrap.sync_order(settings),
            {account: config.scopes(account, None) for account in settings.resolved_accounts()},
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


def _look(output: Output, folder: Path) -> None:
    """A query to try, with its answer, and the verbs that look."""
    import sqlite3

    path = folder / DATABASE
    with contextlib.closing(sqlite3.connect(path)) as database:
        rows = database.execute(QUERY).fetchall()
        ((renamed,),) = database.execute("SELECT campaign_id FROM campaign_history LIMIT 1").fetchall()
    output.say(f"\nThe warehouse is the file {path}. A query to try, and its answer:\n\n{QUERY};\n")
    columns = [Column("contact_list"), Column("campaigns", number=True), Column("messages", number=True)]
    output.table(columns, [(name, number(campaigns), number(messages)) for name, campaigns, messages in rows])
    config = shlex.quote(str(folder / "config.toml"))
    output.say(
        "\nThe sandbox is gone, its copy stays. How fresh and complete it is, the life of the campaign that was "
        "renamed, a page for everybody, and how to set up your own account:\n"
    )
    for rest in ("status", f"explain {renamed[:11]}", "report --out report.html"):
        output.say(f"  {program()} --config {config} {rest}")
    output.say(f"  {program()} init")
