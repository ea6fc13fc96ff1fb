"""`python tests/pictures/run.py`: takes the README's pictures anew: a terminal with the demo, and the report's page.

Needs Python and Chromium (installed by apt-get where that is possible). Makes a virtual environment with a terminal
emulator, playwright and this checkout, and starts `camera.py` in it. `--to DIR` puts the pictures elsewhere, `--cache
DIR` keeps the environment for the next time.
"""

# ruff: noqa: T201  a script: printing is what it is for

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from browser.run import PLAYWRIGHT, chromium, installed

TESTS = Path(__file__).resolve().parent.parent
ROOT = TESTS.parent
TERMINAL = "pyte>=0.8.2,<1"
LARGEST = 150_000
"""Bytes of one picture."""

NIGHTS = 42


def main() -> int:
    """Exit code 1 where a picture could not be taken, or is too large to be carried about."""
    parser = argparse.ArgumentParser(description="Take the README's pictures.")
    parser.add_argument("--to", type=Path, metavar="DIR", default=ROOT / ".pictures", help="Put them there.")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="Keep the virtual environment there.")
    parser.add_argument("--nights", type=int, default=NIGHTS, metavar="N", help="Nights before the report's morning.")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kore-etl-camera-") as passing:
        place = (chosen.cache or Path(passing)).resolve()
        browser = chromium()
        print("Installing playwright, a terminal emulator, and this checkout ...", flush=True)
        python = installed(place / "venv", f"{ROOT}[test]", PLAYWRIGHT, TERMINAL)
        command = [python, TESTS / "pictures" / "camera.py", "--browser", browser, "--to", chosen.to.resolve()]
        command += ["--nights", str(chosen.nights)]
        code = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(TESTS)}, check=False).returncode
    sizes = {path.name: path.stat().st_size for path in sorted(chosen.to.glob("*.*"))}
    print("\n".join(f"{name}: {size / 1000:.0f} kB" for name, size in sizes.items()))
    return code or int(max(sizes.values()) > LARGEST)


if __name__ == "__main__":
    sys.exit(main())
