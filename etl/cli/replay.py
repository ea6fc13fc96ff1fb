"""`kore-etl replay`: typed columns rebuilt from `raw`, without a request."""

from __future__ import annotations

import click

from etl.cli.options import account_option, channel_option, wait_option
from etl.cli.output import Output


@click.command("replay", short_help="Rebuild typed columns from raw, without a request.")
@account_option
@channel_option
@wait_option
@click.pass_obj
def command(output: Output, accounts: tuple[str, ...], channel: str | None, wait: float) -> int:
    """Read every stored record's JSON again and make its typed columns and contact lists what it says. No request.

    For the day after an upgrade that understands more fields. Rows are corrected in place: what a campaign says now it
    said all the time, so its history gets no new version. Nothing that was fetched is replaced by anything older.

    \b
    Examples
      kore-etl replay
      kore-etl replay --account 67777ce93e25326494e9aaaa --channel sms
    """
    from etl import bootstrap
    from etl.cli import config, mended, signals
    from etl.cli.reading import chosen_scopes

    settings = config.load(output, needs="warehouse")
    scopes = chosen_scopes(settings, accounts, channel)
    outcome = signals.run(lambda stop_code: bootstrap.replay(settings, scopes, wait_seconds=wait, stop_code=stop_code))
    return mended.show(
        output,
        outcome,
        config.names(settings),
        noun="stored record",
        left="could not be read; columns stay as they are.",
        nothing="Nothing is stored yet; nothing was read.",
        done="Every column says what its record says.",
    )
