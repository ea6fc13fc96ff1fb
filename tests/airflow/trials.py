"""The trials: what a task does when something is wrong, what it tells, and what it never tells."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from place import Airflow, Run
from steps import Steps

from etl.sandbox.faults import parse_faults

OURS = Path(sys.executable).parent
LOOK_SECONDS = 300
"""How long the sensor may take to its first look: Airflow itself has to start before."""

NOBODY = "postgresql://kore@127.0.0.1:9/nothing"
"""Port 9 of this machine: nobody answers."""


def trials(steps: Steps, airflow: Airflow, there: Any, folder: Path, create: Callable[[str], None]) -> None:
    """Everything that can be tried with one task at a time, in Airflow's own environment."""
    configured = {"KORE_ETL_CONFIG": str(there.config)}
    waiting(steps, airflow, there, configured)
    create("partly")
    partly(steps, airflow, there, configured)
    two_each(steps, airflow, there, configured)
    interval(steps, airflow, there, configured)
    failing(steps, airflow, there, configured)
    stopped(steps, airflow, there, configured)
    told_by_connection(steps, airflow, there, create)
    secrets(steps, airflow, there)


def tried(run: Run) -> list[tuple[str, str, int]]:
    """The reading tasks (or, where there are none, the first): name, state, tries."""
    found = [(task, state, tries) for task, index, state, tries in run.tasks() if task != "read" or index >= 0]
    return [one for one in found if one[0] == "read"] or found[:1]


def waiting(steps: Steps, airflow: Airflow, there: Any, configured: dict[str, str]) -> None:
    """The sensor waits in front of an empty warehouse, and passes once a run has proven the window."""
    found: list[Run] = []
    thread = threading.Thread(target=lambda: found.append(airflow.tested("trial_sensor", **configured)))
    thread.start()
    deadline = time.monotonic() + LOOK_SECONDS
    while not airflow.rows("SELECT 1 FROM task_reschedule") and time.monotonic() < deadline:
        time.sleep(1)
    still = thread.is_alive()
    done = subprocess.run(
        [OURS / "kore-etl", "--config", there.config, "--json", "sync"], capture_output=True, text=True, check=False
    )
    thread.join()
    run = found[0]
    looks = len(run.said(r"intervals are not proven yet"))
    steps.check(
        f"the sensor waited while nothing was proven ({looks} looks), and passed after a sync",
        holds=still
        and looks > 0
        and done.returncode == 0
        and run.state == "success"
        and len(run.said(r"Proven\.")) == 1,
        otherwise=run.output,
    )


def partly(steps: Steps, airflow: Airflow, there: Any, configured: dict[str, str]) -> None:
    """One channel fails: the account is incomplete, and its retry reads just what is missing."""
    first = there.sandbox.catalogue.accounts[0].account_id
    there = replace(there, warehouse=there.warehouse.rpartition("/")[0] + "/partly")
    configured = configured | {"KORE_ETL_WAREHOUSE__URL": there.warehouse}
    there.sandbox.faults = parse_faults("500@channel:voicex2")
    asked = json.dumps({"accounts": [first]})
    run = airflow.tested("trial", "--conf", asked, **configured)
    there.sandbox.faults = parse_faults("")
    steps.equal(
        "a read that was not proven is tried again, and then is",
        (run.state, tried(run)),
        ("success", [("read", "success", 2)]),
    )
    windows = there.query(
        "SELECT r.started_at, w.channel, w.window_start, w.window_end, w.state FROM sync_windows w JOIN sync_runs r "
        f"USING (run_id) WHERE w.account_id = '{first}' AND w.reason <> 'open tail' ORDER BY 1"
    )
    began = sorted({row[0] for row in windows})
    steps.equal("in two runs of the command", len(began), 2)
    runs = [[row[1:] for row in windows if row[0] == start] for start in began]
    before = [row for row in runs[0] if row[3] == "proven"]
    again = [
        (one, two) for one in runs[-1] for two in before if one[0] == two[0] and one[1] < two[2] and two[1] < one[2]
    ]
    steps.equal(f"the retry read nothing of the {len(before)} windows that the first had proven", again, [])
    states = [sorted(row[3] for row in rows) for rows in runs]
    steps.check(f"windows by try: {states}", holds="failed" in states[0] and set(states[-1]) == {"proven"})
    steps.equal("the account's asset got its event once, from the try that proved it", len(run.assets()), 1)


def two_each(steps: Steps, airflow: Airflow, there: Any, configured: dict[str, str]) -> None:
    """Several accounts a task."""
    run = airflow.tested("trial_two_each", **configured)
    names = [one.name for one in there.sandbox.catalogue.accounts]
    steps.equal(
        "two accounts a task: one task",
        (run.titles(), tried(run)),
        ([f"{names[0]} and 1 more"], [("read", "success", 1)]),
    )
    steps.equal("and an event for each of them", len(run.assets()), 2)


def interval(steps: Steps, airflow: Airflow, there: Any, configured: dict[str, str]) -> None:
    """A data interval with width is read as a backfill; run twice, it changes nothing."""
    where = "SELECT count(*) FROM campaign_history", "SELECT count(*) FROM campaigns"
    before = [there.query(sql) for sql in where]
    for time_ in ("first", "second"):
        run = airflow.tested("trial_interval", "2026-03-02T00:00:00+00:00", **configured)
        said = run.said(r"Reading the interval from 2026-03-01T00:00:00\+00:00 up to 2026-03-02T00:00:00\+00:00")
        steps.equal(f"a data interval is read, the {time_} time", (run.state, len(said)), ("success", 2))
    steps.equal("and nothing is there twice", [there.query(sql) for sql in where], before)


def failing(steps: Steps, airflow: Airflow, there: Any, configured: dict[str, str]) -> None:
    """What each exit code does to a task that has one retry."""

    def ends(what: str, expected: list[tuple[str, str, int]], told: str, **environment: str) -> None:
        run = airflow.tested("trial", "--conf", json.dumps({"accounts": [first]}), **configured | environment)
        steps.equal(what, (run.state, tried(run)), ("failed", expected))
        steps.check(f"and it says why: {told}", holds=bool(run.said(told)), otherwise=run.output)
        steps.equal("no asset event", run.assets(), [])

    first = there.sandbox.catalogue.accounts[0].account_id
    ends(
        "2, no configuration: no retry", [("accounts", "failed", 1)], "cannot be read", KORE_ETL_CONFIG="/nowhere.toml"
    )
    ends("6, no database: a retry", [("read", "failed", 2)], "exit code 6", KORE_ETL_WAREHOUSE__URL=NOBODY)
    there.sandbox.faults = parse_faults("503")
    ends("5, the source is down: a retry", [("read", "failed", 2)], "exit code 5")
    there.sandbox.faults = parse_faults("")
    held = f"SET holder = 'elsewhere/1', expires_at = now() + interval '{{}}' WHERE account_id = '{first}'"
    there.query("UPDATE sync_leases " + held.format("1 hour"))
    ends("4, another run holds the account: a retry", [("read", "failed", 2)], "exit code 4")
    there.query("UPDATE sync_leases " + held.format("-1 hour"))
    secret = there.config.parent / "account-1.secret"
    kept = secret.read_text()
    secret.write_text("not-the-secret-that-was-given")
    ends("3, the account is refused: no retry", [("read", "failed", 1)], "exit code 3")
    secret.write_text(kept)
    run = airflow.tested("trial", "--conf", json.dumps({"accounts": ["nobody"]}), **configured)
    steps.equal("an account that is not configured: no retry", tried(run), [("accounts", "failed", 1)])


def stopped(steps: Steps, airflow: Airflow, there: Any, configured: dict[str, str]) -> None:
    """A task that takes too long is ended by Airflow: the command stops cleanly and writes its verdict."""
    there.sandbox.faults = parse_faults("slow:15")
    asked = json.dumps({"accounts": [there.sandbox.catalogue.accounts[0].account_id]})
    run = airflow.tested("trial_hurried", "--conf", asked, **configured)
    there.sandbox.faults = parse_faults("")
    verdicts = there.query("SELECT verdict, exit_code, count(*) FROM sync_runs WHERE verdict = 'stopped' GROUP BY 1, 2")
    steps.equal(
        "a task over its time limit: the command is stopped and says so in the ledger, every try",
        (run.state, verdicts),
        ("failed", [("stopped", 143, 2)]),
    )


def told_by_connection(steps: Steps, airflow: Airflow, there: Any, create: Callable[[str], None]) -> None:
    """Without any file: the connection says it all. The account's secret is a canary from here on."""
    create("told")
    account = there.sandbox.catalogue.accounts[0]
    url = urlsplit(there.sandbox.url)
    warehouse = there.warehouse.rpartition("/")[0] + "/told"
    connection = {
        "conn_type": "http",
        "host": url.hostname,
        "schema": "http",
        "port": url.port,
        "login": account.client_id,
        "password": account.client_secret,
        "extra": {
            "accounts": [{"account_id": account.account_id, "app_id": account.app_id, "name": "By connection"}],
            "warehouse": {"url": warehouse},
            "api": {"requests_per_minute": 0},
        },
    }
    known = {"AIRFLOW_CONN_KORE_AI": json.dumps(connection)}
    run = airflow.tested("trial", **known)
    steps.equal("the connection alone is enough", (run.state, run.titles()), ("success", ["By connection"]))
    run = airflow.tested("trial_talkative", **known)
    printed = run.said("KORE_ETL_AUTH__CLIENT_SECRET=")
    steps.check(
        "a command that prints its environment: the secret reached it, and the log shows ***",
        holds=bool(printed) and all(line.split("CLIENT_SECRET=")[1].startswith("***") for line in printed),
        otherwise="\n".join(printed),
    )
    steps.equal("Airflow's own settings did not reach it", run.said("AIRFLOW(__|_CONN|_HOME).*="), [])


def secrets(steps: Steps, airflow: Airflow, there: Any) -> None:
    """No secret in anything that Airflow has written or printed."""
    wanted = [one.client_secret.encode() for one in there.sandbox.catalogue.accounts]
    files = [path for path in airflow.home.rglob("*") if path.is_file()]
    holders = [str(path) for path in files if any(secret in path.read_bytes() for secret in wanted)]
    steps.equal(f"the accounts' secrets are in none of Airflow's {len(files)} files", holders, [])
    holders = [text[:80] for text in airflow.printed if any(secret.decode() in text for secret in wanted)]
    steps.equal(f"and in nothing that it printed in {len(airflow.printed)} calls", holders, [])
