"""The options that several verbs share. Imports nothing heavy, so that every `--help` is quick."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import click

CHANNELS = ("sms", "voice")

LOOKS_LIKE_A_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$")


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
            if LOOKS_LIKE_A_DATE.match(value):
                self.fail(f"'{value}': there is no such day or time.", param, ctx)
            self.fail(f"'{value}' is not an ISO 8601 date, such as 2026-01-31 or 2026-01-31T12:00:00Z.", param, ctx)


class Seconds(click.ParamType[float]):
    """A length of time, 0 or more."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            seconds = float(value)
        except ValueError:
            seconds = -1.0
        if not 0 <= seconds < float("inf"):
            self.fail(f"'{value}' is not a number of seconds, 0 or more.", param, ctx)
        return seconds


def _configured(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[Any]:
    """The account ids that a shell offers: those in the configuration file, by id or by name."""
    import os
    import tomllib
    from pathlib import Path

    from click.shell_completion import CompletionItem

    path = ctx.find_root().params.get("config") or os.environ.get("KORE_ETL_CONFIG") or "config.toml"
    try:
        accounts = tomllib.loads(Path(path).read_text(encoding="utf-8")).get("accounts", [])
        named = {str(one["account_id"]): str(one.get("name", "")) for one in accounts}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return []  # a shell that completes is no place to complain
    return [
        CompletionItem(account_id, help=name)
        for account_id, name in named.items()
        if account_id.startswith(incomplete) or name.lower().startswith(incomplete.lower())
    ]


class Duration(click.ParamType[float]):
    """A length of time with its units, in seconds: 90s, 45m, 2h, 1h30m."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        parts = re.fullmatch(r"(?:(\d{1,4})h)?(?:(\d{1,6})m)?(?:(\d{1,8})s)?", value)
        seconds = (
            0.0 if parts is None else sum(int(n or 0) * u for n, u in zip(parts.groups(), (3600, 60, 1), strict=True))
        )
        if not seconds:
            self.fail(f"'{value}' is not a length of time, such as 2h, 90m, 45s or 1h30m.", param, ctx)
        return float(seconds)


account_option = click.option(
    "--account",
    "accounts",
    multiple=True,
    metavar="ID",
    help="Only this account; repeatable.",
    shell_complete=_configured,
)
channel_option = click.option("--channel", type=click.Choice(CHANNELS), help="Only this channel.")
wait_option = click.option(
    "--wait",
    type=Seconds(),
    default=0,
    metavar="SECONDS",
    help="Wait so long for an account that another run holds.",
)
resume_option = click.option(
    "--resume-from",
    type=Instant(),
    help="Go on with work that began then: what was proven since is not read again.",
)
deadline_option = click.option(
    "--deadline",
    type=Duration(),
    metavar="2h",
    help="Stop cleanly after so long (2h, 90m, 1h30m) and say what is left; exit 1.",
)
