"""`kore-etl verify`: source and warehouse compared, nothing written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click

from etl.cli.options import account_option, channel_option, wait_option
from etl.cli.output import Column, Output, clean, many, number, plain
from etl.model import Difference, Scope, Verdict

SHOWN = 50
"""Differences in the table; `--json` has them all."""


@click.command("verify", short_help="Compare source and warehouse.")
@account_option
@channel_option
@wait_option
@click.pass_obj
def command(output: Output, accounts: tuple[str, ...], channel: str | None, wait: float) -> int:
    """Read everything again and compare it with what is stored, column by column; write nothing.

    Exit 1 where something differs, or where a window could not be proven, so that nobody can say. It costs as many
    requests as the first sync. The fields that differ are named, their values are not shown.

    \b
    Examples
      kore-etl verify
      kore-etl verify --account 67777ce93e25326494e9aaaa
      kore-etl --json verify | jq '.differences[].campaign_id'
    """
    from etl import bootstrap, report
    from etl.cli import config, signals
    from etl.cli.progress import progress
    from etl.cli.running import show_tables
    from etl.pipeline import Stopped

    settings = config.load(output, needs="source")
    chosen = config.chosen(settings, accounts, channel)
    listings = {account: config.scopes(account, channel) for account in chosen}
    names = {scope: account.name for account, scopes in listings.items() for scope in scopes}
    order = bootstrap.verify_order(settings, wait_seconds=wait)
    differences: tuple[Difference, ...] = ()
    try:
        with progress(output, names, settings) as emit:
            outcome, differences = signals.run(
                lambda stop_code: bootstrap.verify(settings, order, listings, emit=emit, stop_code=stop_code)
            )
    except Stopped as stopped:
        outcome = stopped.outcome
    code = outcome.exit_code or (1 if differences else 0)
    found = [plain(difference) for difference in differences]
    verdict = Verdict.INCOMPLETE if code == 1 else outcome.verdict
    document = {**report.document(outcome), "verdict": verdict.value, "exit_code": code}
    output.document({**document, "differences": found})
    if outcome.exit_code:
        show_tables(output, outcome, names)
    _show(output, differences, names)
    if code == 0:
        seen = number(report.totals(outcome)["seen"])
        output.say(f"Source and warehouse are the same: {seen} campaigns compared, every window proven.")
    return code


COLUMNS = (
    Column("Account", cuts=True),
    Column("Channel"),
    Column("Campaign"),
    Column("What"),
    Column("Fields", wraps=True),
)


def _show(output: Output, differences: Sequence[Difference], names: Mapping[Scope, str]) -> None:
    if not differences or output.as_json:
        return
    rows = [
        (names[one.scope], one.scope.channel.value, one.campaign_id, one.kind, ", ".join(one.fields))
        for one in differences[:SHOWN]
    ]
    output.table(COLUMNS, rows)
    more = f" ({number(len(differences) - SHOWN)} more; --json shows all)" if differences[SHOWN:] else ""
    output.say()
    output.complain(
        f"{many(len(differences), 'campaign')} not the same{more}. "
        "`kore-etl sync` mends what the source changed since; "
        "`kore-etl backfill --rewrite` over their dates mends rows changed by hand."
    )
    if output.quiet:
        for one in differences[:SHOWN]:
            output.complain(f"{clean(names[one.scope])}: {clean(one.campaign_id)} {one.kind} {', '.join(one.fields)}")
