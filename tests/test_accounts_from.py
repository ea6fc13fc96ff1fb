"""Accounts in a file or a table: the same accounts as in [[accounts]], every problem at once, thousands in no time."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path

import asyncpg
import pytest

from etl import bootstrap
from etl.errors import ConfigError
from etl.model import Channel, Keep
from etl.settings import Needs, Settings, load

MISSING = "names a file that cannot be read: No such file or directory"
AUTH = '[auth]\nclient_id = "cs-1"\nclient_secret_file = "secret"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in (("secret", "shared\n"), ("own", "its own\n")):
        (tmp_path / name).touch(mode=0o600)
        (tmp_path / name).write_text(text)
    return tmp_path


def loaded(folder: Path, text: str, needs: Needs = "source", environ: Mapping[str, str] | None = None) -> Settings:
    (folder / "config.toml").write_text(text)
    return load(folder / "config.toml", environ or {}, needs, read_table=bootstrap.account_rows)


def from_file(folder: Path, name: str, content: str, more: str = AUTH) -> Settings:
    (folder / name).write_text(content)
    return loaded(folder, f'accounts_from = "{name}"\n{more}')


def problems(folder: Path, name: str, content: str, more: str = AUTH) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        from_file(folder, name, content, more)
    return [one.replace(f"{folder}/", "") for one in caught.value.problems]


CSV = """\
account_id,app_id,name,channels,host,client_id,client_secret_file,requests_per_minute,keep
a,st-1,EMEA,"sms, voice",,,,,
b,st-2,,voice,de.kore.example,cs-2,own,30,"{""status"": [""Active""], ""priority"": [4, 5]}"
"""
ROWS = [
    {"account_id": "a", "app_id": "st-1", "name": "EMEA", "channels": ["sms", "voice"]},
    {
        "account_id": "b",
        "app_id": "st-2",
        "channels": ["voice"],
        "host": "de.kore.example",
        "client_id": "cs-2",
        "client_secret_file": "own",
        "requests_per_minute": 30,
        "keep": {"status": ["Active"], "priority": [4, 5]},
    },
]


def assert_both(settings: Settings) -> None:
    first, second = settings.resolved_accounts()
    assert (first.account_id, first.name, first.channels) == ("a", "EMEA", (Channel.SMS, Channel.VOICE))
    assert (first.host, first.client_id, first.requests_per_minute) == ("https://platform.kore.ai", "cs-1", 50)
    assert (first.client_secret.get_secret_value(), first.keep) == ("shared", Keep())
    assert (second.account_id, second.name, second.channels) == ("b", "b", (Channel.VOICE,))
    assert (second.host, second.client_id, second.requests_per_minute) == ("https://de.kore.example", "cs-2", 30)
    assert (second.client_secret.get_secret_value(), second.keep) == ("its own", Keep(("Active",), (4, 5)))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("accounts.csv", CSV),
        ("accounts.csv", "\ufeff" + CSV.replace("\n", "\r\n")),
        ("accounts.json", json.dumps(ROWS)),
    ],
)
def test_a_file_says_what_blocks_would(folder: Path, name: str, content: str) -> None:
    """An empty cell says nothing: what holds for all comes from [api] and [auth]."""
    assert_both(from_file(folder, name, content))


def test_a_csv_with_semicolons(folder: Path) -> None:
    """As spreadsheets of half of Europe write it; blank lines and spaces around cells do not count."""
    settings = from_file(folder, "a.csv", "account_id ;app_id;channels\n\n a; st-1 ;sms|voice\n;;\nb;st-2;sms\n")
    assert [(one.account_id, len(one.channels)) for one in settings.resolved_accounts()] == [("a", 2), ("b", 1)]


def test_a_table_says_what_blocks_would(folder: Path, warehouse_url: str) -> None:
    """In the warehouse, in a database of its own with a URL, and as a view; in the order of the ids."""
    keep = '{"status": ["Active"], "priority": [4, 5]}'
    rows = f"('b', 'st-2', NULL, 'voice', 'de.kore.example', 'cs-2', 'own', 30, '{keep}')"
    columns = "account_id text, app_id text, name text, channels text, host text, client_id text, "
    statements = (
        f"CREATE TABLE kept ({columns}client_secret_file text, requests_per_minute int, keep text)",
        f"INSERT INTO kept VALUES {rows}, ('a', 'st-1', 'EMEA', 'sms,voice', '', NULL, NULL, NULL, NULL)",
        "CREATE VIEW kore_accounts AS SELECT * FROM kept",
    )

    async def on_postgres() -> None:
        connection = await asyncpg.connect(warehouse_url)
        await connection.execute("; ".join(statements))
        await connection.close()

    if warehouse_url.startswith("sqlite"):
        with contextlib.closing(sqlite3.connect(warehouse_url.removeprefix("sqlite:///"))) as database, database:
            database.executescript("; ".join(statements))
    else:
        asyncio.run(on_postgres())
    assert_both(
        loaded(folder, f'{AUTH}[accounts_from]\ntable = "kore_accounts"\n[warehouse]\nurl = "{warehouse_url}"\n')
    )
    assert_both(
        loaded(
            folder,
            f'{AUTH}[accounts_from]\ntable = "kept"\n[warehouse]\nurl = "sqlite:///other.db"\n',
            environ={"KORE_ETL_ACCOUNTS_FROM__URL": warehouse_url},
        )
    )


def test_accounts_elsewhere_come_after_those_of_the_file(folder: Path) -> None:
    """Both count, and one that stands in both is told with both places."""
    block = '[[accounts]]\naccount_id = "z"\napp_id = "st-9"\n'
    settings = from_file(folder, "a.csv", "account_id,app_id\na,st-1\n", AUTH + block)
    assert [account.account_id for account in settings.resolved_accounts()] == ["z", "a"]
    assert problems(folder, "a.csv", "account_id,app_id,channels\nz,st-9,sms\n", AUTH + block) == [
        "a.csv line 2: sms of account z, app st-9 is already in number 1; remove one."
    ]


def test_every_problem_is_told_at_once_with_its_line(folder: Path) -> None:
    """Also those beside the accounts; a row without problems is checked against the others all the same."""
    content = (
        "account_id,app_id,chanels,requests_per_minute,client_secret_file\n"
        "a,st-1,,many,\n"
        "/,st-2,,,\n"
        ",st-3,,,\n"
        "b,st-4,,,\n"
        "b,st-4,,,,,,\n"
        'c,st-5,,,"not there"\n'
        "b,st-4,,,\n"
    )
    assert problems(folder, "a.csv", content, AUTH + "[api]\npage_size = 0\n") == [
        "config.toml: [api] page_size = 0: must be a whole number between 1 and 100.",
        'a.csv line 1: unknown column "chanels"; did you mean channels?',
        "a.csv line 6: more cells than the first line has columns.",
        'a.csv line 2 requests_per_minute = "many": must be a whole number between 0 and 100000; 0 means no limit.',
        'a.csv line 3 account_id = "/": must be the account\'s id: printable, without spaces, / \\ ? # or %.',
        "a.csv line 4 account_id is missing; it must be the account's id: printable, without spaces, / \\ ? # or %.",
        "a.csv line 8: sms of account b, app st-4 is already in a.csv line 5; remove one.",
        "a.csv line 8: voice of account b, app st-4 is already in a.csv line 5; remove one.",
        f"a.csv line 7 client_secret_file {MISSING} (relative names start at {folder}).",
    ]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.txt", "", "names a file that is neither .csv nor .json."),
        ("a.csv", "", "a.csv: holds no account."),
        ("a.csv", "account_id,app_id\n", "a.csv: holds no account."),
        ("a.csv", 'account_id,app_id\n"a,b\n', "a.csv line 2: not valid CSV: unexpected end of data."),
        ("a.csv", "account_id,app_id,client_secret\na,b,x\n", "a.csv line 1: client_secret: a secret never belongs"),
        ("a.csv", "account_id,app_id,app_id\na,b,c\n", 'a.csv line 1: "app_id" stands there twice.'),
        ("a.json", "{}", "names a JSON file that is no list of objects."),
        ("a.json", "[", "names a file that is not valid JSON: Expecting value: line 1 column 2 (char 1)."),
        ("a.json", '[5, {"account_id": "a", "app_id": "b"}]', "a.json number 1: must be an object with the keys"),
        ("a.json", '[{"account_id": "a", "app_id": "b", "x": 1}]', 'a.json number 1: unknown column "x"; known here:'),
    ],
)
def test_a_list_that_cannot_be_used(folder: Path, name: str, content: str, told: str) -> None:
    """One sentence, and no secret in it."""
    (problem,) = problems(folder, name, content)
    assert told in problem


def test_a_place_that_is_not_there(folder: Path) -> None:
    """A problem for who reads the source; a warning for who looks at the warehouse, as an analyst's host may not see
    the accounts."""
    table = f'[accounts_from]\ntable = "nowhere"\n[warehouse]\nurl = "sqlite:///{folder}/none.db"\n'
    for place in ('[accounts_from]\nfile = "none.csv"\n', table):
        with pytest.raises(ConfigError, match="cannot be read") as caught:
            loaded(folder, AUTH + place)
        assert len(caught.value.problems) == 1
        settings = loaded(folder, AUTH + place, "warehouse")
        assert settings.resolved_accounts() == ()
        assert "cannot be read" in settings.warnings[0]
    assert not (folder / "none.db").exists()
    with pytest.raises(ConfigError, match="both set"):
        loaded(folder, AUTH + '[accounts_from]\nfile = "a.csv"\ntable = "t"\n')


def test_a_password_for_the_table_does_not_belong_into_the_file(folder: Path) -> None:
    """As with the warehouse's."""
    with pytest.raises(ConfigError) as caught:
        loaded(folder, AUTH + '[accounts_from]\ntable = "t"\nurl = "postgresql://u:pw-17@127.0.0.1:1/db"\n')
    assert "[accounts_from] url: a password never belongs in this file; use ~/.pgpass" in caught.value.problems[0]
    assert "pw-17" not in str(caught.value)


def test_five_thousand_accounts_are_checked_in_no_time(folder: Path) -> None:
    """Good ones and bad ones; the secret that they share is opened, and told of, once."""
    (folder / "secret").chmod(0o644)

    def rows(count: int, row: str) -> str:
        return "account_id,app_id,client_secret_file\n" + "\n".join(row.format(number) for number in range(count))

    began = time.process_time()
    settings = from_file(folder, "a.csv", rows(5000, "a{0},st-{0},secret"))
    assert time.process_time() - began < 1.0
    assert len(settings.resolved_accounts()) == 5000
    assert len(settings.warnings) == 1
    began = time.process_time()
    assert len(problems(folder, "a.csv", rows(1000, "a b{0},st-{0},secret"))) == 1000
    assert time.process_time() - began < 1.0
