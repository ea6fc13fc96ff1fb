"""`kore-etl sync`: the nightly run."""

from __future__ import annotations

import functools
from datetime import datetime

import click

from etl.cli.options import account_option, channel_option, deadline_option, resume_option, wait_option
from etl.cli.output import Output


@click.command("sync", short_help="The nightly run.")
@account_option
@channel_option
@click.option("--accept-deletions", is_flag=True, help="Believe the source this once, however many campaigns are gone.")
@resume_option
@wait_option
@deadline_option
@click.pass_obj
def command(
    output: Output,
    accounts: tuple[str, ...],
    channel: str | None,
    accept_deletions: bool,
    resume_from: datetime | None,
    wait: float,
    deadline: float | None,
) -> int:
    """Read what is due tonight, prove it complete, store it.

    What is due: gaps, windows that could not be proven, small accounts whole, the lookback of large ones, and the open
    tail up to now. Without a schedule of its own: run it from cron or Airflow, as often as you like.

    \b
    Examples
      kore-etl sync
      kore-etl sync --account 67777ce93e25326494e9aaaa --channel sms
      kore-etl --json sync | jq .totals
    """
    from etl import bootstrap
    from etl.cli.running import execute

    return execute(
        output,
        functools.partial(
            bootstrap.sync_order,
            wait_seconds=wait,
            accept_deletions=accept_deletions,
            resume_from=resume_from,
            deadline_seconds=deadline,
        ),
        accounts,
        channel,
    )
