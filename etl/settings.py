"""The settings of a run: one TOML file and the environment, which wins, read and checked together.

Every key is also an environment variable: `KORE_ETL_` and the path in upper case joined by `__`
(`KORE_ETL_API__PAGE_SIZE`); the accounts are one list as JSON (`KORE_ETL_ACCOUNTS`). An empty variable counts as unset.
Relative names of files are looked for beside the configuration file, without one in the current directory.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias
from urllib.parse import parse_qs, urlsplit

from msgspec import Struct
from msgspec.structs import replace
from pydantic import BaseModel, ConfigDict, PrivateAttr, SecretStr, ValidationError

from etl import account_rows
from etl.authorities import read_authorities
from etl.complaints import PREFIX, Keys, Place, complaint, file_name, unknown_variable, variable_of
from etl.errors import ConfigError, KoreEtlError
from etl.model import Channel, Keep, Scope
from etl.secret_file import is_anybodys, read_secret
from etl.sections import Account, AccountsFrom, Api, Auth, Notify, Sync, Warehouse, allowed

_CONFIG = f"{PREFIX}CONFIG"
_ACCOUNTS = f"{PREFIX}ACCOUNTS"
_Path: TypeAlias = tuple[str | int, ...]
SECTIONS: Mapping[str, type[BaseModel]] = {
    "api": Api,
    "auth": Auth,
    "accounts": Account,
    "accounts_from": AccountsFrom,
    "sync": Sync,
    "warehouse": Warehouse,
    "notify": Notify,
}
_KEYS: Keys = {section: allowed(model) for section, model in SECTIONS.items()}

_VARIABLES = frozenset({_ACCOUNTS}) | {
    variable_of((section, key)) for section, keys in _KEYS.items() if section != "accounts" for key in keys
}
_NOTHING_SET: dict[str, Any] = {section: {} for section in SECTIONS} | {"accounts": []}

Needs = Literal["source", "warehouse"]
"""What a verb goes on to use: the source with its accounts and secrets, or nothing but the warehouse."""


class ResolvedAccount(Struct, frozen=True):
    """One app of one account with everything that holds for it. Loaded for "warehouse", the secret is empty."""

    account_id: str
    app_id: str
    name: str
    channels: tuple[Channel, ...]
    host: str
    """With its scheme, without a final slash."""
    client_id: str
    client_secret: SecretStr
    requests_per_minute: int
    """0 = no limit."""
    keep: Keep
    """Which campaigns are stored; `Keep()` = all of them."""


class Settings(BaseModel):
    """Everything that can be set. Made by `load`, which also reads the secrets."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    api: Api
    auth: Auth
    accounts: tuple[Account, ...]
    """Those of the file and the environment; `resolved_accounts` has all."""
    accounts_from: AccountsFrom
    sync: Sync
    warehouse: Warehouse
    notify: Notify
    _resolved: tuple[ResolvedAccount, ...] = PrivateAttr(())
    _warnings: tuple[str, ...] = PrivateAttr(())
    _folder: Path = PrivateAttr(Path())

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is allowed but unwise, one sentence each."""
        return self._warnings

    def path(self, name: str) -> Path:
        """A file that a setting names; relative ones are beside the configuration file."""
        return self._folder / name

    def resolved_accounts(self) -> tuple[ResolvedAccount, ...]:
        """The accounts in the order configured, with `[api]` and `[auth]` filled in where they say nothing."""
        return self._resolved


ReadTable = Callable[[Settings], Sequence[Mapping[str, Any]]]
"""The rows of the table that `accounts_from` names. Raises KoreEtlError."""


def _no_table(_: Settings) -> Sequence[Mapping[str, Any]]:
    raise KoreEtlError("Tables of accounts cannot be read here.")


def find_config(option: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The file to load: `--config`, else `KORE_ETL_CONFIG`, else ./config.toml if there is one."""
    if option is not None:
        return option
    if environ.get(_CONFIG):
        return Path(environ[_CONFIG])
    usual = Path("config.toml")
    return usual if usual.exists() else None


def load(
    path: Path | None, environ: Mapping[str, str], needs: Needs = "source", *, read_table: ReadTable = _no_table
) -> Settings:
    """Read and check everything. Raises ConfigError with every problem at once.

    With `needs="warehouse"` there may be no accounts, and client secrets are not opened.
    """
    set_ = {name: text for name, text in environ.items() if name.startswith(PREFIX) and name != _CONFIG and text}
    reader = _Reader(Place(path, _VARIABLES.intersection(set_)))
    environment = reader.environment(set_)
    file = reader.file()
    if file is None:
        raise ConfigError(tuple(reader.problems))
    values = _merged(file, environment)
    settings = reader.validated(values)
    settings._folder = reader.folder
    settings.warehouse._password = reader.secret(settings.warehouse.password_file, ("warehouse", "password_file"))
    if needs == "source":
        settings.api._authorities = reader.authorities(settings.api.ca_file)
    reader.take_accounts(settings, needs, read_table)
    settings._resolved = reader.resolved(settings, needs)
    settings._warnings = tuple(reader.warnings)
    if reader.problems:
        raise ConfigError(tuple(reader.problems))
    return settings


class _Reader:
    """Reads the parts of a configuration and collects what is wrong with them."""

    def __init__(self, place: Place) -> None:
        self.problems: list[str] = []
        self.warnings: list[str] = []
        self._place = place
        self._refused: set[_Path] = set()
        """Keys already complained about: what follows from their absence is not told as well."""
        self._accounts: list[tuple[int, Account]] = []
        """Those without problems, each with its number among all that are written."""
        self._secrets: dict[tuple[str, str | int], SecretStr | None] = {}
        """What each file holds: thousands of accounts may name the same, which is opened, and told of, once."""
        self._numbers: list[int] = []
        """Which of the accounts written in the configuration are left in the settings."""

    @property
    def folder(self) -> Path:
        """Where relative names start."""
        return self._place.file.parent if self._place.file else Path()

    def environment(self, variables: Mapping[str, str]) -> dict[str, Any]:
        """What the variables set, by section and key."""
        self.problems += [
            unknown_variable(name, sorted(_VARIABLES)) for name in sorted(variables) if name not in _VARIABLES
        ]
        usable = {name.lower(): text for name, text in variables.items() if name in _VARIABLES}
        if _ACCOUNTS in variables and not _is_json(variables[_ACCOUNTS]):
            self.problems.append(f"{_ACCOUNTS} in the environment: not valid JSON; write a list of objects.")
            usable[_ACCOUNTS.lower()] = "[]"
            self._refused.add(("accounts",))
        return _by_section(usable) if usable else {}

    def file(self) -> dict[str, Any] | None:
        """What the configuration file says, without the secrets that do not belong there; None if it is unreadable."""
        path = self._place.file
        if path is None:
            return {}
        try:
            values = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
            if is_anybodys(path):
                self.warnings.append(
                    f"{path} can be changed by everybody on this machine, and the host in it gets the tokens; "
                    "run chmod o-w on it."
                )
        except OSError as error:
            self.problems.append(f"{path}: the configuration file cannot be read: {error.strerror}.")
        except UnicodeDecodeError:
            self.problems.append(f"{path}: the configuration file is not UTF-8 text.")
        except tomllib.TOMLDecodeError as error:
            self.problems.append(f"{path}: not valid TOML: {error}.")
        else:
            if isinstance(values.get("accounts_from"), str):
                values["accounts_from"] = {"file": values["accounts_from"]}
            self._refuse_secrets(values)
            return values
        return None

    def _refuse_secrets(self, values: dict[str, Any]) -> None:
        accounts = values.get("accounts")
        numbered = enumerate(accounts) if isinstance(accounts, list) else ()
        holders: list[tuple[_Path, Any]] = [(("auth",), values.get("auth"))]
        for path, holder in holders + [(("accounts", number), account) for number, account in numbered]:
            if isinstance(holder, dict) and holder.pop("client_secret", None) is not None:
                self._refused.add((*path, "client_secret"))
                where = Place(self._place.file, frozenset()).of((*path, "client_secret"))
                self.problems.append(
                    f"{where}: a secret never belongs in this file; "
                    "name a file with client_secret_file, or set KORE_ETL_AUTH__CLIENT_SECRET."
                )
        remedies = {
            "warehouse": "name a file with password_file, use ~/.pgpass, or set KORE_ETL_WAREHOUSE__URL",
            "accounts_from": "use ~/.pgpass, or set KORE_ETL_ACCOUNTS_FROM__URL",
        }
        for section, remedy in remedies.items():
            holder = values.get(section)
            if isinstance(holder, dict) and _holds_password(holder.get("url")):
                self.problems.append(
                    f"{self._place.file}: [{section}] url: a password never belongs in this file; {remedy}."
                )

    def validated(self, values: dict[str, Any]) -> Settings:
        """The settings, without keys that have problems and accounts that hold one: the rest is checked as well."""
        try:
            settings = Settings(**(_NOTHING_SET | values))
        except ValidationError as invalid:
            self._complain(invalid)
            settings = Settings(**(_NOTHING_SET | _without(values, self._refused)))
        accounts = values.get("accounts")
        written = range(len(accounts) if isinstance(accounts, list) else 0)
        self._numbers = [number for number in written if ("accounts", number) not in self._refused]
        return settings

    def _complain(self, invalid: ValidationError, below: _Path = ()) -> None:
        for error in invalid.errors(include_url=False):
            path = (*below, *error["loc"])
            self._refused.add(path[:2])
            self.problems.append(
                complaint(
                    self._place,
                    _KEYS,
                    path=path,
                    kind=error["type"],
                    value=error["input"],
                    detail=str(error["ctx"]["error"]) if error["type"] == "value_error" else "",
                )
            )

    def take_accounts(self, settings: Settings, needs: Needs, read_table: ReadTable) -> None:
        """The accounts of the configuration, and after them those that `accounts_from` leads to."""
        self._accounts = list(zip(self._numbers, settings.accounts, strict=True))
        try:
            rows, problems = self._rows_elsewhere(settings, read_table)
        except ValueError as problem:  # who only looks at the warehouse may not see where the accounts are kept
            told = self.problems if needs == "source" else self.warnings
            told.append(f"{self._place.of(('accounts_from', 'file'))} {problem}.")
            self._refused.add(("accounts",))
            return
        if problems:
            self.problems += problems
            self._refused.add(("accounts",))
        first = max(self._numbers, default=-1) + 1
        self._place = replace(self._place, rows={first + number: row.where for number, row in enumerate(rows)})
        for number, row in enumerate(rows, first):
            try:
                self._accounts.append((number, Account.model_validate(row.values)))
            except ValidationError as invalid:
                self._complain(invalid, ("accounts", number))

    def _rows_elsewhere(self, settings: Settings, read_table: ReadTable) -> tuple[list[account_rows.Row], list[str]]:
        """Raises ValueError where there is a place that cannot be read."""
        place = settings.accounts_from
        if place.file is not None and place.table is not None:
            raise ValueError("and table are both set; one of them must go")
        if place.file is not None:
            return account_rows.from_file(self.folder / place.file, place.file, Account.model_fields)
        if place.table is None:
            return [], []
        try:
            found = read_table(settings)
        except KoreEtlError as error:
            raise ValueError(f"leads to a table that cannot be read: {str(error).rstrip('.')}") from None
        return account_rows.from_table(found, f"table {place.table}", Account.model_fields)

    def resolved(self, settings: Settings, needs: Needs) -> tuple[ResolvedAccount, ...]:
        """Every account with what holds for it; for "warehouse" without credentials."""
        self._check_duplicates()
        shared_id, shared_secret = "", SecretStr("")
        if needs == "source":
            self._check_any(settings)
            shared_id, shared_secret = self._shared_credentials(settings)
        resolved = []
        for number, account in self._accounts:
            own = account.client_secret_file if needs == "source" else None
            resolved.append(
                ResolvedAccount(
                    account_id=account.account_id,
                    app_id=account.app_id,
                    name=account.name or account.account_id,
                    channels=account.channels,
                    host=account.host or settings.api.host,
                    client_id=account.client_id or shared_id,
                    client_secret=self.secret(own, ("accounts", number, "client_secret_file")) or shared_secret,
                    requests_per_minute=(
                        settings.api.requests_per_minute
                        if account.requests_per_minute is None
                        else account.requests_per_minute
                    ),
                    keep=Keep() if account.keep is None else Keep(**account.keep.model_dump()),
                )
            )
        return tuple(resolved)

    def _shared_credentials(self, settings: Settings) -> tuple[str, SecretStr]:
        """Client ID and secret for the accounts that name none of their own."""
        auth, accounts = settings.auth, [account for _, account in self._accounts]
        if auth.client_id is None and not (accounts and all(account.client_id for account in accounts)):
            self._complain_unset(("auth", "client_id"), "the Client ID of the JWT app (cs-...)")
        if accounts and all(account.client_secret_file is not None for account in accounts):
            return auth.client_id or "", SecretStr("")
        secret = auth.client_secret or self.secret(auth.client_secret_file, ("auth", "client_secret_file"))
        if secret is None and auth.client_secret_file is None and ("auth", "client_secret") not in self._refused:
            self._complain_unset(("auth", "client_secret_file"), "a file that holds the Client Secret")
        return auth.client_id or "", secret or SecretStr("")

    def _complain_unset(self, path: _Path, what: str) -> None:
        if path not in self._refused:
            variable = "KORE_ETL_AUTH__CLIENT_SECRET" if path[1] == "client_secret_file" else variable_of(path)
            self.problems.append(f"{self._place.of(path)} is not set: name {what}, or set {variable}.")

    def _check_any(self, settings: Settings) -> None:
        if self._accounts or any(path[0] == "accounts" for path in self._refused):
            return
        elsewhere = settings.accounts_from.file or settings.accounts_from.table
        self.problems.append(f"{elsewhere}: holds no account." if elsewhere else _no_accounts(self._place.file))

    def _check_duplicates(self) -> None:
        first: dict[Scope, int] = {}
        for number, account in self._accounts:
            for channel in account.channels:
                scope = Scope(account.account_id, account.app_id, channel)
                if scope in first:
                    other = self._place.rows.get(first[scope], f"number {first[scope] + 1}")
                    self.problems.append(
                        f"{self._place.of(('accounts', number))}: {channel.value} of account {account.account_id}, "
                        f"app {account.app_id} is already in {other}; remove one."
                    )
                first.setdefault(scope, number)

    def authorities(self, name: str | None) -> str | None:
        """The certificates that `ca_file` names; None if it names none, or (a problem) none that can be used."""
        if name is None:
            return None
        try:
            return read_authorities(self.folder / name)
        except ValueError as problem:
            where = self._place.of(("api", "ca_file"))
            shown = file_name(name, ("api", "ca_file"))
            self.problems.append(f"{where} {problem} ({shown}relative names start at {self.folder.absolute()}).")
            return None

    def secret(self, name: str | None, path: _Path) -> SecretStr | None:
        """What the file holds, without its final line break; None if none is named, or (a problem) it is unusable."""
        if name is None:
            return None
        if (name, path[-1]) not in self._secrets:
            self._secrets[name, path[-1]] = self._read_secret(name, path)
        return self._secrets[name, path[-1]]

    def _read_secret(self, name: str, path: _Path) -> SecretStr | None:
        where = self._place.of(path)
        try:
            text, is_open = read_secret(self.folder / name)
        except ValueError as problem:
            shown = file_name(name, path)
            self.problems.append(f"{where} {problem} ({shown}relative names start at {self.folder.absolute()}).")
            return None
        if is_open:
            self.warnings.append(
                f"{where} names a file that others on this machine can read or change; run chmod 600 on it."
            )
        return SecretStr(text)


def _by_section(variables: Mapping[str, str]) -> dict[str, Any]:
    """What the variables, their names in lower case, set."""
    # here: 50 ms that only an environment with settings need pay
    from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

    class Variables(Settings, BaseSettings):
        model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__")

    source = EnvSettingsSource(Variables)
    source.env_vars = variables
    return source()


def _no_accounts(path: Path | None) -> str:
    if path is None:
        return (
            "No accounts: there is no ./config.toml, and neither --config nor KORE_ETL_CONFIG names another file; "
            "`kore-etl init` writes one, or set KORE_ETL_ACCOUNTS."
        )
    return f"{path}: no accounts; add an [[accounts]] block for each app of each account, or set KORE_ETL_ACCOUNTS."


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _holds_password(url: Any) -> bool:
    if not isinstance(url, str):
        return False
    try:
        parts = urlsplit(url)
        return bool(parts.password) or "password" in parse_qs(parts.query)
    except ValueError:
        return ":" in url.partition("://")[2].rpartition("@")[0]


def _merged(file: Mapping[str, Any], environment: Mapping[str, Any]) -> dict[str, Any]:
    """Section by section; a key of the environment wins."""
    values = dict(file)
    for section, inner in environment.items():
        below = values.get(section)
        values[section] = below | inner if isinstance(below, dict) and isinstance(inner, dict) else inner
    return values


def _without(values: Mapping[str, Any], refused: Iterable[_Path]) -> dict[str, Any]:
    """The values less the keys, or whole accounts, at these paths."""
    refused = set(refused)
    left: dict[str, Any] = {}
    for section, inner in values.items():
        if (section,) in refused:
            continue
        if isinstance(inner, dict):
            left[section] = {key: value for key, value in inner.items() if (section, key) not in refused}
        else:
            left[section] = [each for number, each in enumerate(inner) if (section, number) not in refused]
    return left
