"""`kore-etl sandbox`: the documented API on this machine, with made-up data."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from etl.cli.output import Output, many
from etl.cli.program import program
from etl.errors import Interrupted

if TYPE_CHECKING:
    from etl.sandbox.catalogue import Catalogue, SandboxAccount

CHANNELS = ("sms", "voice")


@click.command("sandbox", short_help="Serve the API with made-up data.")
@click.option("--port", type=click.IntRange(0, 65535), default=8700, show_default=True, help="0 takes a free one.")
@click.option("--accounts", type=click.IntRange(1, 10_000), default=3, show_default=True, help="How many accounts.")
@click.option(
    "--campaigns", type=click.IntRange(0, 1_000_000), default=500, show_default=True, help="Per account and channel."
)
@click.option("--seed", type=int, default=7, show_default=True, help="Same seed, same campaigns.")
@click.option("--faults", default="", metavar="SCRIPT", help="Scripted trouble, such as 429@3,drop@7,change@every:10.")
@click.option(
    "--write-config",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Also write DIR/config.toml and the secret's file, so that `kore-etl --config DIR/config.toml sync` works.",
)
@click.pass_obj
def command(
    output: Output, port: int, accounts: int, campaigns: int, seed: int, faults: str, write_config: Path | None
) -> int:
    """Serve the documented Kore.ai API on loopback, with seeded data and scripted trouble, until it is stopped.

    --faults takes KIND@WHEN, separated by commas. WHEN is the number of the request, every:N, page:N, account:ID or
    channel:sms|voice, with x3 for three times; without it every request is struck.

    \b
    Kinds of faults
      400 to 599                 that HTTP status; 429:30 adds Retry-After: 30
      slow                       the answer takes a while; slow:2 waits 2 seconds
      drop, truncate             no answer, or half of one
      expired, redirect          401 as if the token had expired, 302
      error-envelope, html-200   HTTP 200 that says error, or a gateway's page
      empty-page, short-page, repeat-page, raw-record, no-results,
      endless-has-more, falsely-empty-last-page   pages that lie or are bent
      change                     the data changes under the reader

    \b
    Examples
      kore-etl sandbox --write-config sandbox
      kore-etl sandbox --campaigns 5000 --faults 500@2x3,drop@7
    """
    from etl.cli import signals
    from etl.sandbox.app import serve
    from etl.sandbox.catalogue import build_catalogue
    from etl.sandbox.faults import parse_faults

    try:
        script = parse_faults(faults)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--faults") from None
    if write_config is not None:
        refuse_foreign(write_config)
    catalogue = build_catalogue(accounts=accounts, campaigns=campaigns, seed=seed, now=midnight())

    def announce(url: str) -> None:
        _announce(output, url, catalogue, write_config)

    try:
        signals.run(lambda _: serve(catalogue, port=port, faults=script, announce=announce, stop=asyncio.Event()))
    except Interrupted as stopped:
        return stopped.code  # as it should end: nothing more to say
    except OSError as error:
        raise click.UsageError(f"Port {port} cannot be used: {error.strerror}. Choose another with --port.") from error
    return 0


def midnight() -> datetime:
    """The start of today (UTC): the invented past ends there, so that a day's sandboxes are all alike."""
    return datetime.combine(datetime.now(UTC).date(), time(), UTC)


def _announce(output: Output, url: str, catalogue: Catalogue, folder: Path | None) -> None:
    accounts = catalogue.accounts
    config = None if folder is None else write_config(folder, url, accounts, in_folder(folder, "sandbox.db"))
    output.document(
        {
            "url": url,
            "config": None if config is None else str(config),
            "accounts": [asdict(account) for account in accounts],
            "campaigns": {a.account_id: {c: catalogue.count(a.account_id, c) for c in CHANNELS} for a in accounts},
        }
    )
    output.say(f"The sandbox serves {many(len(accounts), 'account')} on {url}; Ctrl-C stops it.")
    for account in accounts[:5]:
        counts = ", ".join(f"{catalogue.count(account.account_id, channel)} {channel}" for channel in CHANNELS)
        output.say(f"  {account.name}: account {account.account_id}, app {account.app_id}, {counts}")
    if accounts[5:]:
        output.say(f"  ... and {len(accounts) - 5} more")
    if config is None:
        output.say("With --write-config DIR it also writes a configuration to sync from it.")
    else:
        output.say(f"Sync from it:  {program()} --config {shlex.quote(str(config))} sync")
    sys.stdout.flush()  # a script that started us waits for these lines


MARK = "# Made by kore-etl for a sandbox on this machine: may be replaced at any time."
"""Tells our configurations from a person's, which is never written over."""


def in_folder(folder: Path, name: str) -> str:
    """The URL of a SQLite file there, right from wherever kore-etl is called."""
    return f"sqlite:///{folder.absolute() / name}"


def refuse_foreign(folder: Path) -> None:
    """Raise a usage error where the folder holds a configuration that no sandbox wrote."""
    path = folder / "config.toml"
    if path.exists() and MARK not in path.read_text(encoding="utf-8", errors="replace"):
        raise click.UsageError(f"{path} exists already and is left as it is; choose another folder.")


def write_config(folder: Path, url: str, accounts: Sequence[SandboxAccount], warehouse_url: str) -> Path:
    """Write a configuration that reads from a sandbox, with a file per made-up secret. Returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    blocks = [f'{MARK}\n[api]\nhost = "{url}"\nrequests_per_minute = 0   # the sandbox has no limit\n']
    for number, account in enumerate(accounts, 1):
        secret = folder / f"account-{number}.secret"
        secret.touch(mode=0o600)
        secret.write_text(account.client_secret, encoding="utf-8")
        values = {
            "account_id": account.account_id,
            "app_id": account.app_id,
            "name": account.name,
            "client_id": account.client_id,
            "client_secret_file": secret.name,
        }
        # JSON's strings are TOML's basic strings
        lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
        blocks.append("\n".join(["[[accounts]]", *lines, 'channels = ["sms", "voice"]', ""]))
    blocks.append(f"[warehouse]\nurl = {json.dumps(warehouse_url)}\n")
    path = folder / "config.toml"
    path.write_text("\n".join(blocks), encoding="utf-8")
    return path
