"""How a warehouse URL becomes a connection: which driver, which file, and what libpq's options mean to asyncpg.

SQLAlchemy on asyncpg does not know `?sslmode=` and its kin; asyncpg as SQLAlchemy calls it does not either.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from etl.errors import ConfigError

BUSY_SECONDS = 15.0
"""How long SQLite waits for another process's write."""

CONNECT_SECONDS = 15.0
STATEMENT_SECONDS = 300.0

_SQLITE = frozenset({"sqlite", "sqlite+aiosqlite"})
_POSTGRES = frozenset({"postgres", "postgresql", "postgresql+asyncpg", "postgresql+psycopg", "postgresql+psycopg2"})
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


class Address(Struct, frozen=True):
    """Where the warehouse is. `shown` is for messages and holds no password."""

    url: URL
    connect_args: Mapping[str, Any]
    shown: str
    schema: str | None
    """PostgreSQL only."""
    file: Path | None
    """SQLite only."""

    def __repr__(self) -> str:  # a Struct's own shows every field
        return f"Address({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """All but what may hold the password; tracebacks that show variables ask here."""
        return [(name, value) for name, value in asdict(self).items() if name not in ("url", "connect_args")]


def parse(url: str, *, schema: str, password: str | None) -> Address:
    """Read a URL. `password` is used where the URL has none. Raises ConfigError; no I/O but certificate files."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise _problem(
            "cannot be read as a URL; write sqlite:///FILE or postgresql://USER@HOST/DATABASE "
            "(special characters of a password percent-encoded)"
        ) from None
    if parsed.drivername in _SQLITE:
        return _sqlite(parsed, url.partition("///")[2].partition("?")[0])
    if parsed.drivername in _POSTGRES:
        return _postgres(parsed, schema, password)
    raise _problem(f"names '{parsed.drivername}'; sqlite:///FILE and postgresql://USER@HOST/DATABASE are what works")


def _problem(what: str) -> ConfigError:
    return ConfigError((f"warehouse.url {what}.",))


def _seconds(options: dict[str, str], name: str, default: float) -> float:
    given = options.pop(name, None)
    try:
        seconds = default if given is None else float(given)
    except ValueError:
        seconds = -1
    if not 0 < seconds <= 3600:
        raise _problem(f"has {name}={given}; it takes seconds, above 0 and at most 3600")
    return seconds


def _options(url: URL) -> dict[str, str]:
    repeated = sorted(name for name, value in url.query.items() if not isinstance(value, str))
    if repeated:
        raise _problem(f"gives {', '.join(repeated)} more than once")
    return {name: value for name, value in url.query.items() if isinstance(value, str)}


def _refuse_unknown(options: Mapping[str, str], known: str) -> None:
    if options:
        raise _problem(f"has options that are not supported: {', '.join(sorted(options))}; {known} are")


# -- SQLite -----------------------------------------------------------------------------------------------------------


def _sqlite(url: URL, path: str) -> Address:
    """`path` is the text as given: SQLAlchemy 2.1 decodes percent signs in it, 2.0 does not."""
    if url.host or url.username or url.password or url.port:
        raise _problem("has two slashes too few; write sqlite:///FILE, or sqlite:////ABSOLUTE/FILE")
    if path in ("", ":memory:"):
        raise _problem("names no file; a warehouse in memory would be gone with the run")
    options = _options(url)
    timeout = _seconds(options, "timeout", BUSY_SECONDS)
    _refuse_unknown(options, "timeout")
    file = Path(path).expanduser().absolute()
    # mode=rw: opening never creates the file; only `migrate` does
    opened = URL.create("sqlite+aiosqlite", database="file:" + quote(str(file)), query={"mode": "rw", "uri": "true"})
    return Address(opened, {"timeout": timeout}, f"sqlite:///{path}", None, file)


# -- PostgreSQL -------------------------------------------------------------------------------------------------------


def _postgres(url: URL, schema: str, password: str | None) -> Address:
    options = _options(url)
    host = options.pop("host", None) or url.host
    user = options.pop("user", None) or url.username
    database = options.pop("dbname", None) or url.database
    secret = options.pop("password", None) or url.password or password
    port = _port(options.pop("port", None), url.port)
    arguments = _postgres_arguments(options, host)
    opened = URL.create("postgresql+asyncpg", user, secret, port=port, database=database)
    place = f"{host or 'localhost'}{f':{port}' if port else ''}"
    shown = f"postgresql://{f'{user}@' if user else ''}{place}/{database or ''}"
    return Address(opened, arguments, shown, schema, None)


def _port(given: str | None, default: int | None) -> int | None:
    if given is None:
        return default
    if not given.isdecimal() or not 0 < int(given) < 65536:
        raise _problem(f"has port={given}; it takes a number from 1 to 65535")
    return int(given)


def _postgres_arguments(options: dict[str, str], host: str | None) -> dict[str, Any]:
    """What asyncpg is called with.

    Without a cache of its own the driver names no statement, and sends its text along at each execution: so it works
    behind a transaction pooler, where each transaction meets a server that never saw it. SQLAlchemy keeps what a
    statement takes and gives, which spares the round trips that ask for it.
    """
    arguments: dict[str, Any] = {
        "timeout": _seconds(options, "connect_timeout", CONNECT_SECONDS),
        "command_timeout": _seconds(options, "command_timeout", STATEMENT_SECONDS),
        "statement_cache_size": 0,
    }
    if host:
        arguments["host"] = host
    encryption = _encryption(options)
    if encryption is not None:
        arguments["ssl"] = encryption
    passfile = options.pop("passfile", None)
    if passfile:
        arguments["passfile"] = passfile
    settings = {"application_name": options.pop("application_name", "kore-etl")}
    if "options" in options:
        settings["options"] = options.pop("options")
    arguments["server_settings"] = settings
    _refuse_unknown(
        options,
        "host, port, user, dbname, connect_timeout, command_timeout, application_name, options, passfile, "
        "sslmode, sslrootcert, sslcert, sslkey and sslcrl",
    )
    return arguments


def _encryption(options: dict[str, str]) -> ssl.SSLContext | str | bool | None:
    """What libpq's `sslmode` and certificate options mean; None leaves it to asyncpg (PGSSLMODE, else prefer)."""
    files = {name: options.pop(name, None) for name in ("sslrootcert", "sslcert", "sslkey", "sslcrl")}
    mode = options.pop("sslmode", None)
    if mode is None and any(files.values()):
        mode = "verify-full"  # who names a certificate wants it used; libpq's "prefer" would fall back to plain text
    if mode is None:
        return None
    if mode not in _SSL_MODES:
        raise _problem(f"has sslmode={mode}; it takes {', '.join(_SSL_MODES)}")
    if mode == "disable":
        return False
    if mode in ("allow", "prefer"):
        return mode
    return _certificates(lambda: _context(mode, files))


def _certificates(load: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    try:
        return load()
    except (OSError, ssl.SSLError) as error:
        raise _problem(
            f"names a certificate, key or revocation file that cannot be used ({type(error).__name__}); "
            "check that sslrootcert, sslcert, sslkey and sslcrl are readable PEM files"
        ) from error


def _context(mode: str, files: Mapping[str, str | None]) -> ssl.SSLContext:
    """A context for `require`, `verify-ca` or `verify-full`. Without `sslrootcert`, verification takes libpq's
    ~/.postgresql/root.crt, else the system's authorities; `require` with a root certificate verifies it, as libpq does.
    """
    root = files["sslrootcert"]
    usual = Path("~/.postgresql/root.crt").expanduser()
    if root is None and usual.exists():
        root = str(usual)
    context = ssl.create_default_context(cafile=None if root == "system" else root)
    context.check_hostname = mode == "verify-full"
    if mode == "require" and root is None:
        context.verify_mode = ssl.CERT_NONE
    if files["sslcrl"]:
        context.load_verify_locations(files["sslcrl"])
        context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_CHAIN
    if files["sslcert"]:
        context.load_cert_chain(files["sslcert"], files["sslkey"], password=lambda: "")
    return context
