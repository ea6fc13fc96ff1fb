"""What a warehouse URL means, and what is refused before anything is opened."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from rich.pretty import pretty_repr
from warehouse.samples import Clock

from etl.errors import ConfigError
from etl.warehouse import address, dialect
from etl.warehouse.warehouse import Warehouse


def parse(url: str, password: str | None = None) -> address.Address:
    return address.parse(url, schema="public", password=password)


@pytest.mark.parametrize(
    "scheme", ["postgres", "postgresql", "postgresql+asyncpg", "postgresql+psycopg", "postgresql+psycopg2"]
)
def test_every_spelling_of_postgres_takes_our_driver(scheme: str) -> None:
    """People paste what other tools gave them."""
    found = parse(f"{scheme}://ann:secret@db.example:6432/sales?options=-c%20app.key%3Dsecret")
    assert found.url.drivername == "postgresql+asyncpg"
    assert (found.url.username, found.url.password, found.url.port, found.url.database) == (
        "ann",
        "secret",
        6432,
        "sales",
    )
    assert found.connect_args["host"] == "db.example"
    assert found.shown == "postgresql://ann@db.example:6432/sales"
    assert "secret" not in repr(found) + pretty_repr(found)
    assert found.shown in repr(found)
    assert found.shown in pretty_repr(found)


def test_a_password_from_elsewhere_is_used_where_the_url_has_none() -> None:
    """The URL's own comes first."""
    assert parse("postgresql://ann@h/d", "from file").url.password == "from file"
    assert parse("postgresql://ann:own@h/d", "from file").url.password == "own"
    assert parse("postgresql://ann@h/d?password=query").shown == "postgresql://ann@h/d"


def test_libpq_options_are_translated() -> None:
    """Socket folder, timeouts, application name, server options, password file."""
    found = parse(
        "postgresql:///d?host=/run/pg&user=ann&port=6000&connect_timeout=3&application_name=x&options=-c%20a%3Db"
        "&passfile=/p&sslmode=disable"
    )
    assert (found.connect_args["host"], found.url.username, found.url.port) == ("/run/pg", "ann", 6000)
    assert (found.connect_args["timeout"], found.connect_args["passfile"]) == (3.0, "/p")
    assert found.connect_args["server_settings"] == {"application_name": "x", "options": "-c a=b"}
    assert found.connect_args["ssl"] is False
    assert found.connect_args["statement_cache_size"] == 0


def test_sslmode_decides_what_is_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """verify-full checks the name, verify-ca the certificate, require encrypts."""
    monkeypatch.setenv("HOME", str(tmp_path))
    contexts = {mode: parse(f"postgresql://h/d?sslmode={mode}").connect_args["ssl"] for mode in MODES}
    assert contexts["verify-full"].check_hostname
    assert contexts["verify-full"].verify_mode is ssl.CERT_REQUIRED
    assert not contexts["verify-ca"].check_hostname
    assert contexts["verify-ca"].verify_mode is ssl.CERT_REQUIRED
    assert contexts["require"].verify_mode is ssl.CERT_NONE
    assert contexts["prefer"] == "prefer"
    assert "ssl" not in parse("postgresql://h/d").connect_args
    assert parse("postgresql://h/d?sslmode=verify-full&sslrootcert=system").connect_args["ssl"].check_hostname


MODES = ("require", "verify-ca", "verify-full", "prefer")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mysql://h/d", "sqlite:///FILE and postgresql://USER@HOST/DATABASE are what works"),
        ("snowflake://secret@h/d", "names 'snowflake'"),
        ("campaigns.db", "cannot be read as a URL"),
        ("postgresql://ann:p@ss:word@h:x/d", "cannot be read as a URL"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite://campaigns.db", "two slashes too few"),
        ("sqlite:///x.db?cache=shared", "not supported: cache"),
        ("sqlite:///x.db?timeout=soon", "timeout=soon"),
        ("postgresql://h/d?sslmode=yes", "sslmode=yes"),
        ("postgresql://h/d?channel_binding=require", "not supported: channel_binding"),
        ("postgresql://h/d?connect_timeout=0", "connect_timeout=0"),
        ("postgresql://h/d?port=abc", "port=abc"),
        ("postgresql://h/d?sslmode=a&sslmode=b", "more than once"),
        ("postgresql://h/d?sslmode=verify-full&sslrootcert=/nowhere.pem", "cannot be used"),
    ],
)
def test_a_url_that_cannot_work_is_refused_in_words(url: str, says: str) -> None:
    """Before any connection; the message never repeats a password."""
    with pytest.raises(ConfigError) as caught:
        Warehouse.connect(url, clock=Clock())
    assert says in caught.value.problems[0]
    assert "word" not in caught.value.problems[0].replace("a password percent", "")


async def test_a_file_name_may_hold_anything(tmp_path: Path) -> None:
    """Spaces, percent signs, question marks' neighbours: the file named is the file made."""
    folder = tmp_path / "a b%20c#d"
    folder.mkdir()
    async with Warehouse.connect(f"sqlite:///{folder}/x y%41.db", clock=Clock()) as opened:
        await opened.ready()
        assert await opened.runs() == ()
    assert [one.name for one in folder.iterdir()] == ["x y%41.db"]


def test_who_waits_for_a_connection_waits_longer_than_statements_take() -> None:
    """A table that somebody locks for minutes holds up all connections at once: what hangs ends by its own bound, and
    that alone may end a run."""
    engine = dialect.open_engine(address.parse("postgresql://nowhere/db", schema="public", password=None))
    assert engine.pool.timeout() > 10 * address.STATEMENT_SECONDS  # type: ignore[attr-defined]
