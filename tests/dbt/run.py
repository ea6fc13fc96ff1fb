"""`python tests/dbt/run.py`: a real dbt shows that the package which `kore-etl dbt-init` writes runs and sees faults.

Needs only Python. Makes two virtual environments, one with dbt, one with this checkout as it is shipped, and starts
`analyst.py` in the second. `--cache DIR` keeps the environments for the next time.
"""

# ruff: noqa: T201  a script: printing is what it is for

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent

DBT = ("dbt-core>=1.10.8,<1.12", "dbt-postgres>=1.9,<2")
"""What the package's README names. From 1.12 on dbt-core fetches a part of itself from elsewhere as it is installed."""


def main() -> int:
    """Exit code 1 on any failure."""
    parser = argparse.ArgumentParser(description="Run the dbt package against a real PostgreSQL.")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="Keep the virtual environments there.")
    parser.add_argument(
        "--dbt-core", metavar="SPEC", default=DBT[0], help="Which dbt-core, such as 'dbt-core==1.10.8'."
    )
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kore-etl-dbt-") as passing:
        place = (chosen.cache or Path(passing)).resolve()
        print("Installing dbt, and this checkout ...", flush=True)
        dbt = installed(place / "dbt", chosen.dbt_core, DBT[1])
        ours = installed(place / "kore-etl", f"{ROOT}[test]")
        command = [ours / "python", HERE / "analyst.py", "--dbt", dbt / "dbt"]
        return subprocess.run(command, env=os.environ | {"PYTHONPATH": str(HERE.parent)}, check=False).returncode


def installed(folder: Path, *packages: str) -> Path:
    """A virtual environment with these packages; the folder of its programs."""
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    if not programs.exists():
        venv.create(folder, with_pip=True)
    subprocess.run([programs / "python", "-m", "pip", "install", "--quiet", *packages], check=True)
    return programs


if __name__ == "__main__":
    sys.exit(main())
