"""What is heard outside of a nightly run: mail, heartbeat, metrics, log lines. Real command, real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from night import Command, hours_ago, night
from prometheus_client.parser import text_string_to_metric_families
from warehouse_look import source_rows, stored_rows

from etl import notify
from etl.sandbox.app import Sandbox
from etl.sandbox.faults import parse_faults

SECRET_PATH = "ping/canary-HEARTBEAT-7f3a"
FAST = "[api]\nbackoff_seconds = 0.01\nmax_attempts = 2\n"


class Listener(HTTPServer):
    """Answers everything with `status`, and remembers what it was sent."""

    status = 200
    heard: list[tuple[str, str, bytes]]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def asked(self) -> list[str]:
        return [f"{method} {path}" for method, path, _ in self.heard]


class Answering(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Listener)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.heard.append((self.command, self.path, body))
        self.send_response(self.server.status)
        if self.server.status == 302:
            self.send_header("Location", f"{self.server.url}/elsewhere")
        self.end_headers()

    do_PUT = do_GET  # noqa: N815  the library's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextlib.contextmanager
def listening() -> Iterator[Listener]:
    server = Listener(("127.0.0.1", 0), Answering)
    server.heard = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def watched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], url: str
) -> Iterator[tuple[Sandbox, Command, Listener, Path]]:
    """A night of two accounts with every listener configured; the folder that the files land in."""
    with listening() as listener:
        told = (
            f'{FAST}\n[notify]\nheartbeat_url = "{listener.url}/{SECRET_PATH}"\nheartbeat_file = "beat"\n'
            f'metrics_file = "kore.prom"\npushgateway_url = "{listener.url}"\n'
        )
        with night(tmp_path, capsys, url, accounts=2, campaigns=5, settings=told) as (sandbox, kore_etl):
            yield sandbox, kore_etl, listener, kore_etl.config.parent


def metrics(text: str) -> dict[str, float]:
    """Name, with its labels where it has some -> value."""
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {
        sample.name + "".join(f" {value}" for key, value in sample.labels.items() if key != "app_id"): sample.value
        for sample in samples
    }


PUSHED = "PUT /metrics/job/kore_etl"
BEAT = f"GET /{SECRET_PATH}"


def test_a_complete_night_is_silent_and_heard(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], warehouse_url: str
) -> None:
    """Nothing on stdout and stderr; heartbeats and metrics outside; the numbers are the source's."""
    with watched(tmp_path, capsys, warehouse_url) as (sandbox, kore_etl, listener, folder):
        assert kore_etl("--quiet", "sync") == (0, "", "")
        assert listener.asked == [PUSHED, BEAT]
        found = metrics((folder / "kore.prom").read_text())
        assert (folder / "kore.prom").read_bytes() == listener.heard[0][2]
        assert (folder / "kore.prom").stat().st_mode & 0o044, "a collector of another user has to read it"
        first = sandbox.catalogue.accounts[0].account_id
        assert found[f"kore_etl_campaigns_live {first} sms"] == 5
        assert time.time() - found[f"kore_etl_proven_until_timestamp_seconds {first} voice"] < 3600
        assert (found["kore_etl_last_run_exit_code"], found["kore_etl_last_run_verdict complete"]) == (0, 1)
        assert (found["kore_etl_campaigns_inserted_total"], found["kore_etl_last_run_accounts"]) == (20, 2)
        assert found["kore_etl_requests_total"] == len(sandbox.requests)
        assert sorted(path.name for path in folder.glob(".*")) == []


def test_only_the_nightly_run_is_heard(tmp_path: Path, capsys: pytest.CaptureFixture[str], sqlite_url: str) -> None:
    """What somebody reads by hand says nothing about the night, but counts in the sums."""
    with watched(tmp_path, capsys, sqlite_url) as (sandbox, kore_etl, listener, folder):
        kore_etl("backfill", "--start", "2020-01-01", "--end", "2020-02-01")
        kore_etl("sync", "--channel", "sms")
        assert (listener.asked, list(folder.glob("*.prom"))) == ([], [])
        assert kore_etl("--quiet", "sync") == (0, "", "")
        assert listener.asked == [PUSHED, BEAT]
        found = metrics((folder / "kore.prom").read_text())
        assert found["kore_etl_runs_total sync complete"] == 2
        assert found["kore_etl_requests_total"] == len(sandbox.requests), "counters are sums over all runs"


def test_a_night_that_fails_is_told_and_beats_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sqlite_url: str
) -> None:
    """One text on stderr; metrics all the same, with the account that was never proven as of 1970."""
    with watched(tmp_path, capsys, sqlite_url) as (sandbox, kore_etl, listener, folder):
        first = sandbox.catalogue.accounts[0]
        sandbox.faults = parse_faults(f"401@account:{first.account_id}")
        code, out, err = kore_etl("--quiet", "sync")
        assert (code, out) == (1, "")
        assert err.startswith("kore-etl sync: not complete (exit 1)\n\nWhat failed\n")
        assert first.name in err
        assert "1 of 2 accounts complete. 10 campaigns seen" in err
        assert listener.asked == [PUSHED]
        assert not (folder / "beat").exists()
        found = metrics((folder / "kore.prom").read_text())
        assert (found["kore_etl_last_run_exit_code"], found["kore_etl_last_run_troubled_accounts"]) == (1, 1)
        assert found[f"kore_etl_proven_until_timestamp_seconds {first.account_id} sms"] == 0


def test_a_broken_warehouse_is_told_as_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sqlite_url: str
) -> None:
    """A text of the same form, and metrics without the listings, so that the alert on the exit code fires."""
    with watched(tmp_path, capsys, sqlite_url) as (_, kore_etl, listener, folder):
        Path(sqlite_url.removeprefix("sqlite:///")).write_text(
            "not a database, but long enough to be taken for one" * 99
        )
        code, out, err = kore_etl("--quiet", "sync")
        assert (code, out) == (6, "")
        assert err.startswith("kore-etl sync: the warehouse failed (exit 6)\n\nWhat failed\n")
        assert (err.count("is not a SQLite database"), listener.asked) == (1, [PUSHED])
        assert metrics((folder / "kore.prom").read_text())["kore_etl_last_run_exit_code"] == 6


def test_a_listener_that_refuses_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sqlite_url: str
) -> None:
    """It is said, without the address, which is a secret; no redirect is followed; the exit code stays."""
    with watched(tmp_path, capsys, sqlite_url) as (_, kore_etl, listener, folder):
        listener.status = 302
        (folder / "kore.prom").mkdir()
        code, _, err = kore_etl("--quiet", "--verbose", "sync")
        assert (code, listener.asked) == (0, [PUSHED, BEAT])
        assert "warning: [notify] heartbeat_url: 127.0.0.1 answered 302." in err
        assert "warning: [notify] pushgateway_url: 127.0.0.1 answered 302." in err
        assert "warning: [notify] metrics_file: " in err
        assert "canary-HEARTBEAT" not in err


def test_a_file_is_replaced_in_one_step(tmp_path: Path) -> None:
    """Who reads it meanwhile has the old one whole; what cannot be written leaves it, and nothing beside it."""
    file = tmp_path / "kore.prom"
    file.write_bytes(b"old")
    with file.open("rb") as reading:
        assert notify.replace_file(file, b"new") is None
        assert (reading.read(), file.read_bytes()) == (b"old", b"new")
    assert "cannot be written" in (notify.replace_file(tmp_path / "none" / "kore.prom", b"new") or "")
    assert [path.name for path in tmp_path.iterdir()] == ["kore.prom"]


async def test_trouble_is_tried_again_and_given_up() -> None:
    """Three times, with a wait before each; an answer in time is all that is wanted."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    with listening() as listener:
        listener.status = 503
        assert await notify.ask("GET", f"{listener.url}/x", sleep=sleep) == "127.0.0.1 answered 503"
        assert (len(listener.asked), waits) == (3, list(notify.WAITS))
        nobody = f"{listener.url}/x"
    assert "could not be asked" in (await notify.ask("GET", nobody, sleep=sleep) or "")


async def test_a_listener_that_hangs_is_given_up() -> None:
    """Nothing waits for it longer than it must."""

    async def sleep(_: float) -> None:
        await asyncio.sleep(0)

    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/x"
        assert await notify.ask("GET", url, seconds=0.05, sleep=sleep) == "127.0.0.1 did not answer in time"


def test_every_line_of_a_run_is_json_with_its_id(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sqlite_url: str
) -> None:
    """With --log-format json stderr holds nothing else: windows with their listing, complaints, the run's end."""
    with night(tmp_path, capsys, sqlite_url, accounts=2, campaigns=5, settings=FAST) as (sandbox, kore_etl):
        sandbox.faults = parse_faults(f"401@account:{sandbox.catalogue.accounts[0].account_id}")
        code, out, err = kore_etl("--log-format", "json", "--verbose", "sync")
        lines = [json.loads(line) for line in err.splitlines()]
        (run_id,) = {line["run_id"] for line in lines}
        assert (code, lines[0]["event"], lines[-1]["event"], lines[-1]["exit_code"]) == (1, "run begun", "run ended", 1)
        assert run_id in out
        windows = [line for line in lines if line["event"] == "window"]
        assert {line["account_id"] for line in windows} == {sandbox.catalogue.accounts[1].account_id}
        assert {line["channel"] for line in windows} == {"sms", "voice"}
        assert [
            line for line in lines if line["level"] == "error" and sandbox.catalogue.accounts[0].name in line["event"]
        ]
        code, _, err = kore_etl("--log-format", "json", "sync", "--account", "none")
        assert (code, json.loads(err)["level"]) == (2, "error")


def test_missed_nights_are_caught_up_without_flags(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sqlite_url: str
) -> None:
    """Cron was off for days: the same command as every night brings what appeared, changed and went meanwhile."""
    settings = "[sync]\nfull_sweep_rows = 0\nlookback_days = 1\n"
    with night(tmp_path, capsys, sqlite_url, accounts=1, campaigns=40, settings=settings) as (sandbox, kore_etl):
        assert kore_etl("--quiet", "sync") == (0, "", "")
        account_id = sandbox.catalogue.accounts[0].account_id
        for hours in (100, 70, 40, 10):
            sandbox.catalogue.insert(account_id, "sms", created_at=hours_ago(hours), now=hours_ago(hours))
        old = sandbox.catalogue.listing(account_id, "sms")[0]["id"]
        sandbox.catalogue.update(account_id, "sms", old, now=hours_ago(60), name="Renamed in a night that was missed")
        assert kore_etl("--quiet", "sync") == (0, "", "")
        assert stored_rows(sqlite_url) == source_rows(sandbox)


def test_a_run_with_a_deadline_stops_and_the_next_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sqlite_url: str
) -> None:
    """Exit 1; the mail and the document say so; what was stored stays, and the same command completes it."""
    with night(tmp_path, capsys, sqlite_url, accounts=2, campaigns=5) as (sandbox, kore_etl):
        second = sandbox.catalogue.accounts[1]
        sandbox.faults = parse_faults(f"slow:60@account:{second.account_id}")
        code, out, err = kore_etl("--quiet", "sync", "--deadline", "2s")
        assert (code, out) == (1, "")
        assert err.startswith("kore-etl sync: not complete, the deadline came first (exit 1)")
        assert re.search(rf"{second.name} \(sms, voice\).*: The deadline came", " ".join(err.split()))
        dates = ("--start", "2020-01-01", "--end", "2026-01-01")
        assert second.account_id in kore_etl.json("backfill", *dates, "--deadline", "1s")["late"]
        sandbox.faults = ()
        assert kore_etl("--quiet", "sync", "--deadline", "1h") == (0, "", "")
        assert stored_rows(sqlite_url) == source_rows(sandbox)


@pytest.mark.parametrize("deadline", ["2", "0s", "h", "1h 30m", "-1h", "2d", ""])
def test_a_deadline_needs_a_unit(deadline: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2; a bare number would be taken for minutes by some and for seconds by others."""
    from etl.cli.main import run

    assert run(["sync", "--deadline", deadline]) == 2
    assert "is not a length of time, such as 2h" in capsys.readouterr().err
