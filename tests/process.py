"""`kore-etl` as a process of its own, to be stopped, paused and killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Ended:
    """What a process left behind; `code` is negative where a signal killed it."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


def started(config: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start `kore-etl --config CONFIG --json ARGUMENTS`, with these variables besides."""
    return subprocess.Popen(
        [sys.executable, "-m", "etl", "--config", str(config), "--json", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )


def ended(process: subprocess.Popen[str], within: float = PATIENCE_SECONDS) -> Ended:
    """Wait for its end; a process that takes longer is killed, and the test fails."""
    try:
        out, err = process.communicate(timeout=within)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"It did not end within {within:g} seconds: {out}{err}") from None
    return Ended(process.returncode, out, err)


def until(happened: Callable[[], Any], what: str) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < deadline, f"It never happened: {what}."
        time.sleep(0.01)
