"""Which configuration a verb works with, how its accounts are called, and which of them the options choose."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from etl import settings
from etl.cli.output import Output
from etl.errors import ConfigError
from etl.model import Channel, Scope
from etl.settings import ResolvedAccount, Settings

NOTHING = (
    "There is no configuration: looked for --config, KORE_ETL_CONFIG, ./config.toml; `kore-etl init` writes one, "
    "`kore-etl demo` needs none."
)

SUFFICE = ("KORE_ETL_ACCOUNTS", "KORE_ETL_WAREHOUSE__URL")
"""Either says enough to go without a file; with neither, the default warehouse would be an empty one just made up."""

PLACEHOLDERS = {
    "account_id": "000000000000000000000000",
    "app_id": "st-00000000-0000-0000-0000-000000000000",
    "client_id": "cs-00000000-0000-0000-0000-000000000000",
}
"""What the example configuration has in the places to be filled in."""


def load(output: Output, needs: Literal["source", "warehouse"]) -> Settings:
    """The settings from --config, KORE_ETL_CONFIG or ./config.toml and the environment; warnings go to stderr."""
    file = settings.find_config(output.config, os.environ)
    enough = file is not None or any(os.environ.get(name) for name in SUFFICE)
    if not enough and not any(os.environ[name] for name in os.environ if name.startswith("KORE_ETL_")):
        raise ConfigError((NOTHING,))
    unfilled = tuple(_unfilled(file)) if needs == "source" else ()
    try:
        found = settings.load(file, os.environ, needs=needs, read_table=_read_table)
    except ConfigError as error:
        raise ConfigError(error.problems + unfilled) from None
    if unfilled or not enough:
        raise ConfigError(unfilled or (NOTHING,))
    for warning in found.warnings:
        output.complain(f"kore-etl: warning: {warning}")
    return found


def _read_table(found: Settings) -> list[dict[str, Any]]:
    from etl import bootstrap  # heavy, and only some configurations need it here

    return bootstrap.account_rows(found)


def _unfilled(file: Path | None) -> Iterator[str]:
    """A sentence for each of the example's values that was left in place."""
    try:
        found = settings.load(file, os.environ, needs="warehouse", read_table=lambda _: [])
    except ConfigError:
        return  # told when it is loaded for its use
    where = "" if file is None else f"{file}: "
    if found.auth.client_id == PLACEHOLDERS["client_id"]:
        yield f"{where}[auth] client_id is still the example's; fill in yours."
    for place, account in enumerate(found.accounts, 1):
        for key, example in PLACEHOLDERS.items():
            if getattr(account, key) == example:
                yield f"{where}[[accounts]] number {place} {key} is still the example's; fill in yours."


def names(config: Settings) -> dict[Scope, str]:
    """How each configured listing's account is called."""
    return {scope: account.name for account in config.resolved_accounts() for scope in scopes(account, None)}


def chosen(config: Settings, account_ids: Sequence[str], channel: str | None) -> tuple[ResolvedAccount, ...]:
    """The configured accounts that --account and --channel choose; all without them. Raises ConfigError."""
    accounts = config.resolved_accounts()
    known, wanted = {account.account_id for account in accounts}, set(account_ids)
    problems = [unknown(one, sorted(known)) for one in account_ids if one not in known]
    if problems:
        raise ConfigError(tuple(problems))
    picked = [a for a in accounts if not wanted or a.account_id in wanted]
    if channel is not None and picked and not any(Channel(channel) in a.channels for a in picked):
        raise ConfigError((f"--channel {channel}: none of the chosen accounts has it in its `channels`.",))
    return tuple(picked)


def scopes(account: ResolvedAccount, channel: str | None) -> tuple[Scope, ...]:
    """The account's listings, narrowed by --channel."""
    return tuple(
        Scope(account.account_id, account.app_id, one)
        for one in account.channels
        if channel is None or one.value == channel
    )


def unknown(account_id: str, known: Sequence[str]) -> str:
    """The sentence for an --account that is none of those known."""
    near = difflib.get_close_matches(account_id, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known[:5]) or 'none'}{' ...' * bool(known[5:])}."
    return f"--account {account_id}: there is no such account; {hint}"
