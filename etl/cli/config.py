"""Which configuration a verb works with, and which of its accounts the options choose."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from typing import Literal

from etl import settings
from etl.cli.output import Output
from etl.errors import ConfigError
from etl.model import Channel, Scope
from etl.settings import ResolvedAccount, Settings


def load(output: Output, needs: Literal["source", "warehouse"]) -> Settings:
    """The settings from --config, KORE_ETL_CONFIG or ./config.toml and the environment; warnings go to stderr."""
    found = settings.load(settings.find_config(output.config, os.environ), os.environ, needs=needs)
    for warning in found.warnings:
        output.complain(f"kore-etl: warning: {warning}")
    return found


def chosen(config: Settings, account_ids: Sequence[str], channel: str | None) -> tuple[ResolvedAccount, ...]:
    """The configured accounts that --account and --channel choose; all without them. Raises ConfigError."""
    accounts = config.resolved_accounts()
    known = sorted({account.account_id for account in accounts})
    problems = [_unknown(one, known) for one in account_ids if one not in known]
    if problems:
        raise ConfigError(tuple(problems))
    picked = [a for a in accounts if not account_ids or a.account_id in account_ids]
    if channel is not None and not any(Channel(channel) in a.channels for a in picked):
        raise ConfigError((f"--channel {channel}: none of the chosen accounts has it in its `channels`.",))
    return tuple(picked)


def scopes(account: ResolvedAccount, channel: str | None) -> tuple[Scope, ...]:
    """The account's listings, narrowed by --channel."""
    return tuple(
        Scope(account.account_id, account.app_id, one)
        for one in account.channels
        if channel is None or one.value == channel
    )


def _unknown(account_id: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(account_id, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"configured: {', '.join(known[:5])}{' ...' if known[5:] else ''}."
    return f"--account {account_id}: no such account in the configuration; {hint}"
