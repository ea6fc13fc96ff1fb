"""`kore-etl accounts`: who is configured, for a scheduler that gives each account a task of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from etl.cli.output import Column, Output

if TYPE_CHECKING:
    from etl.settings import ResolvedAccount

COLUMNS = (
    Column("Account", cuts=True),
    Column("Account id"),
    Column("Channels"),
    Column("App", spare=True),
    Column("Host", spare=True),
)


@click.command("accounts", short_help="The configured accounts.")
@click.pass_obj
def command(output: Output) -> int:
    """List the configured accounts, without secrets. Opens no secret, asks neither Kore.ai nor the warehouse.

    \b
    Examples
      kore-etl accounts
      kore-etl --json accounts | jq -r '.accounts[].account_id' | sort -u
    """
    from etl.cli import config
    from etl.errors import ConfigError

    output = output.answering()
    accounts = config.load(output, needs="warehouse").resolved_accounts()
    if not accounts:
        raise ConfigError(("No account is configured: add [[accounts]] blocks, or set KORE_ETL_ACCOUNTS.",))
    output.document({"exit_code": 0, "accounts": [_document(account) for account in accounts]})
    output.table(COLUMNS, [_row(account) for account in accounts])
    return 0


def _document(account: ResolvedAccount) -> dict[str, object]:
    return {
        "account_id": account.account_id,
        "app_id": account.app_id,
        "name": account.name,
        "channels": [channel.value for channel in account.channels],
        "host": account.host,
        "requests_per_minute": account.requests_per_minute,
    }


def _row(account: ResolvedAccount) -> tuple[str, ...]:
    channels = ", ".join(channel.value for channel in account.channels)
    return account.name, account.account_id, channels, account.app_id, account.host
