"""How Airflow calls the command: words, environment, batches, what an exit code asks of a task. No Airflow needed."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

import pytest

from etl import airflow_call as call
from etl.cli.main import EPILOG

DAY = datetime(2026, 3, 1, tzinfo=UTC)
ACCOUNTS = [{"account_id": f"a{number}", "name": f"Account {number}"} for number in (1, 2, 2, 3)]


def test_without_an_interval_the_nightly_run_is_called() -> None:
    """And goes on where the DAG run began."""
    assert call.reading(["a1"], None, resume_from=DAY) == [
        *("sync", "--resume-from", "2026-03-01T00:00:00+00:00", "--account", "a1")
    ]
    assert call.reading(["a1", "a2"], None, accept_deletions=True, wait_seconds=600) == [
        *("sync", "--accept-deletions", "--wait", "600", "--account", "a1", "--account", "a2")
    ]


def test_an_interval_is_a_backfill() -> None:
    """Its end is exclusive for both."""
    interval = call.interval_of("2026-03-01", "2026-03-02 00:00:00+02:00")
    assert call.reading(["a1"], interval, only_gaps=True) == [
        *("backfill", "--start", "2026-03-01T00:00:00+00:00", "--end", "2026-03-01T22:00:00+00:00"),
        *("--only-gaps", "--account", "a1"),
    ]


@pytest.mark.parametrize(("start", "end"), [("", ""), ("2026-03-01", ""), ("2026-03-01T02:15Z", "2026-03-01T02:15Z")])
def test_an_interval_without_width_is_none(start: str, end: str) -> None:
    """As cron schedules have it since Airflow 3."""
    assert call.interval_of(start, end) is None


def test_where_the_command_is() -> None:
    """Beside the Python that runs the task, or where the DAG's author says."""
    assert call.words(None, None, "accounts") == [sys.executable, "-m", "etl", "--json", "accounts"]
    assert call.words("/opt/kore/bin/kore-etl", "c.toml", "gaps") == [
        *("/opt/kore/bin/kore-etl", "--config", "c.toml", "--json", "gaps")
    ]
    assert call.words(["uv", "run", "kore-etl"], None)[:3] == ["uv", "run", "kore-etl"]


def test_the_connections_reach_the_command_in_its_environment_and_airflows_settings_do_not() -> None:
    """Secrets are in no word of the command line; what a connection leaves empty is the configuration's."""
    fields = {"host": "platform.kore.ai", "port": None, "schema": "", "login": "cs-1", "password": "canary"}
    extra = {"api": {"page_size": 50}, "accounts": [{"account_id": "a1"}], "sync": {"history_start": "2024-01-01"}}
    base = {"PATH": "/bin", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "canary", "AIRFLOW_CONN_X": "canary"}
    assert call.environment(base, fields | {"extra": extra}, "postgresql://u:p@h/d") == {
        "PATH": "/bin",
        "KORE_ETL_API__HOST": "platform.kore.ai",
        "KORE_ETL_AUTH__CLIENT_ID": "cs-1",
        "KORE_ETL_AUTH__CLIENT_SECRET": "canary",
        "KORE_ETL_WAREHOUSE__URL": "postgresql://u:p@h/d",
        "KORE_ETL_API__PAGE_SIZE": "50",
        "KORE_ETL_ACCOUNTS": '[{"account_id": "a1"}]',
        "KORE_ETL_SYNC__HISTORY_START": "2024-01-01",
    }
    assert call.environment(base, {}, None) == {"PATH": "/bin"}
    local = call.environment({}, {"host": "127.0.0.1", "port": 8700, "schema": "http"}, None)
    assert local == {"KORE_ETL_API__HOST": "http://127.0.0.1:8700"}


def test_secrets_are_masked_in_what_the_command_prints() -> None:
    """Whatever a command prints: the Client Secret, and the database's password as it is written and as it is meant."""
    given = call.environment({}, {"password": "canary-1"}, "postgresql://me:c%40nary@host:5432/db")
    secrets = call.secrets_of(given)
    assert call.masked("a canary-1, a c%40nary and a c@nary", secrets) == "a ***, a *** and a ***"
    assert call.masked("postgresql://me@host/db", call.secrets_of({})) == "postgresql://me@host/db"
    assert call.secrets_of({"KORE_ETL_WAREHOUSE__URL": "postgresql://me@host/db"}) == []


def test_a_task_for_each_account_however_many_apps_it_has() -> None:
    """The apps of an account share its lease; more accounts than Airflow maps go several to a task."""
    assert call.batches(ACCOUNTS, 1, 1024) == [
        {"accounts": [f"a{number}"], "title": f"Account {number}"} for number in (1, 2, 3)
    ]
    assert call.batches(ACCOUNTS, 1, 2) == [
        {"accounts": ["a1", "a2"], "title": "Account 1 and 1 more"},
        {"accounts": ["a3"], "title": "Account 3"},
    ]


def test_every_exit_code_of_the_command_is_one_to_give_up_on_or_to_try_again() -> None:
    """The list in `kore-etl --help`, success aside."""
    told = {
        int(word) for line in EPILOG.splitlines() for word in line.strip().split("  ")[0].split(", ") if word.isdigit()
    }
    assert set(call.FINAL) | set(call.AGAIN) == told - {0}
    assert not set(call.FINAL) & set(call.AGAIN)


def test_a_failed_task_says_what_the_command_said() -> None:
    """Once, in its own words; a killed command left none."""
    told = {"scopes": [{"error": "No answer."}, {"error": "No answer."}, {"error": None}]}
    assert call.complaint("sync", 1, told) == (
        "kore-etl sync ended with exit code 1: something is not proven yet. No answer."
    )
    assert call.complaint("sync", 2, {"errors": ["Bad."]}).endswith("usage or configuration. Bad.")
    assert call.complaint("sync", -9, call.document("")) == "kore-etl sync was killed by signal 9."


def test_a_dag_file_loads_nothing_before_a_factory_is_called() -> None:
    """Airflow parses DAG files every few seconds."""
    code = (
        "import sys; import etl.airflow_dag; print(sorted(m for m in sys.modules if m.startswith(('etl', 'airflow'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['etl', 'etl.airflow_dag']"
