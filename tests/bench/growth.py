"""`python tests/bench/growth.py`: how our time per row and our memory grow with the number of campaigns.

Needs only Python, on Linux. 20 accounts, no latency; a first load, then a night on which nothing changed and everything
is read again (`full_sweep_rows` above the accounts' size). Seconds for 1,000 campaigns, and the peak of memory, beside
those of the smallest size. Each run's rows are compared with the source.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import environments

if TYPE_CHECKING:
    from bench.programs import Cost, Job
    from bench.warehouses import Warehouses

ACCOUNTS = 20
SIZES = (10_000, 50_000, 100_000, 1_000_000)
HEAD = f"{'campaigns':>12}  {'':12}{'wall s':>8}{'CPU s':>8}{'s per 1,000':>13}{'ratio':>7}{'peak MB':>9}{'ratio':>7}"


def main() -> int:
    """Exit code 1 where a run fails or leaves other rows than the source has."""
    chosen = arguments()
    environments.enter(chosen.envs)
    kore_etl = environments.command(chosen.kore_etl)
    for dialect in chosen.to:
        print(f"\n{dialect}, {ACCOUNTS} accounts\n{HEAD}", flush=True)
        first: dict[str, tuple[float, float]] = {}
        for campaigns in chosen.sizes:
            for title, cost in runs(dialect, campaigns, kore_etl):
                each, peak = cost.wall_seconds / campaigns * 1000, cost.peak_bytes / 1e6
                smallest = first.setdefault(title, (each, peak))
                figures = f"{cost.wall_seconds:8.2f}{cost.cpu_seconds:8.2f}{each:13.4f}{each / smallest[0]:7.2f}"
                print(f"{campaigns:12,}  {title:12}{figures}{peak:9.0f}{peak / smallest[1]:7.2f}", flush=True)
    return 0


def arguments() -> argparse.Namespace:
    """What is to be run."""

    def numbers(text: str) -> list[int]:
        return [int(number) for number in text.split(",")]

    parser = argparse.ArgumentParser(description="Time per row and memory of kore-etl as campaigns grow.")
    parser.add_argument("--sizes", type=numbers, default=SIZES, metavar=",".join(map(str, SIZES)))
    parser.add_argument("--to", type=lambda text: text.split(","), default=["postgresql"], metavar="postgresql,sqlite")
    parser.add_argument("--envs", type=Path, default=environments.USUAL, metavar="DIR", help="Keep environments there.")
    parser.add_argument("--kore-etl", type=Path, metavar="COMMAND", help="Measure this one.")
    return parser.parse_args()


def runs(dialect: str, campaigns: int, kore_etl: Path) -> Iterator[tuple[str, Cost]]:
    """A first load and an unchanged night of that many campaigns in all."""
    from bench import programs
    from bench.source_process import serving
    from bench.warehouses import opened

    us = programs.us(kore_etl, full_sweep_rows=campaigns)
    with (
        tempfile.TemporaryDirectory(prefix="kore-etl-bench-") as folder,
        serving(ACCOUNTS, campaigns // ACCOUNTS) as source,
        opened(dialect) as warehouses,
    ):
        job = programs.Job(source, warehouses.fresh(), Path(folder))
        for title in ("first load", "night"):
            cost = programs.run(us, job, 0.0)
            compare(job, warehouses)
            yield title, cost


def compare(job: Job, warehouses: Warehouses) -> None:
    """Account by account, so that a million rows are not held at once."""
    from bench import checking

    for name in job.source.names:
        expected = checking.Expected(job.source, [name])
        if wrong := expected.wrong(checking.LIVE, warehouses, job.warehouse, f" AND account_id = '{name[0]}'"):
            raise SystemExit(f"Account {name[0]}: {wrong}.")


if __name__ == "__main__":
    sys.exit(main())
