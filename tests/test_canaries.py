"""Secrets, tokens and personal data planted everywhere, every kind of error provoked: they are found nowhere else."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import resource
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from night import Command, hours_ago, night
from warehouse_look import everything

from etl.cli import config as cli_config
from etl.cli.main import run
from etl.cli.output import Output
from etl.sandbox.app import Sandbox
from etl.sandbox.faults import parse_faults
from etl.warehouse import rows as warehouse_rows

SECRET = "canary-SECRET-91b7"
PASSWORD = "canary-PASSWORD-c40d"
TEXT = "canary-TEXT-5d21 of a message"
DESCRIPTION = "canary-DESCRIPTION-77aa"
UNKNOWN = "canary-UNKNOWN-e3f0"
LIST = "canary-LIST-0b9c"
PERSONAL = (TEXT, DESCRIPTION, UNKNOWN)
TOKEN = re.compile(r"eyJ[\w-]{8,}")
STYLES = ([], ["--verbose"], ["--verbose", "--log-format", "json"], ["--json"], ["--quiet"])
LOUDEST = STYLES[2:4]
FAST = "[api]\nbackoff_seconds = 0.01\nmax_attempts = 2\n"


def found(told: str) -> list[str]:
    """The canaries in what was printed or kept in the ledger."""
    return [one for one in (SECRET, PASSWORD, *PERSONAL) if one in told] + TOKEN.findall(told)


@contextlib.contextmanager
def planted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], url: str, *, secret: str | None = None, **options: object
) -> Iterator[tuple[Sandbox, Command]]:
    """A sandbox whose records hold canaries: good, with bad fields, rejected; `secret` replaces the real one."""
    with night(tmp_path, capsys, url, accounts=1, campaigns=5, settings=FAST, **options) as (sandbox, kore_etl):
        account, when = sandbox.catalogue.accounts[0].account_id, {"created_at": hours_ago(50), "now": hours_ago(40)}
        holding = {"message": {"message": TEXT}, "description": DESCRIPTION, "x": UNKNOWN, "contactLists": [LIST]}
        sandbox.catalogue.insert(account, "sms", id="cd-good", **holding, **when)
        sandbox.catalogue.insert(account, "sms", id="cd-odd", priority=UNKNOWN, updatedAt=TEXT, **holding, **when)
        for raw in ({"id": 17, **holding}, {"id": "cd-x", "accountId": UNKNOWN, **holding}):
            sandbox.catalogue.insert_raw(account, "sms", json.dumps(raw), **when)
        sandbox.catalogue.insert_raw(account, "sms", json.dumps({"id": "cd-nan", **holding})[:-1] + ',"n":NaN}', **when)
        if secret is not None:
            (kore_etl.config.parent / "account-1.secret").write_text(secret)
        yield sandbox, kore_etl


def told(kore_etl: Command, *verb: str, styles: Sequence[list[str]] = LOUDEST) -> str:
    """Everything that a verb prints, as text and JSON, at its loudest."""
    return "".join(out + err for style in styles for _, out, err in [kore_etl(*style, *verb)])


def ledger(url: str) -> str:
    """What the database holds beside campaigns and what was rejected."""
    data = ("campaigns", "campaign_history", "rejected_records", "contact_lists")
    return "".join(line for table, lines in everything(url).items() if table not in data for line in lines)


VERBS = (
    ("check",),
    ("plan",),
    ("sync",),
    ("status",),
    ("runs",),
    ("runs", "show", "latest"),
    ("gaps",),
    ("verify",),
    ("rejects",),
    ("rejects", "retry"),
    ("replay",),
    ("migrate",),
)


def test_ordinary_nights(tmp_path: Path, capsys: pytest.CaptureFixture[str], empty_url: str) -> None:
    """No verb, in no style, prints a secret, a token or what a record holds; the database holds no secret at all, and
    personal data only where campaigns and rejected records are kept."""
    with planted(tmp_path, capsys, empty_url) as (sandbox, kore_etl):
        secret = sandbox.catalogue.accounts[0].client_secret
        kore_etl("sync")
        printed = told(kore_etl, "sync", styles=STYLES) + "".join(told(kore_etl, *verb) for verb in VERBS)
        assert found(printed) == []
        assert secret not in printed
        assert set(found(told(kore_etl, "explain", "cd-odd"))) <= {DESCRIPTION}
        page = tmp_path / "page.html"
        assert found(told(kore_etl, "report", "--out", str(page))) == []
        assert found(page.read_text()) == []
        assert secret not in page.read_text()
        assert LIST in page.read_text()
        kept = "".join(line for lines in everything(empty_url).values() for line in lines)
        assert secret not in kept
        assert not TOKEN.findall(kept)
        assert TEXT in kept
        assert found(ledger(empty_url)) == []


def test_a_refused_secret(tmp_path: Path, capsys: pytest.CaptureFixture[str], sqlite_url: str) -> None:
    """Every verb that reads says what to mend, and shows neither secret nor token; nor does one that cannot sign."""
    key = f"-----BEGIN PRIVATE KEY-----{SECRET}"
    for name, secret in (("wrong", SECRET), ("key", key)):
        with planted(tmp_path / name, capsys, sqlite_url, secret=secret) as (_, kore_etl):
            for verb in ("check", "sync", "verify"):
                assert kore_etl(verb)[0] in (3, 6)
                assert found(told(kore_etl, verb)) == []
    assert found(ledger(sqlite_url)) == []


FAULTS = ("500", "error-envelope", "html-200", "expired", "redirect", "no-results", "truncate", "raw-record", "429:999")


def test_a_failing_source(tmp_path: Path, capsys: pytest.CaptureFixture[str], sqlite_url: str) -> None:
    """What is printed and what the ledger keeps of it."""
    with planted(tmp_path, capsys, sqlite_url) as (sandbox, kore_etl):
        for fault in FAULTS:
            sandbox.faults = parse_faults(f"{fault}@every:2")
            assert found(told(kore_etl, "sync")) == []
        assert found(told(kore_etl, "check")) == []
    assert found(ledger(sqlite_url)) == []


# -- a server that sends everything back -----------------------------------------------------------------------------

PAYLOAD = json.dumps(
    {"results": [{"id": "cd-1", "message": {"message": TEXT}, "description": DESCRIPTION, "x": UNKNOWN}]}
)


def http(status: str, body: str, head: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\n{head}Content-Length: {len(body.encode())}\r\n\r\n{body}".encode()


ECHOES: dict[str, Callable[[str], bytes]] = {
    "text": lambda token: http("500 Oops", f"cannot handle {PAYLOAD} for {token}"),
    "message": lambda token: http("500 Oops", json.dumps({"message": f"{token}: {PAYLOAD}"})),
    "errors": lambda token: http("400 Bad", json.dumps({"errors": [{"msg": f"{token} {PAYLOAD}", "code": 400}]})),
    "page": lambda token: http("500 Oops", f'{{"status":"success","data":{PAYLOAD},"token":"{token}"}}'),
    "html": lambda token: http("502 Bad", f"<html><pre>{PAYLOAD}</pre>{token}</html>"),
    "refused": lambda token: http("401 No", json.dumps({"errors": [{"msg": f"{token} {PAYLOAD}"}]})),
    "denied": lambda token: http("403 No", f"{token} [{PAYLOAD}]"),
    "throttled": lambda token: http("429 Slow", f"too many requests {token} {PAYLOAD}", "Retry-After: 999\r\n"),
    "redirect": lambda token: http("302 Go", PAYLOAD, f"Location: http://127.0.0.1/?t={token}&x={UNKNOWN}\r\n"),
    "false success": lambda token: http("200 OK", json.dumps({"status": "error", "message": f"{token} {PAYLOAD}"})),
    "no list": lambda token: http("200 OK", json.dumps({"status": "success", "data": {"results": PAYLOAD + token}})),
    "reason": lambda token: http(f"500 {token} {TEXT}", ""),
    "no http": lambda token: f"{token} {PAYLOAD}".encode(),
    "headers": lambda token: http("200 OK", "{}", f"X-Bad {token}: {TEXT}\r\n"),
    "cut": lambda token: http("200 OK", f'{{"status":"{token}","data":{PAYLOAD}}}')[:-30],
}


@contextlib.contextmanager
def echoing(form: Callable[[str], bytes]) -> Iterator[str]:
    """The URL of a server that quotes the request's token and a payload."""
    urls: list[str] = []
    ready, done = threading.Event(), threading.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = re.search(r"(?i)content-length: (\d+)", head)
            token = re.search(r"(?i)auth: (\S+)", head)
            await reader.readexactly(int(length[1]) if length else 0)
            writer.write(form(token[1] if token else ""))
            await writer.drain()
        writer.close()

    async def serve() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        urls.append(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        ready.set()
        await asyncio.to_thread(done.wait)
        server.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert ready.wait(10)
        yield urls[0]
    finally:
        done.set()
        thread.join(10)


def test_a_source_that_echoes(tmp_path: Path, capsys: pytest.CaptureFixture[str], sqlite_url: str) -> None:
    """A server that quotes the token and a payload in whatever it says does not get them printed or kept."""
    with planted(tmp_path, capsys, sqlite_url, secret=SECRET) as (sandbox, kore_etl):
        config = kore_etl.config.read_text()
        for name, form in ECHOES.items():
            with echoing(form) as url:
                kore_etl.config.write_text(config.replace(sandbox.url, url))
                printed = told(kore_etl, "sync") + kore_etl("check")[1]
            assert (name, found(printed)) == (name, [])
            assert "app " in printed or "FAIL" in printed
    assert found(ledger(sqlite_url)) == []


# -- a warehouse that fails -------------------------------------------------------------------------------------------


def test_sql_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str], warehouse_url: str) -> None:
    """A table that is gone, a constraint that quotes its row: exit 6, and no value of any row."""
    constraints = (
        "CREATE UNIQUE INDEX one_text ON campaigns (message_text)",
        "DROP TABLE rejected_records" + (" CASCADE" if "postgres" in warehouse_url else ""),
    )
    with planted(tmp_path, capsys, warehouse_url) as (_, kore_etl):
        for statement in constraints:
            execute(warehouse_url, statement)
            code, out, err = kore_etl("--verbose", "sync")
            assert (code, LIST in err) == (6, False)
            assert found(out + err + told(kore_etl, "sync")) == []
    assert found(ledger(warehouse_url)) == []


def execute(url: str, statement: str) -> None:
    if url.startswith("sqlite"):
        with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database:
            database.execute(statement)
        return
    import asyncpg

    async def ask() -> None:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(ask())


def kore_etl_alone(config: Path, *arguments: str, limit: int | None = None, **environ: str) -> subprocess.Popen[str]:
    """The command in a process of its own; `limit`: the largest file it may write, in bytes."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("KORE_ETL_")}
    return subprocess.Popen(
        [sys.executable, "-m", "etl", "--config", str(config), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=kept | environ,
        preexec_fn=None if limit is None else lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )


def test_a_full_disk(tmp_path: Path, capsys: pytest.CaptureFixture[str], sqlite_url: str) -> None:
    """Exit 6 with what to do; no value of a row that was being written."""
    with planted(tmp_path, capsys, sqlite_url) as (_, kore_etl):
        process = kore_etl_alone(kore_etl.config, "--verbose", "sync", limit=100_000)
        printed, _ = process.communicate(timeout=60)
        assert process.returncode == 6
        assert "no space" in printed
        assert found(printed) == []


# -- everything else --------------------------------------------------------------------------------------------------


def test_a_bug_with_its_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names files, lines and the kind of error; no message, no value, no local variable."""

    def broken(campaigns: object, moment: object) -> object:
        raise ValueError(f"{SECRET} {campaigns}")

    monkeypatch.setattr(warehouse_rows, "insertions", broken)
    with planted(tmp_path, capsys, sqlite_url) as (_, kore_etl):
        code, _, err = kore_etl("--verbose", "sync")
        assert (code, "ValueError" in err, "loader.py" in err) == (70, True, True)
        assert found(told(kore_etl, "sync")) == []
    assert found(ledger(sqlite_url)) == []


MISTAKES = {
    "secret in the file": f'[auth]\nclient_secret = "{SECRET}"\n',
    "secret for a file's name": f'[auth]\nclient_id = "cs-1"\nclient_secret_file = "{SECRET}"\n',
    "secret in a list": f'[auth]\nclient_secret_file = ["{SECRET}"]\n',
    "password in the url": f'[warehouse]\nurl = "postgresql://u:{PASSWORD}@h/d"\n',
    "password in the query": f'[warehouse]\nurl = "postgresql://u@h/d?password={PASSWORD}"\n',
    "another database": f'[warehouse]\nurl = "mysql://u:{PASSWORD}@h/d"\n',
    "password for a file's name": f'[warehouse]\npassword_file = "{PASSWORD}"\n',
    "password in the host": f'[api]\nhost = "https://u:{PASSWORD}@h"\n',
}


@pytest.mark.parametrize("text", MISTAKES.values(), ids=MISTAKES)
def test_misconfiguration(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    """The sentence names the place, not the value; exit 2."""
    config = tmp_path / "config.toml"
    config.write_text(text + '[[accounts]]\naccount_id = "a"\napp_id = "b"\n')
    kore_etl = Command(config, capsys)
    assert kore_etl("sync")[0] == 2
    assert found(told(kore_etl, "sync")) == []


def test_the_database_password(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However it is given: not printed when all is well, nor when the server is not there, nor kept in the database."""
    (tmp_path / "password").write_text(PASSWORD + "\n")
    ways = ("kore:{0}@127.0.0.1:{1}/{2}", "kore@127.0.0.1:{1}/{2}?password={0}", "kore@127.0.0.1:{1}/{2}")
    port, name = re.findall(r":(\d+)/(\w+)", postgres_url)[0]
    page = tmp_path / "page.html"
    monkeypatch.setenv("KORE_ETL_WAREHOUSE__PASSWORD_FILE", str(tmp_path / "password"))
    with planted(tmp_path, capsys, postgres_url) as (_, kore_etl):
        for way in ways:
            for number in (port, "1"):
                url = "postgresql://" + way.format(PASSWORD, number, name)
                monkeypatch.setenv("KORE_ETL_WAREHOUSE__URL", url)
                assert found(told(kore_etl, "status") + kore_etl("sync")[2] + kore_etl("check")[1]) == []
                kore_etl("report", "--out", str(page))
                assert found(page.read_text() if page.exists() else "") == []
                settings = cli_config.load(Output(config=kore_etl.config), "source")
                assert found(f"{settings!r} {settings} {settings.resolved_accounts()}") == []
                assert found(settings.model_dump_json()) == []
    assert PASSWORD not in "".join(line for lines in everything(postgres_url).values() for line in lines)


def test_the_process_list(tmp_path: Path, capsys: pytest.CaptureFixture[str], postgres_url: str) -> None:
    """While it runs, its command line shows neither secret nor password, and the server's list of sessions no row."""
    url = postgres_url.replace("kore@", f"kore:{PASSWORD}@")
    with planted(tmp_path, capsys, postgres_url, faults=parse_faults("slow:1@every:3")) as (sandbox, kore_etl):
        process = kore_etl_alone(kore_etl.config, "--verbose", "sync", KORE_ETL_WAREHOUSE__URL=url)
        seen = set()
        while process.poll() is None:
            for entry in Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):
                    seen.add(entry.read_bytes().decode(errors="replace"))
            time.sleep(0.2)
        printed, _ = process.communicate(timeout=30)
        lines = "\n".join(seen)
        assert "etl" in lines
        assert found(lines + printed) == []
        assert sandbox.catalogue.accounts[0].client_secret not in lines + printed


def test_usage_errors(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands in the environment is not repeated."""
    monkeypatch.chdir(tmp_path)
    for name, value in (("KORE_ETL_ACCOUNTS", f"[{SECRET}"), ("KORE_ETL_WAREHOUSE__PASWORD", PASSWORD)):
        monkeypatch.setenv(name, value)
        assert run(["--verbose", "sync"]) == 2
    printed = capsys.readouterr()
    assert found(printed.out + printed.err) == []
