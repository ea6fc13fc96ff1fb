"""`kore-etl migrate`: create the schema or bring it up to date."""

from __future__ import annotations

import click

from etl.cli.output import Output


@click.command("migrate", short_help="Create or upgrade the schema.")
@click.pass_obj
def command(output: Output) -> int:
    """Create the warehouse's tables and views, or upgrade them. Safe when several start at once.

    \b
    Examples
      kore-etl migrate
      kore-etl --config prod.toml migrate
    """
    from etl import bootstrap
    from etl.cli import config, signals
    from etl.cli.reading import where

    settings = config.load(output, needs="warehouse")

    async def migrate(_: object) -> tuple[str | None, str]:
        async with bootstrap.warehouse(settings) as store:
            result = await store.migrate()
            return result.before, result.after

    before, after = signals.run(migrate)
    output.document({"exit_code": 0, "before": before, "after": after})
    if before == after:
        output.say(f"The schema of {where(settings)} is up to date ({after}).")
    else:
        output.say(f"The schema of {where(settings)} is now {after} (before: {before or 'empty'}).")
    return 0
