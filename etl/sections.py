"""What each key of the configuration may hold, and what it is by default.

A field's description says what is allowed, in words that follow "must be", its title in a few words what it is;
`config.example.toml` says what it is for.
"""

from __future__ import annotations

import ipaddress
import re
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, SecretStr

from etl.model import BEGINNING, Channel

T = TypeVar("T")

# -- single values ----------------------------------------------------------------------------------------------------


def _no_flag(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError  # noqa: TRY004  TypeError is not what pydantic listens for
    return value


def _word(value: str) -> str:
    if not value or value != value.strip() or not value.isprintable():
        raise ValueError
    return value


_HOST_NAME = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?|[0-9a-f:.]+", re.IGNORECASE)
"""As `etl.extract.wire` has it: what is wrong with a name is found before anything is made in a database."""


def _host(value: str) -> str:
    """`platform.kore.ai`, with or without a scheme and a final slash -> `https://platform.kore.ai`."""
    parts = _split(value if "://" in value else f"https://{value}")
    if parts.username is not None or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("must be a host name alone, without user, path or query")
    name = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not _HOST_NAME.fullmatch(name):
        raise ValueError
    if parts.scheme == "http" and not _is_loopback(name):
        raise ValueError("plain http is only for this machine (localhost, 127.0.0.0/8, ::1); write https://")
    return f"{parts.scheme}://{parts.netloc}"


def _split(address: str) -> SplitResult:
    """`urlsplit`, which drops line breaks and looks at the port only when asked."""
    try:
        parts = urlsplit(address)
        usable = parts.port != 0 and not re.search(r"[^!-~]", address)
    except ValueError:
        usable = False
    if not usable:
        raise ValueError
    return parts


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _path(value: str) -> str:
    rest = value.replace("{app_id}", "", 1)
    if not value.startswith("/") or rest == value or re.search(r"[^!-~]|[{}?#\\]|^//", rest):
        raise ValueError
    return value


def _id(value: str) -> str:
    """Ids go into headers, and the app's into the path."""
    if not re.fullmatch(r"[!-~]{1,200}", value) or re.search(r"[/\\?#%]|^\.\.?$", value):
        raise ValueError
    return value


def _some(values: tuple[T, ...]) -> tuple[T, ...]:
    if not values:
        raise ValueError
    return values


def _once(channels: tuple[Channel, ...]) -> tuple[Channel, ...]:
    if not channels or len(set(channels)) < len(channels):
        raise ValueError
    return channels


def _utc(moment: datetime) -> datetime:
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    if not BEGINNING <= moment < BEGINNING.replace(year=2101):
        raise ValueError
    return moment


def _one_line(secret: SecretStr) -> SecretStr:
    """Variables filled from files often end with a line break."""
    text = secret.get_secret_value().rstrip("\r\n")
    if not text.strip() or not text.isprintable():
        raise ValueError
    return SecretStr(text)


def _database(url: SecretStr) -> SecretStr:
    scheme = url.get_secret_value().partition("://")[0].partition("+")[0]
    if scheme not in ("sqlite", "postgres", "postgresql"):
        raise ValueError
    return url


def _http(url: SecretStr) -> SecretStr:
    parts = _split(url.get_secret_value())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError
    return url


Whole = Annotated[int, BeforeValidator(_no_flag)]
Seconds = Annotated[float, BeforeValidator(_no_flag), Field(gt=0, le=3600, allow_inf_nan=False)]
Url = Annotated[SecretStr, AfterValidator(_http)]
Host = Annotated[str, AfterValidator(_host)]
Id = Annotated[str, AfterValidator(_id)]
Printable = Annotated[str, Field(pattern=r"^[!-~]+$")]
Word = Annotated[str, AfterValidator(_word)]
Priority = Annotated[Whole, Field(ge=1, le=5)]

_HOST = "a host such as https://platform.kore.ai; https, but for this machine"
_SECONDS = "a number of seconds, above 0 and at most 3600"
_FLAG = "true or false"
_CLIENT = "the Client ID of the JWT app (cs-...), without spaces"
_FILE = "the name of a file"
_URL = "an address that starts with https:// or http://"
_DATABASE = "sqlite:///FILE or postgresql://USER@HOST/DATABASE"


# -- the sections -----------------------------------------------------------------------------------------------------


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Api(_Section):
    """Where and how campaigns are asked for."""

    host: Host = Field("https://platform.kore.ai", title="your Kore.ai environment", description=_HOST)
    path: Annotated[str, AfterValidator(_path)] = Field(
        "/agentassist/api/v1/public/{app_id}/campaign/getAllCampaignDetails",
        title="where campaigns are listed there",
        description="a path that starts with / and holds {app_id} once, and nothing else in braces",
    )
    account_id_in_query: bool = Field(
        False,
        title="send `?accountId=` besides the header, as the second generation of the API wants it",
        description=_FLAG,
    )
    page_size: Whole = Field(
        100, ge=1, le=100, title="rows asked for per request", description="a whole number between 1 and 100"
    )
    requests_per_minute: Whole = Field(
        50,
        ge=0,
        le=100_000,
        title="per account; Kore.ai allows 60, shared with the account's other integrations",
        description="a whole number between 0 and 100000; 0 means no limit",
    )
    max_in_flight: Whole = Field(
        8,
        ge=1,
        le=1000,
        title="requests under way at once, all accounts together",
        description="a whole number between 1 and 1000",
    )
    attempt_timeout_seconds: Seconds = Field(
        30, title="the longest one attempt may take, to the last byte", description=_SECONDS
    )
    max_attempts: Whole = Field(
        5, ge=1, le=100, title="how often one request is tried", description="a whole number between 1 and 100"
    )
    max_body_mb: Whole = Field(
        32,
        ge=1,
        le=1024,
        title="a larger answer, unpacked, is refused",
        description="a whole number of MB between 1 and 1024",
    )
    backoff_seconds: Seconds = Field(
        1, title="the wait before the second attempt; doubles each time, with a random share", description=_SECONDS
    )
    max_wait_seconds: Seconds = Field(
        120, title="asked to wait longer, an account's turn ends until the next run", description=_SECONDS
    )
    ca_file: str | None = Field(
        None, title="certificate authorities of a proxy or company, trusted besides the system's", description=_FILE
    )
    _authorities: str | None = PrivateAttr(None)

    def authorities(self) -> str | None:
        """The certificates in `ca_file`, as PEM text; None without one."""
        return self._authorities


class Auth(_Section):
    """The JWT app; an account may name one of its own."""

    client_id: Printable | None = Field(None, title="Client ID of the JWT app", description=_CLIENT)
    client_secret_file: str | None = Field(
        None, title="the file that holds the Client Secret and nothing else", description=_FILE
    )
    client_secret: Annotated[SecretStr, AfterValidator(_one_line)] | None = Field(
        None, title="the Client Secret, in the environment only", description="the Client Secret, one line of text"
    )
    token_ttl_seconds: Whole = Field(
        300,
        ge=10,
        le=3600,
        title="how long a token is valid",
        description="a whole number of seconds between 10 and 3600",
    )
    single_use_tokens: bool = Field(
        False, title="a token of its own for every attempt, where the app enforces JTI", description=_FLAG
    )


class KeepLists(_Section):
    """What an account's `keep` may say; values of a list are alternatives, all lists given must agree."""

    status: Annotated[tuple[Word, ...], AfterValidator(_some)] = Field(
        (),
        title="store only campaigns in one of these statuses",
        description='a list of statuses such as ["Active"], not empty',
    )
    priority: Annotated[tuple[Priority, ...], AfterValidator(_some)] = Field(
        (),
        title="store only campaigns of one of these priorities",
        description="a list of priorities, 1 to 5, not empty",
    )
    dialing_mode: Annotated[tuple[Word, ...], AfterValidator(_some)] = Field(
        (),
        title="store only campaigns that dial in one of these ways",
        description='a list of dialing modes such as ["Preview"], not empty',
    )


def _says_something(keep: KeepLists) -> KeepLists:
    if not keep.model_fields_set:
        raise ValueError
    return keep


class Account(_Section):
    """One app of one account, as written; see `ResolvedAccount` for what holds."""

    account_id: Id = Field(
        title="Kore.ai's id of the account", description="the account's id: printable, without spaces, / \\ ? # or %"
    )
    app_id: Id = Field(
        title="the app in it; also called iid, stream id or bot id",
        description="the app's id (st-...): printable, without spaces, / \\ ? # or %",
    )
    name: str = Field("", title="yours to choose, shown in tables; else the account's id", description="text")
    channels: Annotated[tuple[Channel, ...], AfterValidator(_once)] = Field(
        (Channel.SMS, Channel.VOICE), title="what to copy", description='a list of "sms", "voice" or both, each once'
    )
    host: Host | None = Field(None, title="this account's own host", description=_HOST)
    client_id: Printable | None = Field(None, title="this account's own JWT app", description=_CLIENT)
    client_secret_file: str | None = Field(None, title="and the file with its secret", description=_FILE)
    requests_per_minute: Whole | None = Field(
        None,
        ge=0,
        le=100_000,
        title="this account's own limit",
        description="a whole number between 0 and 100000; 0 means no limit",
    )
    keep: Annotated[KeepLists, AfterValidator(_says_something)] | None = Field(
        None,
        title="store only some campaigns",
        description="a table with at least one of the lists status, priority and dialing_mode",
    )


class AccountsFrom(_Section):
    """Where more accounts are written: a file, or a table. Nothing set: nowhere. A URL may hold a password."""

    file: str | None = Field(
        None, title="a CSV or JSON file of accounts", description="the name of a .csv or .json file"
    )
    table: Annotated[str, Field(pattern=r"^[^\W\d]\w*(\.[^\W\d]\w*)?$")] | None = Field(
        None,
        title="a table or view of accounts",
        description="the name of a table or view, with its schema before a dot where needed",
    )
    url: Annotated[SecretStr, AfterValidator(_database)] | None = Field(
        None, title="the database that has it, if not the warehouse", description=_DATABASE
    )


class Notify(_Section):
    """Who hears of the nightly run. Addresses may hold secrets, so they are masked."""

    heartbeat_url: Url | None = Field(None, title="asked once after each complete run", description=_URL)
    heartbeat_file: str | None = Field(None, title="replaced after each complete run", description=_FILE)
    metrics_file: Annotated[str, Field(pattern=r"\.prom$")] | None = Field(
        None, title="Prometheus metrics, replaced after every run", description="the name of a file that ends in .prom"
    )
    pushgateway_url: Url | None = Field(None, title="the same metrics, pushed", description=_URL)
    openlineage_url: Url | None = Field(
        None, title="OpenLineage events of every run; needs the extra `openlineage`", description=_URL
    )


class Sync(_Section):
    """What is read, and how far a read goes."""

    history_start: Annotated[datetime, AfterValidator(_utc)] | None = Field(
        None,
        title="campaigns created before this are ignored",
        description="a date and time between 2000 and 2100, such as 2024-01-01T00:00:00Z",
    )
    lookback_days: Whole = Field(
        30,
        ge=0,
        le=36_500,
        title="a large account's latest days are read again every night",
        description="a whole number of days, 0 or more",
    )
    settle_minutes: Whole = Field(
        10,
        ge=0,
        le=100_000,
        title="the last minutes count as still moving: stored, and proven next time",
        description="a whole number of minutes, 0 or more",
    )
    max_window_rows: Whole = Field(
        5000,
        ge=1,
        title="rows read and proven together; more are split",
        description="a whole number of rows, 1 or more",
    )
    max_rows_held: Whole = Field(
        16_000,
        ge=1,
        title="rows in memory at once, over all windows under way",
        description="a whole number of rows, 1 or more",
    )
    full_sweep_rows: Whole = Field(
        5000,
        ge=0,
        title="accounts with at most so many rows are read whole every night",
        description="a whole number of rows, 0 or more",
    )
    resweep_days: Whole = Field(
        28,
        ge=1,
        le=36_500,
        title="within so many days a large account's whole history is read again",
        description="a whole number of days, 1 or more",
    )
    lease_seconds: Whole = Field(
        90,
        ge=5,
        le=86_400,
        title="a dead run's account is free after this time",
        description="a whole number of seconds, 5 or more",
    )


class Warehouse(_Section):
    """The database. The URL may hold a password (from the environment), so it is masked."""

    url: Annotated[SecretStr, AfterValidator(_database)] = Field(
        SecretStr("sqlite:///campaigns.db"),
        title="the database; a password belongs in the environment's copy of it",
        description=_DATABASE,
    )
    schema_name: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")] = Field(
        "public",
        alias="schema",
        title="PostgreSQL only: the schema of the tables",
        description="a plain name of letters, digits and _, at most 63",
    )
    password_file: str | None = Field(None, title="the file that holds the database's password", description=_FILE)
    store_message_text: bool = Field(True, title="whether the texts of SMS are kept", description=_FLAG)
    _password: SecretStr | None = PrivateAttr(None)

    def url_text(self) -> str:
        return self.url.get_secret_value()

    def password(self) -> str | None:
        """What `password_file` holds; None without one."""
        return None if self._password is None else self._password.get_secret_value()


def allowed(model: type[BaseModel]) -> dict[str, str]:
    """Key, dotted inside a table -> what is allowed there."""
    keys = {field.alias or name: field.description or "" for name, field in model.model_fields.items()}
    inside = KeepLists.model_fields.items() if model is Account else ()
    return keys | {f"keep.{name}": field.description or "" for name, field in inside}
