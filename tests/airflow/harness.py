"""What the real Airflow is asked to do, part by part. Started by `run.py`; each step is one line."""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
from fleet import fleet
from lineage import lineage
from night import midnight, served
from place import HERE, Airflow
from postgres import Server, running
from steps import Steps
from trials import trials

from etl.cli.sandbox import write_config
from etl.sandbox.app import Sandbox
from etl.sandbox.catalogue import build_catalogue

ROOT = HERE.parent.parent
OURS = Path(sys.executable).parent
PARSE_SECONDS = 0.2

NEEDED = ("pyrate-limiter", "asyncpg")
"""What the command needs and Airflow does not."""


@dataclass
class Ground:
    """A sandbox with two accounts, a warehouse, and a configuration for both."""

    sandbox: Sandbox
    config: Path
    warehouse: str

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """From the warehouse."""

        async def ask() -> list[tuple[Any, ...]]:
            connection = await asyncpg.connect(self.warehouse)
            try:
                return [tuple(row) for row in await connection.fetch(sql)]
            finally:
                await connection.close()

        return asyncio.run(ask())


@contextmanager
def ground(folder: Path, server: Server, name: str, settings: str = "") -> Iterator[Ground]:
    """Fresh ground: the warehouse is an empty database of that name."""
    create(server, name)
    catalogue = build_catalogue(accounts=2, campaigns=60, now=midnight())
    with served(catalogue) as sandbox:
        config = write_config(folder / name, sandbox.url, catalogue.accounts, server.url(name))
        config.write_text(config.read_text().replace("[api]", f"[api]\n{settings}"))
        yield Ground(sandbox, config, server.url(name))


def create(server: Server, name: str) -> None:
    """An empty database."""

    async def ask() -> None:
        connection = await asyncpg.connect(server.url("postgres"))
        await connection.execute(f'CREATE DATABASE "{name}"')
        await connection.close()

    asyncio.run(ask())


def readme_dags(folder: Path) -> Path:
    """The README's DAG file, word for word, in a folder of its own; beside it the ones that only the tests run."""
    folder.mkdir()
    text = re.search(r"<!-- run: dags -->\n```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert text is not None, "the README has no DAG file"
    (folder / "kore.py").write_text(text.group(1))
    (folder / "trials.py").write_text((HERE / "dags" / "trials.py").read_text())
    return folder


def parse(steps: Steps, airflow: Airflow) -> None:
    """How long the DAG file takes beyond what Airflow itself needs for a DAG like it, in a process of its own."""
    code = f"""
import time
from airflow.sdk import DAG, Asset, AssetAlias, BaseOperator, Connection, Param
from airflow.sdk.configuration import conf
import runpy
began = time.process_time()
runpy.run_path({str(airflow.dags / "kore.py")!r})
print(time.process_time() - began)
"""
    seconds = sorted(float(airflow.python(code).stdout) for _ in range(3))
    steps.check(
        f"the README's DAG file takes {seconds[1] * 1000:.0f} ms of processor beyond Airflow's own import "
        f"({', '.join(f'{one * 1000:.0f}' for one in seconds)})",
        holds=seconds[1] < PARSE_SECONDS,
    )


def apart(steps: Steps, airflow: Airflow, there: Ground) -> None:
    """Airflow's environment has the tool's files and not what they need; the command has an environment of its own."""
    pip = [airflow.programs / "python", "-m", "pip", "--quiet"]
    subprocess.run([*pip, "uninstall", "--yes", *NEEDED], check=True)
    missing = airflow.python("import etl.bootstrap").stderr
    steps.check("Airflow's environment cannot run the command itself", holds="No module named" in missing)
    settings = {"KORE_ETL_CONFIG": str(there.config), "TRIAL_COMMAND": str(OURS / "kore-etl")}
    green(steps, "an environment apart", airflow.tested("apart_sync", **settings), there)
    subprocess.run([*pip, "install", *NEEDED], check=True)


def shared(steps: Steps, airflow: Airflow, there: Ground) -> None:
    """The README's DAGs, the command in Airflow's own environment."""
    versions = "from importlib.metadata import version; print(version('apache-airflow'), version('sqlalchemy'))"
    ours, theirs = airflow.python(versions).stdout.split()
    settings = {"KORE_ETL_CONFIG": str(there.config)}
    where = f"in the environment of Airflow {ours} (SQLAlchemy {theirs})"
    green(steps, where, airflow.tested("kore_campaign_sync", **settings), there)
    before = there.query("SELECT count(*) FROM sync_windows WHERE reason = 'backfill'")
    asked = json.dumps({"start": "2020-01-01", "end": "2026-01-01", "accounts": [account(there, 1)]})
    run = airflow.tested("kore_campaign_backfill", "--conf", asked, **settings)
    steps.check(f"dags test kore_campaign_backfill: {run.state}", holds=run.state == "success", otherwise=run.output)
    found = there.query(
        "SELECT DISTINCT account_id, window_start::date::text, window_end::date::text, state "
        "FROM sync_windows WHERE reason = 'backfill'"
    )
    wanted = [(account(there, 1), "2020-01-01", "2026-01-01", "proven")]
    steps.equal("it read that interval of that account and no other, proven", (before, found), ([(0,)], wanted))
    steps.equal("and only that account's asset got an event", run.assets(), [address(account(there, 1))])


def green(steps: Steps, where: str, run: Any, there: Ground) -> None:
    """A nightly run with everything as it should be."""
    steps.check(f"dags test {run.dag_id}, {where}: {run.state}", holds=run.state == "success", otherwise=run.output)
    names = [one.name for one in there.sandbox.catalogue.accounts]
    steps.equal("a task for each account, called by its name", sorted(run.titles()), sorted(names))
    seen = [(one["verdict"], one["proven"], one["seen"], one["exit_code"]) for one in run.summaries()]
    steps.equal("each left its summary in XCom", seen, [("complete", 2, 120, 0)] * 2)
    events = [address(account(there, number)) for number in (0, 1)]
    steps.equal("each account's asset got one event", run.assets(), sorted(events))
    said = run.said("No data interval, or one without width: reading what is due")
    steps.equal("the log says that there is no data interval", len(said), 2)
    steps.equal("everything is in the warehouse", there.query("SELECT count(*) FROM live_campaigns"), [(240,)])


def account(there: Ground, number: int) -> str:
    return there.sandbox.catalogue.accounts[number].account_id


def address(account_id: str) -> str:
    return f"kore-etl://accounts/{account_id}"


def main(programs: Path, parts: list[str], accounts: int) -> int:
    """Exit code 1 if anything did not hold."""
    began, steps = time.monotonic(), Steps()
    with tempfile.TemporaryDirectory(prefix="kore-etl-airflow-") as name, running() as server:
        folder = Path(name)
        airflow = Airflow(programs, folder / "home", readme_dags(folder / "dags"))
        airflow.home.mkdir()
        if set(parts) & {"dags", "apart", "trials"}:
            migrated = airflow("db", "migrate")
            steps.check("airflow db migrate", holds=migrated.returncode == 0, otherwise=migrated.stdout)
        if "dags" in parts:
            parse(steps, airflow)
            with ground(folder, server, "shared") as there:
                shared(steps, airflow, there)
        if "apart" in parts:
            with ground(folder, server, "apart") as there:
                apart(steps, airflow, there)
        if "trials" in parts:
            with ground(folder, server, "trials", "max_attempts = 1\n") as there:
                trials(steps, airflow, there, folder, lambda database: create(server, database))
        if "lineage" in parts:
            with ground(folder, server, "lineage") as there:
                lineage(steps, there, folder)
    if "fleet" in parts:
        fleet(steps, programs, accounts)
    print(f"\nAirflow, {time.monotonic() - began:.0f} s:")
    print(f"{steps.passed} passed, {steps.failed} failed")
    return 1 if steps.failed else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--airflow", type=Path, required=True)
    parser.add_argument("--accounts", type=int, default=200)
    parser.add_argument("parts", nargs="+", choices=("dags", "apart", "lineage", "trials", "fleet"))
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    sys.exit(main(chosen.airflow, chosen.parts, chosen.accounts))
