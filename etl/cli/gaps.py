"""`kore-etl gaps`: what was never proven."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click

from etl.cli.options import Instant, account_option, channel_option
from etl.cli.output import Column, Output, many, when
from etl.errors import ConfigError

if TYPE_CHECKING:
    from etl.model import Interval, Scope
    from etl.settings import Settings


@click.command("gaps", short_help="Intervals never proven.")
@account_option
@channel_option
@click.option("--start", type=Instant(), help="With --end: of the interval from this instant ...")
@click.option("--end", type=Instant(), help="... up to, not including, this one: all that is not proven of it.")
@click.pass_obj
def command(
    output: Output, accounts: tuple[str, ...], channel: str | None, start: datetime | None, end: datetime | None
) -> int:
    """List the intervals that no read has proven complete; exit 1 if there are any, or if nothing was ever read.

    A gap runs between the start of the history and the last closed window read; what came after that is not late yet.
    The next `sync` reads every gap by itself; `backfill --only-gaps` reads those of an interval now.

    With --end (and --start) it answers for just that interval, whether a read of it was due or not: 0 = proven.

    \b
    Examples
      kore-etl gaps
      kore-etl gaps || kore-etl sync
      kore-etl gaps --start 2026-01-01 --end 2026-02-01 && ./monthly-report
      kore-etl --json gaps | jq .gaps
    """
    within = _interval(start, end)
    from etl import bootstrap
    from etl.cli import config, signals
    from etl.cli.reading import nothing_read

    settings = config.load(output, needs="warehouse")
    chosen = config.chosen(settings, accounts, channel) if settings.resolved_accounts() else ()
    names = {scope: account.name for account in chosen for scope in config.scopes(account, channel)}
    names = names or _stored(settings, accounts, channel)
    if not names:
        output.document({"exit_code": 1, "gaps": [], "errors": [nothing_read(settings)]})
        output.complain(f"kore-etl: {nothing_read(settings)} No account is configured either, so every gap is open.")
        return 1
    found = signals.run(lambda _: bootstrap.gaps(settings, list(names), within))
    code = 1 if found else 0
    output.document({"exit_code": code, "gaps": [_document(scope, gap) for scope, gap in found]})
    if not found:
        stretch = (
            "between the start of the history and the last closed window" if within is None else "of that interval"
        )
        output.say(f"No gaps: everything {stretch} is proven.")
        return code
    output = output.answering()
    columns = [Column("Account", cuts=True), Column("Channel"), Column("From (UTC)"), Column("To (UTC)")]
    output.table(columns, [(names[scope], scope.channel.value, when(g.start), when(g.end)) for scope, g in found])
    output.say()
    verb = "was" if len(found) == 1 else "were"
    output.say(f"{many(len(found), 'interval')} {verb} never proven. The next `kore-etl sync` reads what is listed.")
    return code


def _interval(start: datetime | None, end: datetime | None) -> Interval | None:
    from etl.model import BEGINNING, Interval

    if end is None and start is not None:
        raise click.UsageError("--start needs --end: the interval whose proof is asked for.")
    if end is None:
        return None
    if start is not None and start >= end:
        raise click.UsageError(f"--start {start.isoformat()} must be before --end {end.isoformat()}.")
    return Interval(start or BEGINNING, end)


def _stored(settings: Settings, account_ids: Sequence[str], channel: str | None) -> dict[Scope, str]:
    """Without configured accounts: every listing that was ever read, by its account's id."""
    from etl.cli.config import unknown
    from etl.cli.reading import read

    scopes = [line.scope for line in read(settings, lambda store: store.freshness(), empty=())]
    known = sorted({scope.account_id for scope in scopes})
    if scopes and (problems := [unknown(one, known) for one in account_ids if one not in known]):
        raise ConfigError(tuple(problems))
    return {
        scope: scope.account_id
        for scope in scopes
        if (not account_ids or scope.account_id in account_ids) and channel in (None, scope.channel.value)
    }


def _document(scope: Scope, gap: Interval) -> dict[str, object]:
    return {
        "account_id": scope.account_id,
        "app_id": scope.app_id,
        "channel": scope.channel.value,
        "start": gap.start,
        "end": gap.end,
    }
