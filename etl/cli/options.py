"""The options that several verbs share. Imports nothing heavy, so that every `--help` is quick."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

CHANNELS = ("sms", "voice")


class Instant(click.ParamType[datetime]):
    """ISO 8601; a bare date is midnight UTC, a time without zone is UTC."""

    name = "ISO date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            instant = datetime.fromisoformat(value)
            return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(f"'{value}' is not an ISO 8601 date, such as 2026-01-31 or 2026-01-31T12:00:00Z.", param, ctx)


account_option = click.option(
    "--account", "accounts", multiple=True, metavar="ID", help="Only this account; repeatable."
)
channel_option = click.option("--channel", type=click.Choice(CHANNELS), help="Only this channel.")
wait_option = click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=0,
    metavar="SECONDS",
    help="Wait so long for an account that another run holds.",
)
