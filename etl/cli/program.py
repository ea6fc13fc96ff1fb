"""How this program was called, so that a hint can be pasted into the same shell."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path


def program(called: str | None = None) -> str:
    """`kore-etl` where the shell finds it by that name, else its path, or `python -m etl`."""
    path = sys.argv[0] if called is None else called
    if Path(path).name == "__main__.py":
        return "python -m etl"
    if Path(path).name != "kore-etl" or _same(path, shutil.which("kore-etl")):
        return "kore-etl"
    return shlex.quote(path if not Path(path).is_absolute() else _shorter(Path(path)))


def _same(path: str, other: str | None) -> bool:
    return other is not None and Path(path).absolute() == Path(other).absolute()


def _shorter(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
