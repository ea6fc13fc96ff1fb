"""How the figures of a bench are shown: medians side by side, ratios, and what issue 6 asks."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

from bench.harness import Run
from bench.workloads import PEAK_MB, TARGETS, Target, Workload

DATABASES = {"postgresql": "PostgreSQL", "sqlite": "SQLite"}
HEAD = f"{'':26}{'wall s':>8}{'from':>8}{'to':>8}{'CPU s':>8}{'peak MB':>9}{'requests':>10}"


def lines(runs: Sequence[Run], workloads: Sequence[Workload], *, targets: bool) -> Iterator[str]:
    """The whole table; `targets` hold for the full size only."""
    for dialect in dict.fromkeys(run.dialect for run in runs):
        for workload in workloads:
            own = [run for run in runs if (run.dialect, run.workload) == (dialect, workload.key)]
            if own:
                yield ""
                yield f"{workload.key}  {workload.title}, to {DATABASES[dialect]}"
                yield HEAD
                yield from _costs(own)
                if targets:
                    yield from _shows(own, TARGETS.get((dialect, workload.key), ()))


def _costs(runs: Sequence[Run]) -> Iterator[str]:
    walls, cpus, peaks, requests = (
        _medians(runs, figure) for figure in ("wall_seconds", "cpu_seconds", "peak_bytes", "requests")
    )
    for name, wall in walls.items():
        every = [run.cost.wall_seconds for run in runs if run.program == name]
        spread = f"{wall:8.2f}{min(every):8.2f}{max(every):8.2f}"
        yield f"    {name:22}{spread}{cpus[name]:8.2f}{peaks[name] / 1e6:9.0f}{requests[name]:10.0f}"


def _shows(runs: Sequence[Run], targets: Sequence[Target]) -> Iterator[str]:
    walls, cpus = _medians(runs, "wall_seconds"), _medians(runs, "cpu_seconds")
    for target in targets:
        if target.slower in walls and target.faster in walls:
            ratio = walls[target.slower] / walls[target.faster]
            cpu = f"CPU {cpus[target.slower] / cpus[target.faster]:.2f}"
            yield _verdict(f"{target.slower} / {target.faster}", f"{ratio:.2f}", str(target), target.holds(ratio), cpu)
    if "us" in walls:
        peak = _medians(runs, "peak_bytes")["us"] / 1e6
        yield _verdict("us, peak MB", f"{peak:.0f}", f"at most {PEAK_MB}", peak <= PEAK_MB, "")


def _verdict(what: str, figure: str, target: str, holds: bool, besides: str) -> str:
    return f"      {what:20}{figure:>8}   {target:14} {'yes' if holds else 'NO':6}{besides}".rstrip()


def _medians(runs: Sequence[Run], figure: str) -> dict[str, float]:
    """By program."""
    names = dict.fromkeys(run.program for run in runs)
    return {name: statistics.median(getattr(run.cost, figure) for run in runs if run.program == name) for name in names}
