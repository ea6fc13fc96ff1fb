"""`kore-etl plan`: what a run would read, why, and what it would cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, time
from typing import Any

import click

from etl.cli.options import Instant, account_option, channel_option
from etl.cli.output import Column, Output, many, number
from etl.model import Scope, ScopeState, Window
from etl.plan import Priced

UNKNOWN = "unknown"
MIDNIGHT = time()


@click.command("plan", short_help="What sync would read.")
@account_option
@channel_option
@click.option("--start", type=Instant(), help="With --end: what `backfill` would read.")
@click.option("--end", type=Instant(), help="First instant after the interval (exclusive).")
@click.option("--only-gaps", is_flag=True, help="With --start and --end: only what was never proven.")
@click.pass_obj
def command(
    output: Output,
    accounts: tuple[str, ...],
    channel: str | None,
    start: datetime | None,
    end: datetime | None,
    only_gaps: bool,
) -> int:
    """Show the windows that the next `sync` would read, why, and their price in requests and minutes.

    Sends no request, writes nothing, creates no database. A scope never read has no price yet: "unknown".

    \b
    Examples
      kore-etl plan
      kore-etl plan --start 2026-01-01 --end 2026-02-01
    """
    if (start is None) != (end is None):
        raise click.UsageError("--start and --end go together.")
    if start is not None and end is not None and start >= end:
        raise click.UsageError(f"--start {start.isoformat()} must be before --end {end.isoformat()}.")
    if only_gaps and start is None:
        raise click.UsageError("--only-gaps goes with --start and --end.")
    output = output.answering()
    from etl import bootstrap
    from etl import plan as planner
    from etl.cli import config, signals

    settings = config.load(output, needs="source")
    chosen = config.chosen(settings, accounts, channel)
    names = {scope: account.name for account in chosen for scope in config.scopes(account, channel)}
    policy, now = bootstrap.plan_policy(settings), bootstrap.utc_now()

    def windows(state: ScopeState) -> tuple[Window, ...]:
        if start is None or end is None:
            return planner.sync(state, policy, now)
        return planner.backfill(state, now, start=start, end=end, only_gaps=only_gaps)

    states = signals.run(lambda _: bootstrap.scope_states(settings, list(names)))
    priced = [planner.price(window, state, policy) for state in states for window in windows(state)]
    limits = {account.account_id: account.requests_per_minute for account in chosen}
    _show(output, priced, planner.minutes(priced, limits), names)
    return 0


COLUMNS = (
    Column("Account", cuts=True),
    Column("Channel"),
    Column("From (UTC)"),
    Column("To (UTC)"),
    Column("Why", wraps=True),
    Column("Requests", number=True),
)


def _show(output: Output, priced: Sequence[Priced], minutes: float | None, names: Mapping[Scope, str]) -> None:
    known = [one.requests for one in priced if one.requests is not None]
    requests = sum(known) if len(known) == len(priced) else None
    output.document(_document(priced, requests, minutes))
    rows = [
        (
            names[one.window.scope],
            one.window.scope.channel.value,
            _instant(one.window.start),
            _instant(one.window.end),
            one.window.reason.value,
            _known(one.requests),
        )
        for one in priced
    ]
    output.table(COLUMNS, rows)
    output.say()
    at_the_limit = f", {minutes:.1f} minutes at the rate limit" if minutes else ""
    asked = f"{UNKNOWN} requests" if requests is None else many(requests, "request")
    output.say(f"{many(len(priced), 'window')}, {asked}{at_the_limit}. Nothing was read or written.")
    if requests is None:
        output.say("What was never read has no price yet: its size is known after the first request.")


def _document(priced: Sequence[Priced], requests: int | None, minutes: float | None) -> dict[str, Any]:
    return {
        "windows": [
            {
                "account_id": one.window.scope.account_id,
                "app_id": one.window.scope.app_id,
                "channel": one.window.scope.channel.value,
                "start": one.window.start,
                "end": one.window.end,
                "reason": one.window.reason.value,
                "requests": UNKNOWN if one.requests is None else one.requests,
            }
            for one in priced
        ],
        "totals": {
            "windows": len(priced),
            "requests": UNKNOWN if requests is None else requests,
            "minutes": UNKNOWN if minutes is None else round(minutes, 1),
        },
    }


def _known(requests: int | None) -> str:
    return UNKNOWN if requests is None else number(requests)


def _instant(instant: datetime) -> str:
    """UTC, as windows are cut; midnight as a bare date."""
    return instant.strftime("%Y-%m-%d" if instant.time() == MIDNIGHT else "%Y-%m-%d %H:%M")
