"""The command that is killed: the program's own entry point, forked from a process that has its modules loaded.

So a trial begins where the program begins to do something: what Python reads to start is left out, and a second of
imports is paid once and not a thousand times.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from torture import gate, wrong
from torture.gate import Decide, Ended, Watched

SECONDS = 90.0
"""No run of the story takes a tenth of it."""


@dataclass(frozen=True, slots=True)
class Done:
    """What came of one command line."""

    ended: Ended
    said: str
    """stdout and stderr, in one."""

    @property
    def code(self) -> int:
        return self.ended.code

    def complaint(self, allowed: Sequence[int]) -> list[str]:
        """What is wrong with how it ended."""
        if self.ended.hung:
            return [f"it did not end within {SECONDS:.0f} s"]
        found = [f"exit code {self.code}"] if self.code not in allowed else []
        if "Traceback" in self.said or "internal error" in self.said:
            found.append("it ended in a traceback")
        if self.code > 0 and not self.said.strip():
            found.append("it said nothing")
        return [f"{'; '.join(found)}: {self.said.strip()[-600:]}"] if found else []


@dataclass(frozen=True, slots=True)
class Command:
    """`kore-etl` with one configuration. `wrong_order`: with progress written before rows."""

    config: Path
    watched: Watched
    wrong_order: bool = False

    def __call__(self, *arguments: str, decide: Decide | None = None, kill_after: float | None = None) -> Done:
        """Run it to its end, whatever that is; behind the gate where somebody decides about its calls."""
        printed = self.config.with_name("printed")
        printed.write_text("")
        if decide is None:
            ended = gate.run_free(lambda: self._run(arguments, printed), seconds=SECONDS, kill_after=kill_after)
        else:
            ended = gate.run(lambda: self._run(arguments, printed), self.watched, decide, seconds=SECONDS)
        return Done(ended, printed.read_text(errors="replace"))

    def _run(self, arguments: Sequence[str], printed: Path) -> int:
        output = os.open(printed, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(output, 1)
        os.dup2(output, 2)
        sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False) for number in (1, 2))
        if self.wrong_order:
            wrong.install()
        code = _entry()(["--config", str(self.config), *arguments])
        sys.stdout.flush()
        sys.stderr.flush()
        return code


def _entry() -> Callable[[Sequence[str]], int]:
    from etl.cli.main import run

    return run


def warm(command: Command, folder: Path, *arguments: str) -> None:
    """Load what this command line loads, so that forks of this process need not."""
    listed = folder / "modules"

    def told() -> int:
        code = command._run(arguments, folder / "printed")
        listed.write_text("\n".join(sys.modules))
        return code

    gate.run_free(told, seconds=SECONDS)
    for name in listed.read_text().splitlines():
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
