"""`kore-etl rejects`: records and fields that could not be stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from etl.cli.options import wait_option
from etl.cli.output import Column, Output, number, plain, when

if TYPE_CHECKING:
    from etl.model import Scope
    from etl.warehouse.reading import RejectLine


@click.group("rejects", invoke_without_command=True, short_help="Records that could not be stored.")
@click.option(
    "--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="How many, newest first."
)
@click.option("--show-raw", is_flag=True, help="Also show the records' text: personal data.")
@click.pass_context
def command(ctx: click.Context, limit: int, show_raw: bool) -> int:
    """List what was rejected and waits: whole records, and fields (`field:NAME`) that were stored empty.

    A rejected record makes every run exit 1 until it is gone from the source or acknowledged; a bad field never does.

    \b
    Examples
      kore-etl rejects
      kore-etl rejects --limit 5 --show-raw
      kore-etl --json rejects | jq '.rejects[].reason'
    """
    if ctx.invoked_subcommand is not None:
        return 0
    from etl.cli import config
    from etl.cli.reading import nothing_read, read

    output: Output = ctx.obj.answering()
    settings = config.load(output, "warehouse")
    lines = read(settings, lambda store: store.rejects(limit=limit), empty=None)
    output.document({"exit_code": 0, "rejects": [_document(line, show_raw=show_raw) for line in lines or ()]})
    if not lines:
        output.say(nothing_read(settings) if lines is None else "Nothing rejected waits.")
        return 0
    names = config.names(settings)
    output.table(COLUMNS, [_row(line, names) for line in lines])
    if show_raw:
        for line in lines:
            output.table([Column(f"Text of {line.rejected_id}")], [(line.raw,)])
    output.say()
    output.say("`kore-etl rejects retry` tries to store them again, `kore-etl rejects ack ID ...` silences known ones;")
    output.say("the text is shown with --show-raw.")
    return 0


@command.command("ack", short_help="Silence rejected records that are known.")
@click.argument("rejected_ids", metavar="ID...", nargs=-1, type=int)
@click.option("--all", "everything", is_flag=True, help="Everything that waits now.")
@click.pass_obj
def ack(output: Output, rejected_ids: tuple[int, ...], everything: bool) -> int:
    """Acknowledge rejected records: they stay in the table, but no longer make a run exit 1.

    \b
    Examples
      kore-etl rejects ack 17 18
      kore-etl rejects ack --all
    """
    if bool(rejected_ids) == everything:
        raise click.UsageError("Name the ids that `kore-etl rejects` shows, or --all.")
    from etl.cli import config
    from etl.cli.reading import read
    from etl.warehouse.warehouse import Warehouse

    async def acknowledge(store: Warehouse) -> tuple[int, set[int]]:
        waiting = {line.rejected_id for line in await store.rejects(limit=ALL)}
        chosen = waiting if everything else waiting.intersection(rejected_ids)
        return await store.acknowledge_rejects(sorted(chosen)), set(rejected_ids) - waiting

    settings = config.load(output, "warehouse")
    count, unknown = read(settings, acknowledge, empty=(0, set(rejected_ids)))
    errors = [f"No rejected record {one} waits; `kore-etl rejects` lists them." for one in sorted(unknown)]
    code = 1 if errors else 0
    output.document({"exit_code": code, "acknowledged": count} | ({"errors": errors} if errors else {}))
    for error in errors:
        output.complain(f"kore-etl: {error}")
    output.say(f"{number(count)} acknowledged.")
    return code


@command.command("retry", short_help="Try to store rejected records again.")
@wait_option
@click.pass_obj
def retry(output: Output, wait: float) -> int:
    """Read rejected records again and store what can be stored by now; exit 1 while some are left. No request.

    For the day after an upgrade that understands more, or when what stood in the way is gone. A record never replaces
    what was fetched after it.

    \b
    Examples
      kore-etl rejects retry
      kore-etl rejects retry --wait 600
    """
    from etl import bootstrap
    from etl.cli import config, mended, signals

    settings = config.load(output, "warehouse")
    outcome = signals.run(lambda stop_code: bootstrap.retry_rejects(settings, wait_seconds=wait, stop_code=stop_code))
    return mended.show(
        output,
        outcome,
        config.names(settings),
        noun="record",
        left="could not be stored this time either; `kore-etl rejects` shows why.",
        nothing="Nothing rejected waits.",
        done="Every rejected record is stored, or was replaced by a later read.",
    )


ALL = 100_000
"""More than anyone will look at; `--all` acknowledges so many at once."""


def _document(line: RejectLine, *, show_raw: bool) -> dict[str, object]:
    return {name: value for name, value in plain(line).items() if show_raw or name != "raw"}


COLUMNS = (
    Column("Id", number=True),
    Column("Account", cuts=True),
    Column("Channel"),
    Column("Campaign", cuts=True),
    Column("Reason", wraps=True),
    Column("Times", number=True, spare=True),
    Column("Last seen (UTC)"),
)


def _row(line: RejectLine, names: Mapping[Scope, str]) -> tuple[str, ...]:
    reason = line.reason if line.detail is None else f"{line.reason} ({line.detail})"
    return (
        str(line.rejected_id),
        names.get(line.scope, line.scope.account_id),
        line.scope.channel.value,
        line.campaign_id or "-",
        reason,
        number(line.occurrences),
        when(line.last_seen_at),
    )
