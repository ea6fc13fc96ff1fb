"""`python tests/bench/growth.py`: how our time per row and our memory grow with the number of campaigns.

Needs only Python, on Linux. As many campaigns in 20 accounts and in one, no latency; a first load, then a night on
which nothing changed and everything is read again (`full_sweep_rows` above the accounts' size). Each run's rows are
compared with the source.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import environments

if TYPE_CHECKING:
    from bench.programs import Cost, Job
    from bench.source_process import SourceProcess
    from bench.warehouses import Warehouses

ACCOUNTS = (20, 1)
SIZES = (10_000, 50_000, 100_000, 1_000_000)
TITLES = ("first load", "night")
COMPARED_AT_ONCE = 10_000
"""Campaigns."""
USUAL = 50_000
"""The size that peaks of memory are set beside: the other benches' size."""
GROWTH = 1.2
"""How much more a row and the peak may cost at another size, by issue 6."""
SMALL, RUNS_OF_SMALL = 20_000, 7
"""What has fewer campaigns takes hardly longer than the start: it is run more often."""

HEAD = """\
                           s per               of the rows alone
   campaigns       wall s  1,000  ratio  CPU s  s per 1,000  ratio   CPU ms  ratio  peak MB  ratio"""
NOTE = """
Medians. "Of the rows alone": beyond what the same command takes for the same accounts with one campaign each, in the
line above; seconds and processor milliseconds of ours for 1,000 campaigns. Ratios of time to the smallest size, of
peaks to {usual:,} campaigns (the smallest where that is not run)."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The medians of some runs of the same work."""

    wall: float
    cpu: float
    peak_mb: float

    @classmethod
    def of(cls, costs: Sequence[Cost]) -> Figures:
        return cls(
            statistics.median(cost.wall_seconds for cost in costs),
            statistics.median(cost.cpu_seconds for cost in costs),
            statistics.median(cost.peak_bytes for cost in costs) / 1e6,
        )


@dataclass(frozen=True, slots=True)
class Line:
    """What a size costs."""

    campaigns: int
    whole: float
    """Seconds for 1,000 campaigns."""
    alone: float
    """The same, of the rows alone."""
    alone_cpu: float
    """Processor milliseconds for 1,000 campaigns, of the rows alone."""
    figures: Figures

    def text(self, first: Line, usual: Line) -> str:
        return (
            f"{self.campaigns:12,}{self.figures.wall:13.2f}{self.whole:7.4f}{self.whole / first.whole:7.2f}"
            f"{self.figures.cpu:7.2f}{self.alone:13.4f}{self.alone / first.alone:7.2f}"
            f"{self.alone_cpu:9.1f}{self.alone_cpu / first.alone_cpu:7.2f}"
            f"{self.figures.peak_mb:9.0f}{self.figures.peak_mb / usual.figures.peak_mb:7.2f}"
        )


def main() -> int:
    """Exit code 1 where a run fails or leaves other rows than the source has."""
    chosen = arguments()
    environments.enter(chosen.envs)
    kore_etl = environments.command(chosen.kore_etl)
    for dialect in chosen.to:
        for accounts in chosen.accounts:
            grow(dialect, accounts, chosen.sizes, kore_etl, chosen.runs)
    print(NOTE.format(usual=USUAL))
    return 0


def arguments() -> argparse.Namespace:
    """What is to be run."""

    def numbers(text: str) -> list[int]:
        return [int(number) for number in text.split(",")]

    parser = argparse.ArgumentParser(description="Time per row and memory of kore-etl as campaigns grow.")
    parser.add_argument("--sizes", type=numbers, default=SIZES, metavar=",".join(map(str, SIZES)))
    parser.add_argument("--accounts", type=numbers, default=ACCOUNTS, metavar=",".join(map(str, ACCOUNTS)))
    parser.add_argument("--to", type=lambda text: text.split(","), default=["postgresql"], metavar="postgresql,sqlite")
    parser.add_argument("--runs", type=int, default=3, help=f"Medians of so many, of {RUNS_OF_SMALL} below {SMALL:,}.")
    parser.add_argument("--envs", type=Path, default=environments.USUAL, metavar="DIR", help="Keep environments there.")
    parser.add_argument("--kore-etl", type=Path, metavar="COMMAND", help="Measure this one.")
    return parser.parse_args()


def grow(dialect: str, accounts: int, sizes: Sequence[int], kore_etl: Path, runs: int) -> None:
    """Print a table for each title, line by line as it is known."""
    starts = measured(dialect, accounts, 1, kore_etl, runs)
    print(f"\n{dialect}, {accounts} account{'s' * (accounts > 1)}", flush=True)
    lines: dict[str, list[Line]] = {title: [] for title in TITLES}
    for title, start in starts.items():
        print(f"{title}, one campaign each: {start.wall:.2f} s, CPU {start.cpu:.2f} s, peak {start.peak_mb:.0f} MB")
    for campaigns in sizes:
        for title, figures in measured(dialect, accounts, campaigns // accounts, kore_etl, runs).items():
            lines[title].append(line(campaigns, figures, starts[title]))
        print(f"{campaigns:,} done", file=sys.stderr, flush=True)
    for title, own in lines.items():
        usual = next((one for one in own if one.campaigns == USUAL), own[0])
        print(f"{title}\n{HEAD}")
        print("\n".join(one.text(own[0], usual) for one in own))
        print(verdict("a row alone", [one.alone / own[0].alone for one in own]))
        print(verdict("peak", [one.figures.peak_mb / usual.figures.peak_mb for one in own]), flush=True)


def line(campaigns: int, figures: Figures, start: Figures) -> Line:
    """A size's figures, for each 1,000 campaigns."""
    thousands = campaigns / 1000
    return Line(
        campaigns,
        figures.wall / thousands,
        (figures.wall - start.wall) / thousands,
        (figures.cpu - start.cpu) / thousands * 1000,
        figures,
    )


def verdict(what: str, ratios: Sequence[float]) -> str:
    """Whether nothing grew by more than is allowed."""
    return f"  {what}: at most {max(ratios):.2f} times, allowed {GROWTH:g}: {'yes' if max(ratios) <= GROWTH else 'NO'}"


def measured(dialect: str, accounts: int, campaigns: int, kore_etl: Path, runs: int) -> dict[str, Figures]:
    """By title, of accounts with that many campaigns each."""
    from bench.source_process import serving
    from bench.warehouses import opened

    costs: dict[str, list[Cost]] = {title: [] for title in TITLES}
    runs = max(runs, RUNS_OF_SMALL) if accounts * campaigns < SMALL else runs
    with serving(accounts, campaigns) as source, opened(dialect) as warehouses:
        for _ in range(runs):
            for title, cost in costs_of(source, warehouses, kore_etl):
                costs[title].append(cost)
    return {title: Figures.of(own) for title, own in costs.items()}


def costs_of(source: SourceProcess, warehouses: Warehouses, kore_etl: Path) -> Iterator[tuple[str, Cost]]:
    """A first load of all there is, and an unchanged night."""
    from bench import programs

    us = programs.us(kore_etl, full_sweep_rows=source.accounts * source.campaigns)
    with tempfile.TemporaryDirectory(prefix="kore-etl-bench-") as folder:
        job = programs.Job(source, warehouses.fresh(), Path(folder))
        for title in TITLES:
            cost = programs.run(us, job, 0.0)
            compare(job, warehouses)
            yield title, cost
        warehouses.drop(job.warehouse)


def compare(job: Job, warehouses: Warehouses) -> None:
    """Every row and link, some at a time, so that a million are not held at once; and that there are no others."""
    from bench import checking

    for name in job.source.names:
        for first in range(0, job.source.campaigns, COMPARED_AT_ONCE):
            places = range(first, min(first + COMPARED_AT_ONCE, job.source.campaigns))
            expected = checking.Expected(job.source, [name], places)
            if wrong := expected.wrong(checking.LIVE, warehouses, job.warehouse, expected.only_these):
                raise SystemExit(f"Account {name[0]}: {wrong}.")
    ((stored,),) = warehouses.fetch(job.warehouse, "SELECT count(*) FROM campaigns")
    if stored != job.source.accounts * job.source.campaigns:
        raise SystemExit(f"{stored} campaigns of {job.source.accounts * job.source.campaigns}.")


if __name__ == "__main__":
    sys.exit(main())
