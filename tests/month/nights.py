"""The real command on calendar nights that a test chooses: one clock for program and sandbox, a real socket between."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from night import merged, served

from etl.cli.main import run
from etl.cli.sandbox import write_config
from etl.sandbox.app import Sandbox
from etl.sandbox.catalogue import Catalogue

_FAST = "[api]\nbackoff_seconds = 0.01\nmax_attempts = 2\n"


@dataclass(slots=True)
class Clock:
    """Stands where it is put; with a `tick`, moves on by it whenever the program looks."""

    now: datetime
    tick: timedelta = timedelta()

    def look(self) -> datetime:
        now, self.now = self.now, self.now + self.tick
        return now


@dataclass(frozen=True, slots=True)
class Nights:
    """A served catalogue, and the command with a configuration for it."""

    sandbox: Sandbox
    clock: Clock
    config: Path

    def kore_etl(self, *arguments: str) -> Any:
        """The document that `kore-etl --json` prints; its exit code must be the command's."""
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()):
            code = run(["--config", str(self.config), "--json", *arguments])
        document = json.loads(out.getvalue())
        assert document["exit_code"] == code
        return document


@contextmanager
def nights(catalogue: Catalogue, warehouse_url: str, folder: Path, clock: Clock) -> Iterator[Nights]:
    """The catalogue on a socket; runs of the command read it into the warehouse while the clock says what it says."""
    with (
        pytest.MonkeyPatch.context() as patch,
        served(catalogue, clock=lambda: clock.now) as sandbox,
    ):
        patch.setattr("etl.bootstrap.utc_now", clock.look)
        config = write_config(folder, sandbox.url, catalogue.accounts, warehouse_url)
        config.write_text(merged(config.read_text(), _FAST))
        yield Nights(sandbox, clock, config)
