"""`kore-etl backfill`: read an interval again."""

from __future__ import annotations

import functools
from datetime import UTC, datetime

import click

from etl.cli.options import Instant, account_option, channel_option, deadline_option, resume_option, wait_option
from etl.cli.output import Output


@click.command("backfill", short_help="Read an interval again.")
@click.option("--start", type=Instant(), required=True, help="First instant, ISO 8601; a bare date is midnight UTC.")
@click.option("--end", type=Instant(), required=True, help="First instant after it (exclusive).")
@account_option
@channel_option
@click.option("--only-gaps", is_flag=True, help="Read only what of it was never proven.")
@click.option("--rewrite", is_flag=True, help="Write every row, even where nothing changed.")
@resume_option
@wait_option
@deadline_option
@click.pass_obj
def command(
    output: Output,
    start: datetime,
    end: datetime,
    accounts: tuple[str, ...],
    channel: str | None,
    only_gaps: bool,
    rewrite: bool,
    resume_from: datetime | None,
    wait: float,
    deadline: float | None,
) -> int:
    """Read the campaigns created from --start up to, not including, --end again, and store them.

    \b
    Examples
      kore-etl backfill --start 2026-01-01 --end 2026-02-01
      kore-etl backfill --start 2024-01-01 --end 2026-01-01 --only-gaps
    """
    if start >= end:
        raise click.UsageError(f"--start {start.isoformat()} must be before --end {end.isoformat()}.")
    if start >= datetime.now(UTC):
        raise click.UsageError(f"--start {start.isoformat()} is in the future: there is nothing to read yet.")
    from etl import bootstrap
    from etl.cli.running import execute

    order = functools.partial(
        bootstrap.backfill_order,
        start=start,
        end=end,
        only_gaps=only_gaps,
        rewrite=rewrite,
        wait_seconds=wait,
        resume_from=resume_from,
        deadline_seconds=deadline,
    )
    return execute(output, order, accounts, channel)
