"""`python tests/browser/run.py`: the report's page in a real browser: nothing requested, nothing broken, usable by all.

Needs Python, Chromium (installed by apt-get where that is possible) and, for the accessibility check, npm. Makes a
virtual environment with playwright and this checkout as it is shipped, and starts `reader.py` in it. `--shots DIR`
keeps pictures: light, dark, phone, print. `--cache DIR` keeps the environment for the next time.
"""

# ruff: noqa: T201  a script: printing is what it is for

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent

PLAYWRIGHT = "playwright>=1.50,<2"
AXE = "axe-core@4"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def main() -> int:
    """Exit code 1 on any failure."""
    parser = argparse.ArgumentParser(description="Look at the report in headless Chromium.")
    parser.add_argument("--shots", type=Path, metavar="DIR", help="Keep pictures of the page there.")
    parser.add_argument("--page", type=Path, metavar="FILE", help="Only say how soon this page is ready.")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="Keep the virtual environment there.")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kore-etl-browser-") as passing:
        place = (chosen.cache or Path(passing)).resolve()
        browser = chromium()
        print("Installing playwright, axe-core, and this checkout ...", flush=True)
        python = installed(place / "venv", f"{ROOT}[test]", PLAYWRIGHT)
        command = [python, HERE / "reader.py", "--browser", browser, "--axe", axe(place / "axe")]
        if chosen.shots:
            command += ["--shots", chosen.shots.resolve()]
        if chosen.page:
            command += ["--page", chosen.page.resolve()]
        return subprocess.run(command, env=os.environ | {"PYTHONPATH": str(HERE.parent)}, check=False).returncode


def chromium() -> str:
    """The browser's path; Debian's package is installed where there is none and we may."""
    if (found := _which()) is None and shutil.which("apt-get") and os.geteuid() == 0:
        print("Installing Chromium ...", flush=True)
        quiet = {"stdout": subprocess.DEVNULL, "env": os.environ | {"DEBIAN_FRONTEND": "noninteractive"}}
        subprocess.run(["apt-get", "update", "-qq"], check=True, **quiet)
        packages = ["chromium", "fonts-dejavu-core", "fonts-noto-color-emoji"]
        subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages], check=True, **quiet)
        found = _which()
    if found is None:
        sys.exit("There is no Chromium: install it, or run this as root on Debian.")
    return found


def _which() -> str | None:
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def installed(folder: Path, *packages: str) -> Path:
    """A virtual environment with these packages; its Python."""
    if not folder.exists():
        venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
    return python


def axe(folder: Path) -> Path:
    """The accessibility checker's script, from the npm registry."""
    script = folder / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", folder, AXE], check=True)
    return script


if __name__ == "__main__":
    sys.exit(main())
