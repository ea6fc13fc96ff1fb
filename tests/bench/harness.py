"""How the programs of the bench take turns: round after round, each workload by each program, one right after another.

So whatever the machine does meanwhile hits all of them. A run counts only once its warehouse was compared with the
source.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import programs
from bench.checking import Expected
from bench.programs import Cost, Job, Program
from bench.source_process import SourceProcess, serving
from bench.warehouses import Warehouses, opened
from bench.workloads import Workload


class WrongRows(Exception):
    """A program left other rows than the source has."""


@dataclass(frozen=True, slots=True)
class Run:
    """One measured run."""

    dialect: str
    workload: str
    program: str
    cost: Cost


def measured(
    dialects: Sequence[str], workloads: Sequence[Workload], takers: Sequence[Program], rounds: int
) -> Iterator[Run]:
    """Every run as it ends. Raises WrongRows or RuntimeError at the first that is no good."""
    with tempfile.TemporaryDirectory(prefix="kore-etl-bench-") as folder:
        for number in range(rounds):
            for dialect in dialects:
                able = [program for program in takers if dialect in program.dialects]
                with opened(dialect) as warehouses:
                    yield from Round(warehouses, able, Path(folder) / f"{number}-{dialect}").runs(workloads)


class Round:
    """Each workload once by each program, on databases of their own."""

    def __init__(self, warehouses: Warehouses, takers: Sequence[Program], folder: Path) -> None:
        self._warehouses = warehouses
        self._takers = takers
        self._folder = folder
        self._filled: dict[str, Job] = {}
        """First loads by program; W4 and W5 start from copies of what they filled."""
        self._numbers = itertools.count(1)

    def runs(self, workloads: Sequence[Workload]) -> Iterator[Run]:
        """Workloads of one size share a source, which is invented anew when one has changed it."""
        sizes = list(dict.fromkeys((workload.accounts, workload.campaigns) for workload in workloads))
        for accounts, campaigns in sizes:
            self._filled.clear()
            with serving(accounts, campaigns) as source:
                for workload in workloads:
                    if (workload.accounts, workload.campaigns) == (accounts, campaigns):
                        yield from self._workload(workload, source)

    def _workload(self, workload: Workload, source: SourceProcess) -> Iterator[Run]:
        takers = [program for program in self._takers if workload.key in program.workloads]
        if workload.again:
            for program in takers:  # before anything changes
                self._fill(program, source)
        if workload.changed:
            source.change(workload.changed)
        expected = Expected(source, source.names)
        for program in takers:
            job = self._job(program, source, again=workload.again, only_changed=bool(workload.changed))
            cost = programs.run(program, job, workload.latency_ms)
            if wrong := expected.wrong(program.tables, self._warehouses, job.warehouse):
                raise WrongRows(f"{workload.key}, {self._warehouses.dialect}, {program.name}: {wrong}.")
            yield Run(self._warehouses.dialect, workload.key, program.name, cost)
            if workload.key == "W1":
                self._filled[program.loaded_by] = job
            else:
                self._warehouses.drop(job.warehouse)

    def _fill(self, program: Program, source: SourceProcess) -> None:
        if program.loaded_by not in self._filled:
            job = self._job(program, source, again=False, only_changed=False)
            programs.run(program, job, 0.0)
            self._filled[program.loaded_by] = job

    def _job(self, program: Program, source: SourceProcess, *, again: bool, only_changed: bool) -> Job:
        folder = self._folder / str(next(self._numbers))
        if not again:
            folder.mkdir(parents=True)
            return Job(source, self._warehouses.fresh(), folder, only_changed)
        filled = self._filled[program.loaded_by]
        shutil.copytree(filled.folder, folder)
        return Job(source, self._warehouses.fresh(filled.warehouse), folder, only_changed)
