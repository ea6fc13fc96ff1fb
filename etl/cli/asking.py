"""What `init` asks a person, in which words, and how each answer is tested before the next question."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from msgspec import Struct
from msgspec.structs import asdict, replace

from etl.cli.output import BAD, GOOD, ODD, Output, clean, styled
from etl.errors import ConfigError

if TYPE_CHECKING:
    from etl.cli.doctor import Step
    from etl.settings import Needs, Settings

SECRET_FILE, PASSWORD_FILE = "client-secret", "database-password"
VARIABLE = "KORE_ETL_AUTH__CLIENT_SECRET"

HOST = """\
The address in your browser when you are logged in:
  https://platform.kore.ai (US), https://de-platform.kore.ai (Germany),
  https://eu-platform.kore.ai, https://jp-platform.kore.ai, or your own."""

CREDENTIAL = """\
In Kore.ai, open the app that has the campaigns:
  App Settings > Dev Tools > Web/Mobile SDK > Create JWT App
      gives Client ID and Client Secret
  App Settings > Dev Tools > API Scope > Create API Scope
      choose that JWT app, tick Campaign Management under Contact Center
  Publish the app: scopes count only from then on."""

ACCOUNT = (
    "The account's id has 24 hexadecimal digits (the accountId of Kore.ai's API pages), the app's id begins with st- "
    "(also called iid, bot id or stream id)."
)

WAREHOUSE = """\
  sqlite:///campaigns.db   a file, nothing to start
  postgresql://user@host/database?sslmode=verify-full   for real use"""


class Account(Struct, frozen=True):
    """One app of one account."""

    account_id: str
    app_id: str
    name: str = ""


class Answers(Struct, frozen=True):
    """What a configuration is written from. The secret and the password go into files of their own."""

    host: str | None = None
    client_id: str | None = None
    accounts: tuple[Account, ...] = ()
    warehouse: str | None = None
    secret_file: str | None = None
    secret: str | None = None
    password: str | None = None

    def __repr__(self) -> str:  # a Struct's own shows every field
        return f"Answers({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """All but the secret and the password; tracebacks that show variables ask here."""
        return [(name, value) for name, value in asdict(self).items() if name not in ("secret", "password")]

    def config(self) -> str:
        """The commented configuration with these answers; what was not answered stays as in the example."""
        from etl.example import example_config

        blocks = [
            {"account_id": one.account_id, "app_id": one.app_id, "account_name": one.name} for one in self.accounts
        ]
        blocks = [{name: text for name, text in block.items() if text} for block in blocks]
        values = {
            "host": self.host,
            "client_id": self.client_id,
            "secret_file": self.secret_file,
            "warehouse_url": self.warehouse,
            "password_file": None if self.password is None else PASSWORD_FILE,
        }
        first = blocks[0] if blocks else {}
        return example_config({name: text for name, text in values.items() if text is not None} | first, blocks[1:])

    def files(self) -> dict[str, str]:
        """Name -> content of the files beside it."""
        named = ((self.secret_file or SECRET_FILE, self.secret), (PASSWORD_FILE, self.password))
        return {name: text for name, text in named if text is not None}


def ask(output: Output, path: Path) -> Answers:
    """Every question, each answer tested. Raises click.Abort where the person leaves."""
    output.say(
        f"This writes {path} and tests each answer on the way. Nothing is written before the end; Ctrl-C leaves."
    )
    answers = _credential(output, _host(output, Answers()))
    while True:
        answers = _account(output, answers)
        if not click.confirm("Another account, or another app of this one?", default=False):
            break
    return _warehouse(output, answers)


def _host(output: Output, answers: Answers) -> Answers:
    from etl.cli.doctor import reach
    from etl.sections import Host

    _heading(output, "1. Where your Kore.ai is", HOST)
    while True:
        host = _asked("Host", Host, "a host such as https://platform.kore.ai", default="https://platform.kore.ai")
        if _kept(output, _run(functools.partial(reach, host))):
            return replace(answers, host=host)


def _credential(output: Output, answers: Answers) -> Answers:
    from etl import shapes
    from etl.sections import Printable

    if answers.client_id is None:
        _heading(output, "2. The credential", CREDENTIAL)
    client_id = _asked("Client ID", Printable, "a Client ID (cs-...), without blanks")
    _tell(output, shapes.odd_client_id(client_id))
    output.say(f"The Client Secret goes into a file of its own. Enter alone leaves it to the variable {VARIABLE}.")
    secret = str(click.prompt("Client Secret (not shown)", hide_input=True, default="", show_default=False)).strip()
    _tell(output, shapes.odd_secret(secret, client_id) if secret else None)
    return replace(answers, client_id=client_id, secret=secret or None)


def _account(output: Output, answers: Answers) -> Answers:
    from etl import shapes
    from etl.sections import Id

    if not answers.accounts:
        _heading(output, "3. The accounts", ACCOUNT)
    while True:
        account_id = _asked("Account ID", Id, "an id without blanks")
        _tell(output, shapes.odd_account_id(account_id))
        app_id = _asked("App ID", Id, "an id without blanks")
        _tell(output, shapes.odd_app_id(app_id))
        name = str(click.prompt("A name for it in tables (may be left out)", default="", show_default=False)).strip()
        found = replace(answers, accounts=(*answers.accounts, Account(account_id, app_id, name)))
        while not _account_works(output, found):
            again = click.prompt(
                "Keep it, or give account or credential again?",
                type=click.Choice(["keep", "account", "credential"]),
                default="account",
            )
            if again == "account":
                break
            if again == "keep":
                return found
            answers = _credential(output, answers)
            found = replace(answers, accounts=found.accounts)
        else:
            return found


def _account_works(output: Output, answers: Answers) -> bool:
    """Whether the last account answers, as far as that can be tried."""
    from etl.cli import config, doctor

    try:
        settings = settings_of(answers, needs="source")
    except ConfigError as error:
        if answers.secret is None:
            output.step(ODD, "account", 9, f"not tested: there is no secret yet; set {VARIABLE}, then `kore-etl check`")
            return True
        _show(output, doctor.Step("account", str(error), ok=False))
        return False
    chosen = settings.resolved_accounts()[-1]

    async def tested() -> list[Step]:
        return [step async for step in doctor.accounts(settings, {chosen: config.scopes(chosen, None)}, {})]

    steps = _run(tested)
    for step in steps:
        _show(output, step)
    return all(step.ok for step in steps)


def _warehouse(output: Output, answers: Answers) -> Answers:
    from etl.cli import doctor

    _heading(output, "4. The warehouse", WAREHOUSE)
    while True:
        url = str(click.prompt("URL", default="sqlite:///campaigns.db")).strip()
        password = ""
        if url.startswith("postgres"):
            asked = "Password (not shown; Enter alone leaves it to ~/.pgpass or KORE_ETL_WAREHOUSE__URL)"
            password = str(click.prompt(asked, hide_input=True, default="", show_default=False))
        found = replace(answers, warehouse=url, password=password or None)
        try:
            settings = settings_of(found, needs="warehouse")
            step = _run(functools.partial(doctor.warehouse, settings))
        except ConfigError as error:
            step = doctor.Step("warehouse", str(error), ok=False)
        if _kept(output, step):
            return found


def settings_of(answers: Answers, *, needs: Needs) -> Settings:
    """The settings that these answers make, from a folder that is gone at once. Raises ConfigError."""
    import os

    from etl.settings import load

    kept = {name: os.environ[name] for name in (VARIABLE, "KORE_ETL_WAREHOUSE__URL") if name in os.environ}
    with tempfile.TemporaryDirectory(prefix="kore-etl-") as name:
        folder = Path(name)
        for file, text in answers.files().items():
            (folder / file).touch(mode=0o600)
            (folder / file).write_text(text, encoding="utf-8")
        path = folder / "config.toml"
        path.write_text(answers.config(), encoding="utf-8")
        try:
            return load(path, kept, needs=needs)
        except ConfigError as error:
            raise ConfigError(tuple(text.removeprefix(f"{path}: ") for text in error.problems)) from None


# -- asking and showing -----------------------------------------------------------------------------------------------


def _heading(output: Output, title: str, text: str) -> None:
    output.say(f"\n{styled(title, bold=True)}")
    output.say(text)


def _asked(what: str, kind: Any, allowed: str, *, default: str | None = None) -> str:
    """An answer that this type of the settings accepts, as it spells it."""
    from pydantic import TypeAdapter, ValidationError

    def checked(text: str) -> str:
        try:
            return str(TypeAdapter[str](kind).validate_python(text.strip()))
        except ValidationError:
            raise click.UsageError(f"that is not {allowed}.") from None

    return str(click.prompt(what, default=default, value_proc=checked))


def _run(main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    from etl.cli import signals

    return signals.run(lambda _: main())


def _tell(output: Output, oddity: str | None) -> None:
    if oddity is not None:
        output.step(ODD, "", 0, oddity)


def _kept(output: Output, step: Step) -> bool:
    _show(output, step)
    return step.ok or click.confirm("Keep it all the same?", default=False)


def _show(output: Output, step: Step) -> None:
    mark = ODD if step.ok and step.oddities else GOOD if step.ok else BAD
    notes = [clean(text) for text in (step.remedy, *step.oddities) if text]
    output.step(mark, step.what, min(len(step.what), 40), clean(step.result), seconds=step.seconds, notes=notes)
