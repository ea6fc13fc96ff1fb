"""How the harness calls Airflow, in a home of its own, and how it looks at what Airflow has noted down."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SECONDS = 600
TOLD = ("AIRFLOW", "KORE_", "PG", "OPENLINEAGE", "PYTHON")


@dataclass
class Airflow:
    """An Airflow with a metadata database of its own; `dags` is the folder of its DAG files."""

    programs: Path
    home: Path
    dags: Path
    extra: dict[str, str] = field(default_factory=dict)
    printed: list[str] = field(default_factory=list)
    """Everything that its calls have printed."""

    def environment(self, **more: str) -> dict[str, str]:
        """Ours without what would steer Airflow or the command, and what steers them here."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(TOLD)}
        return (
            kept
            | {
                "AIRFLOW_HOME": str(self.home),
                "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
                "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
                "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
                "DO_NOT_TRACK": "1",
            }
            | self.extra
            | more
        )

    def __call__(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """`airflow ARGUMENTS` to its end; stdout has stderr's lines as well."""
        done = subprocess.run(
            [self.programs / "airflow", *arguments],
            env=self.environment(**more),
            cwd=self.home,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        self.printed.append(done.stdout)
        return done

    def python(self, code: str) -> subprocess.CompletedProcess[str]:
        """Python code in Airflow's environment."""
        return subprocess.run(
            [self.programs / "python", "-c", code],
            env=self.environment(),
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """From the metadata database, SQLite here."""
        with closing(sqlite3.connect(self.home / "airflow.db")) as database:
            return database.execute(query).fetchall()

    def tested(self, dag_id: str, *arguments: str, **more: str) -> Run:
        """`airflow dags test`."""
        done = self("dags", "test", dag_id, *arguments, **more)
        run_ids = self.rows(f"SELECT run_id, state FROM dag_run WHERE dag_id = '{dag_id}' ORDER BY id DESC LIMIT 1")
        return Run(self, dag_id, *(run_ids[0] if run_ids else ("", "none")), done.stdout)


@dataclass
class Run:
    """A DAG run that has ended."""

    airflow: Airflow
    dag_id: str
    run_id: str
    state: str
    output: str

    def _of(self, table: str, columns: str) -> list[tuple[Any, ...]]:
        where = f"dag_id = '{self.dag_id}' AND run_id = '{self.run_id}'"
        return self.airflow.rows(f"SELECT {columns} FROM {table} WHERE {where} ORDER BY task_id, map_index")

    def tasks(self) -> list[tuple[str, int, str, int]]:
        """Each task: its name, its place among the mapped ones, its state, how often it was tried."""
        return self._of("task_instance", "task_id, map_index, state, try_number")

    def titles(self) -> list[str]:
        """How the mapped tasks are called."""
        return [title for (title,) in self._of("task_instance", "rendered_map_index") if title]

    def summaries(self) -> list[dict[str, Any]]:
        """What the reading tasks left in XCom."""
        found = self._of("xcom", "task_id, value")
        return [json.loads(value) for task_id, value in found if task_id == "read"]

    def assets(self) -> list[str]:
        """The addresses of the assets that got an event from it."""
        query = (
            "SELECT a.uri FROM asset_event e JOIN asset a ON a.id = e.asset_id "
            f"WHERE e.source_dag_id = '{self.dag_id}' AND e.source_run_id = '{self.run_id}' ORDER BY a.uri"
        )
        return [uri for (uri,) in self.airflow.rows(query)]

    def said(self, pattern: str) -> list[str]:
        """The lines of its log that match."""
        return [line for line in self.output.splitlines() if re.search(pattern, line)]
