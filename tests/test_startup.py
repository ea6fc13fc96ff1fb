"""What a night does not pay for: modules it has no use for, and searches for garbage where there is none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from night import night

PROGRAM = """
import gc, json, sys
from etl.__main__ import main
before = gc.get_stats()[0]["collections"]
try:
    main()
except SystemExit as ended:
    left = len(gc.get_objects())
    collections = gc.get_stats()[0]["collections"] - before
    print(json.dumps([ended.code, sorted(sys.modules), collections, gc.isenabled(), left]))
"""
NOT_NEEDED = {
    "alembic": "migrates older databases",
    "pydantic_settings": "reads variables",
    "structlog": "writes log lines",
    "rich": "draws tables and progress",
    "jinja2": "makes the report's page",
    "prometheus_client": "writes metrics",
    "aiosqlite": "talks to the other database",
    "pyrate_limiter": "holds a limit",
    "etl.figures": "is the report's",
    "etl.warehouse.life": "is explain's",
    "etl.sandbox": "is the demo's",
}


def test_a_first_quiet_night_loads_what_it_uses_and_looks_for_no_garbage_in_modules(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], empty_postgres_url: str
) -> None:
    """From an empty PostgreSQL, with the configuration in a file. The search is on in the run, and off at the end."""
    with night(tmp_path, capsys, empty_postgres_url, accounts=1, campaigns=5) as (_, kore_etl):
        command = [sys.executable, "-c", PROGRAM, "--config", str(kore_etl.config), "--quiet", "sync"]
        without_settings = {name: text for name, text in os.environ.items() if not name.startswith("KORE_ETL_")}
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=without_settings)
    code, modules, collections, is_on, left = json.loads(done.stdout)
    assert (code, done.stderr) == (0, "")
    assert {"etl.warehouse.loader", "asyncpg"} <= set(modules)
    assert NOT_NEEDED.keys() & set(modules) == set()
    assert (collections, is_on) == (0, True)
    assert left < 1_000


def test_a_verb_that_asks_the_warehouse_alone_loads_nothing_that_talks_http(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It takes a fifth of the time that a verb takes to start."""
    with night(tmp_path, capsys, f"sqlite:///{tmp_path}/w.db", accounts=1, campaigns=5) as (_, kore_etl):
        assert kore_etl("sync")[0] == 0
        for verb in ("plan", "status", "gaps"):
            command = [sys.executable, "-c", PROGRAM, "--config", str(kore_etl.config), "--json", verb]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            code, modules, *_ = json.loads(done.stdout.splitlines()[-1])
            assert (code, "aiohttp" in modules, "etl.warehouse.warehouse" in modules) == (0, False, True)
