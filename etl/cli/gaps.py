"""`kore-etl gaps`: what was never proven."""

from __future__ import annotations

import click

from etl.cli.options import account_option, channel_option
from etl.cli.output import Column, Output


@click.command("gaps", short_help="Intervals never proven.")
@account_option
@channel_option
@click.pass_obj
def command(output: Output, accounts: tuple[str, ...], channel: str | None) -> int:
    """List the intervals that no read has proven complete; exit 1 if there are any.

    A gap runs between the start of the history and the last closed window read; what came after that is not late yet.
    The next `sync` reads every gap by itself; `backfill --only-gaps` reads those of an interval now.
    """
    from etl import bootstrap
    from etl.cli import config, signals

    settings = config.load(output, needs="warehouse")
    chosen = config.chosen(settings, accounts, channel)
    names = {scope: account.name for account in chosen for scope in config.scopes(account, channel)}
    found = signals.run(lambda _: bootstrap.gaps(settings, list(names)))
    code = 1 if found else 0
    document = [
        {
            "account_id": scope.account_id,
            "app_id": scope.app_id,
            "channel": scope.channel.value,
            "start": gap.start,
            "end": gap.end,
        }
        for scope, gap in found
    ]
    output.document({"exit_code": code, "gaps": document})
    if not found:
        output.say("No gaps: everything between the start of the history and the last closed window is proven.")
        return code
    columns = [Column("Account"), Column("Channel"), Column("From (UTC)"), Column("To (UTC)")]
    rows = [
        (names[scope], scope.channel.value, f"{gap.start:%Y-%m-%d %H:%M:%S}", f"{gap.end:%Y-%m-%d %H:%M:%S}")
        for scope, gap in found
    ]
    output.table(columns, rows)
    output.say()
    output.say(f"{len(found)} intervals were never proven. The next `kore-etl sync` reads them.")
    return code
