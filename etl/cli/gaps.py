"""`kore-etl gaps`: what was never proven."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from etl.cli.options import account_option, channel_option
from etl.cli.output import Column, Output, many, when
from etl.errors import ConfigError

if TYPE_CHECKING:
    from etl.model import Interval, Scope
    from etl.settings import Settings


@click.command("gaps", short_help="Intervals never proven.")
@account_option
@channel_option
@click.pass_obj
def command(output: Output, accounts: tuple[str, ...], channel: str | None) -> int:
    """List the intervals that no read has proven complete; exit 1 if there are any, or if nothing was ever read.

    A gap runs between the start of the history and the last closed window read; what came after that is not late yet.
    The next `sync` reads every gap by itself; `backfill --only-gaps` reads those of an interval now.

    \b
    Examples
      kore-etl gaps
      kore-etl gaps || kore-etl sync
      kore-etl --json gaps | jq .gaps
    """
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
    found = signals.run(lambda _: bootstrap.gaps(settings, list(names)))
    code = 1 if found else 0
    output.document({"exit_code": code, "gaps": [_document(scope, gap) for scope, gap in found]})
    if not found:
        output.say("No gaps: everything between the start of the history and the last closed window is proven.")
        return code
    output = output.answering()
    columns = [Column("Account", cuts=True), Column("Channel"), Column("From (UTC)"), Column("To (UTC)")]
    output.table(columns, [(names[scope], scope.channel.value, when(g.start), when(g.end)) for scope, g in found])
    output.say()
    verb = "was" if len(found) == 1 else "were"
    output.say(f"{many(len(found), 'interval')} {verb} never proven. The next `kore-etl sync` reads what is listed.")
    return code


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
