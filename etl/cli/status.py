"""`kore-etl status`: how fresh and how complete each account is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from etl.cli.output import Column, Output, ago, number, plain, when

if TYPE_CHECKING:
    from etl.model import Scope
    from etl.warehouse.reading import RunLine, ScopeFreshness
    from etl.warehouse.warehouse import Warehouse


@click.command("status", short_help="Freshness and coverage.")
@click.pass_obj
def command(output: Output) -> int:
    """Per account and channel: proven until when, how old that is, what is stored, what is waiting."""
    from etl.cli import config
    from etl.cli.reading import read

    async def query(store: Warehouse) -> tuple[tuple[ScopeFreshness, ...], tuple[RunLine, ...]]:
        return await store.freshness(), await store.runs(limit=5)

    settings = config.load(output, "warehouse")
    names = {scope: account.name for account in settings.resolved_accounts() for scope in config.scopes(account, None)}
    scopes, runs = read(settings, query, empty=((), ()))
    output.document({"exit_code": 0, "scopes": [plain(s) for s in scopes], "runs": [plain(run) for run in runs]})
    if not scopes:
        output.say("Nothing was read yet. `kore-etl sync` makes the first run.")
        return 0
    headings = ("Account", "Channel", "Proven until", "Age", "Campaigns", "Unproven", "Rejected", "Last run")
    numbers = {"Age", "Campaigns", "Unproven", "Rejected"}
    output.table([Column(name, number=name in numbers) for name in headings], [_line(scope, names) for scope in scopes])
    _last_run(output, runs)
    return 0


def _line(scope: ScopeFreshness, names: Mapping[Scope, str]) -> tuple[str, ...]:
    age = "-" if scope.age_seconds is None else ago(timedelta(seconds=scope.age_seconds))
    return (
        names.get(scope.scope, scope.scope.account_id),
        scope.scope.channel.value,
        when(scope.proven_until),
        age,
        number(scope.live_rows),
        number(scope.unproven_windows),
        number(scope.rejects_waiting),
        scope.last_run_verdict.value if scope.last_run_verdict else "-",
    )


def _last_run(output: Output, runs: tuple[RunLine, ...]) -> None:
    if runs:
        last = runs[0]
        output.say()
        output.say(f"Last run {last.run_id}: {last.verb}, {last.verdict.value}, started {when(last.started_at)}.")
