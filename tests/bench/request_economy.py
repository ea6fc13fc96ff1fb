"""`python tests/bench/request_economy.py`: what a night costs in requests, against a full read, as accounts grow.

Needs only Python, on Linux. One account of each size, whose first load is the full read that everything is measured by.
Then, for each number of changes, some nights: source and program are set a day ahead, so many campaigns of any age
change within the 20 hours before, `plan` says what `sync` will ask, `sync` runs, and the changed campaigns are compared
with the source, field by field. Once all nights are over, so is everything else.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import environments

if TYPE_CHECKING:
    from bench.programs import Cost, Job
    from bench.warehouses import Warehouses

LATER = Path(__file__).resolve().parent / "later.py"
SIZES = (500, 5_000, 50_000, 500_000)
CHANGES = (0, 50, 500)
A_MINUTE = 50
"""Requests, by default."""
HOURS = 20.0
"""Changes happen within so many hours before a night."""
COMPARED_AT_ONCE = 10_000
"""Campaigns."""

HEAD = """\
 campaigns     changes  requests  of a full  minutes at  plan had    changed,  seconds
               a night   a night       read   50/minute      said   and right     here"""
NOTE = """
All settings as they come, but for the pace (this machine's, not 50 a minute) and max_in_flight. A first load is the
full read: its requests are those of reading everything once, proofs included. "changed, and right": campaigns changed
before the nights that were in the warehouse as the source had them after their night. Below each account: whether
every row and link was, once all its nights were over."""


@dataclass(frozen=True, slots=True)
class Night:
    """What one night cost, and what `plan` had said."""

    cost: Cost
    planned: int
    changed: int


def main() -> int:
    """Exit code 1 where a run fails, or leaves what it should have brought."""
    chosen = arguments()
    environments.enter(chosen.envs)
    for dialect in chosen.to:
        print(f"\n{dialect}, medians of {chosen.nights} nights\n{HEAD}", flush=True)
        for campaigns in chosen.sizes:
            with opened(dialect, campaigns) as account:
                full = account.first_load()
                print(row(campaigns, "first load", [Night(full, 0, 0)], full), flush=True)
                for changes in (one for one in chosen.changes if one <= campaigns):
                    nights = [account.night(changes) for _ in range(chosen.nights)]
                    print(row(campaigns, f"{changes:,}", nights, full), flush=True)
                account.compare()
                print(f"{'':12}all {campaigns:,} campaigns and their links as the source has them", flush=True)
    print(NOTE)
    return 0


def arguments() -> argparse.Namespace:
    """What is to be run."""

    def numbers(text: str) -> tuple[int, ...]:
        return tuple(int(number) for number in text.split(","))

    parser = argparse.ArgumentParser(description="Requests of kore-etl's nights, against a full read.")
    parser.add_argument("--sizes", type=numbers, default=SIZES, metavar=",".join(map(str, SIZES)))
    parser.add_argument("--changes", type=numbers, default=CHANGES, metavar=",".join(map(str, CHANGES)))
    parser.add_argument("--nights", type=int, default=3, metavar="3", help="With each number of changes.")
    parser.add_argument("--to", type=lambda text: text.split(","), default=["sqlite"], metavar="sqlite,postgresql")
    parser.add_argument("--envs", type=Path, default=environments.USUAL, metavar="DIR", help="Keep environments there.")
    return parser.parse_args()


def row(campaigns: int, title: str, nights: Sequence[Night], full: Cost) -> str:
    """A line of the table: medians of these nights."""
    requests = statistics.median(night.cost.requests for night in nights)
    planned, changed = statistics.median(night.planned for night in nights), sum(night.changed for night in nights)
    figures = f"{requests:8,.0f}  {requests / full.requests:9.1%}  {requests / A_MINUTE:10.1f}"
    said = f"{planned or 'unknown':>8}  {f'{changed:,}' if changed else '':>10}"
    seconds = statistics.median(night.cost.wall_seconds for night in nights)
    return f"{campaigns:10,}  {title:>10}  {figures}  {said}  {seconds:7.1f}"


class Account:
    """One account and its copy, from night to night."""

    def __init__(self, job: Job, warehouses: Warehouses) -> None:
        self._job = job
        self._warehouses = warehouses
        self._days = itertools.count(1)

    def first_load(self) -> Cost:
        """Everything, today."""
        return self._sync(0)

    def night(self, changes: int) -> Night:
        """A day later."""
        day = next(self._days)
        self._job.source.day(day)
        (changed,) = self._job.source.change(changes, hours=HOURS).values()
        told = subprocess.run(
            self._command(day, "--json", "plan"), cwd=self._job.folder, capture_output=True, check=True
        )
        cost = self._sync(day)
        self._compare(changed)
        return Night(cost, json.loads(told.stdout)["totals"]["requests"], len(changed))

    def compare(self) -> None:
        """Every row and link; raises SystemExit where one differs, or where there are others."""
        campaigns = self._job.source.campaigns
        for first in range(0, campaigns, COMPARED_AT_ONCE):
            self._compare(range(first, min(first + COMPARED_AT_ONCE, campaigns)))
        ((stored,),) = self._warehouses.fetch(self._job.warehouse, "SELECT count(*) FROM campaigns")
        if stored != campaigns:
            raise SystemExit(f"{stored} campaigns of {campaigns}.")

    def _compare(self, places: Sequence[int]) -> None:
        from bench import checking

        if places:
            expected = checking.Expected(self._job.source, self._job.source.names, places)
            where = expected.only_these
            if wrong := expected.wrong(checking.LIVE, self._warehouses, self._job.warehouse, where):
                raise SystemExit(f"After a night: {wrong}.")

    def _sync(self, day: int) -> Cost:
        from bench import programs

        return programs.run(programs.Program("us", lambda _: self._command(day, "sync")), self._job, 0.0)

    def _command(self, day: int, *arguments: str) -> list[str]:
        from bench import programs

        return [sys.executable, str(LATER), str(day), "--config", str(programs.our_config(self._job)), *arguments]


@contextmanager
def opened(dialect: str, campaigns: int) -> Iterator[Account]:
    """An account of this size and an empty warehouse for it."""
    from bench import programs, warehouses
    from bench.source_process import serving

    with (
        tempfile.TemporaryDirectory(prefix="kore-etl-bench-") as folder,
        serving(1, campaigns) as source,
        warehouses.opened(dialect) as databases,
    ):
        yield Account(programs.Job(source, databases.fresh(), Path(folder)), databases)


if __name__ == "__main__":
    sys.exit(main())
