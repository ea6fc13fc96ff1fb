"""How the figures of a bench are shown: medians side by side, ratios, and what issue 6 asks."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

from bench.harness import Run
from bench.workloads import PEAK_MB, TARGETS, Target, Workload

DATABASES = {"postgresql": "PostgreSQL", "sqlite": "SQLite"}
HEAD = f"{'':26}{'wall s':>8}{'from':>8}{'to':>8}{'CPU s':>8}{'peak MB':>9}{'requests':>10}"


def lines(runs: Sequence[Run], workloads: Sequence[Workload]) -> Iterator[str]:
    """The whole table."""
    for dialect in dict.fromkeys(run.dialect for run in runs):
        for workload in workloads:
            own = [run for run in runs if (run.dialect, run.workload) == (dialect, workload.key)]
            if own:
                yield ""
                yield f"{workload.key}  {workload.title}, to {DATABASES[dialect]}"
                yield HEAD
                yield from _costs(own)
                yield from _shows(own, TARGETS.get((dialect, workload.key), ()))


def _costs(runs: Sequence[Run]) -> Iterator[str]:
    for name in dict.fromkeys(run.program for run in runs):
        costs = [run.cost for run in runs if run.program == name]
        walls = [cost.wall_seconds for cost in costs]
        cpu = statistics.median(cost.cpu_seconds for cost in costs)
        peak = statistics.median(cost.peak_bytes for cost in costs) / 1e6
        requests = statistics.median(cost.requests for cost in costs)
        figures = f"{statistics.median(walls):8.2f}{min(walls):8.2f}{max(walls):8.2f}{cpu:8.2f}{peak:9.0f}{requests:10.0f}"
        yield f"    {name:22}{figures}"


def _shows(runs: Sequence[Run], targets: Sequence[Target]) -> Iterator[str]:
    for target in targets:
        ratio = _ratio(runs, target)
        if ratio is not None:
            yield _verdict(f"{target.slower} / {target.faster}", f"{ratio:.2f}", str(target), target.holds(ratio))
    peaks = [run.cost.peak_bytes / 1e6 for run in runs if run.program == "us"]
    if peaks:
        peak = statistics.median(peaks)
        yield _verdict("us, peak MB", f"{peak:.0f}", f"at most {PEAK_MB}", peak <= PEAK_MB)


def _verdict(what: str, figure: str, target: str, holds: bool) -> str:
    return f"      {what:20}{figure:>8}   {target:14} {'yes' if holds else 'NO'}"


def _ratio(runs: Sequence[Run], target: Target) -> float | None:
    """Of the medians; None where one of the two did not run."""
    walls = {
        name: [run.cost.wall_seconds for run in runs if run.program == name] for name in (target.slower, target.faster)
    }
    if not all(walls.values()):
        return None
    return statistics.median(walls[target.slower]) / statistics.median(walls[target.faster])
