"""`kore-etl init`: write a commented configuration, from answers or from options, and never over anything."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from etl.cli.early import CODES
from etl.cli.output import Output
from etl.errors import Interrupted

if TYPE_CHECKING:
    from etl.cli.asking import Answers


@click.command("init", short_help="Write a commented config.toml.")
@click.option("--host", help="Your Kore.ai environment, such as https://platform.kore.ai.")
@click.option(
    "--account", "accounts", multiple=True, metavar="ID:APP", help="An account and its app (st-...); repeatable."
)
@click.option("--client-id", help="The JWT app's Client ID (cs-...).")
@click.option("--secret-file", help="The file that holds the Client Secret.")
@click.option(
    "--warehouse", "--warehouse-url", metavar="URL", help="sqlite:///file.db or postgresql://user@host/database."
)
@click.option("--yes", "--no-input", "no_input", is_flag=True, help="Ask nothing, though this is a terminal.")
@click.option("--account-id", hidden=True)
@click.option("--app-id", hidden=True)
@click.pass_obj
def command(output: Output, /, no_input: bool, **options: Any) -> int:
    """Write config.toml with every setting explained (to --config PATH, or here). An existing file is left alone.

    On a terminal it asks for host, credential, accounts and warehouse, says where in Kore.ai they are made, and tests
    each answer; the Client Secret goes into a file of its own that only you may read. With options, or without a
    terminal, it asks nothing and tests nothing: `kore-etl check` does.

    Client ID and Client Secret are made in Kore.ai under App Settings > Dev Tools > Web/Mobile SDK > Create JWT App;
    the scope "Campaign Management" under App Settings > Dev Tools > API Scope. Publish the app afterwards.

    \b
    Examples
      kore-etl init
      kore-etl --config prod.toml init
      kore-etl init --account 67777ce93e25326494e9aaaa:st-1 --client-id cs-1
      kore-etl init --no-input --warehouse postgresql://kore@db.example/kore
    """
    path = output.config or Path("config.toml")
    if path.exists():
        raise click.UsageError(f"{path} exists already and is left as it is; choose another with --config.")
    asks = not (no_input or output.as_json or output.quiet or any(options.values()))
    watched = sys.stdin.isatty() and sys.stdout.isatty()
    answers = _asked(output, path) if asks and watched else _told(**options)
    written = _write(path, answers)
    output.document({"exit_code": 0, "path": str(path), "files": [str(file) for file in written]})
    output.say(f"Wrote {', '.join(map(str, written))}; only you may read {'it' if len(written) == 1 else 'them'}.")
    _next(output, path, answers)
    return 0


def _told(accounts: Sequence[str], account_id: str | None, app_id: str | None, **values: str | None) -> Answers:
    """What the options say. Raises ConfigError where the settings would not take it."""
    from etl.cli.asking import Account, Answers, settings_of

    pairs = [one.partition(":")[::2] for one in accounts]
    if account_id or app_id:
        pairs.append((account_id or "", app_id or ""))
    answers = Answers(accounts=tuple(Account(*pair) for pair in pairs), **values)
    settings_of(answers, needs="warehouse")
    return answers


def _asked(output: Output, path: Path) -> Answers:
    from etl.cli.asking import ask

    with _interruptible():
        try:
            return ask(output, path)
        except click.Abort:
            raise click.UsageError("The questions were not answered to the end; nothing was written.") from None


@contextmanager
def _interruptible() -> Iterator[None]:
    """A signal ends the questions as an exception: a terminal that hides what is typed must be set right again."""

    def stop(number: int, _frame: object) -> None:
        raise Interrupted(CODES[signal.Signals(number)])

    before = {number: signal.signal(number, stop) for number in CODES}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _write(path: Path, answers: Answers) -> list[Path]:
    """The configuration and the files beside it, each new and readable for this user alone. All of them, or none."""
    texts = {path.parent / name: text for name, text in answers.files().items()} | {path: answers.config()}
    written: list[Path] = []
    try:
        for file, text in texts.items():
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            written.append(file)
            with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
                opened.write(text)
    except OSError as error:
        for file_ in written:
            file_.unlink()
        exists = isinstance(error, FileExistsError)
        why = "exists already and is left as it is" if exists else f"cannot be written: {error.strerror}"
        raise click.UsageError(f"{file} {why}; choose another place with --config.") from error
    return written


def _next(output: Output, path: Path, answers: Answers) -> None:
    from etl.cli.program import program

    config = "" if path == Path("config.toml") else f"--config {path} "
    if not answers.accounts or answers.client_id is None:
        output.say("Next: fill in what is still the example's, put the Client Secret into its file (chmod 600), then:")
    elif answers.secret is None:
        output.say("Next: put the Client Secret into its file (chmod 600) or into KORE_ETL_AUTH__CLIENT_SECRET, then:")
    else:
        output.say("Next:")
    for verb, does in (("check", "test it"), ("plan", "see what would be read"), ("sync", "read it, every night")):
        output.say(f"  {program()} {config}{verb:5}   {does}")
