"""`python tests/bench/run.py`: the same work by us and by what one would use instead, side by side in one go.

Needs only Python, on Linux. Makes the virtual environments it needs, starts a source and a PostgreSQL of its own, and
prints medians and ratios; each run's rows are compared with the source before its time counts. `--smoke`: a tiny size
that only shows that all of it works.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import environments

if TYPE_CHECKING:
    from bench.programs import Program

PROGRAMS = ("us", "limit", "script", "dlt")
WORKLOADS = ("W1", "W2", "W3", "W4", "W5")
DIALECTS = ("postgresql", "sqlite")
NOTE = """
wall s: median of the rounds, then the shortest and the longest. CPU: user and system of the program's process tree.
peak MB: the larger of the kernel's peak of one process and the sum over the tree, looked at every 20 ms.
us: proofs, raw payloads, history and ledger on, all settings as they come but the rate limit (none), max_in_flight 32.
W5, us: full_sweep_rows below the accounts' size, so that they are read as large accounts are: census, lookback, change
feed, unfinished campaigns, a share of old history, tail. "us, read whole" is the default: so small an account is read
whole every night."""


def main() -> int:
    """Exit code 1 where a program fails or leaves other rows than the source has."""
    chosen = arguments()
    environments.enter(chosen.envs)
    from bench import harness, table, workloads

    sizes = {"accounts": 2, "campaigns": 150, "changed": 5} if chosen.smoke else {}
    work = [one for one in workloads.workloads(**sizes) if one.key in chosen.workloads]
    load = os.getloadavg()[0]
    runs: list[harness.Run] = []
    try:
        for run in harness.measured(chosen.to, work, takers(chosen), chosen.rounds):
            print(f"{run.dialect} {run.workload} {run.program}: {run.cost.wall_seconds:.2f} s", file=sys.stderr)
            runs.append(run)
    except (harness.WrongRows, RuntimeError) as wrong:
        print(wrong, file=sys.stderr)
        return 1
    python = sys.version.split()[0]
    print(f"{os.cpu_count()} cores, load {load:.1f} before the first run; Python {python}; rounds: {chosen.rounds}")
    print("\n".join((*table.lines(runs, work, targets=not chosen.smoke), NOTE)))
    if chosen.json:
        chosen.json.write_text(json.dumps([asdict(run) for run in runs], indent=1))
    return 0


def arguments() -> argparse.Namespace:
    """What is to be run."""

    parser = argparse.ArgumentParser(description="Run the same work by several programs, side by side.")
    for option, known in (("--workloads", WORKLOADS), ("--to", DIALECTS), ("--programs", PROGRAMS)):
        parser.add_argument(option, type=some_of(known), default=known, metavar=",".join(known))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--smoke", action="store_true", help="One tiny round of W1, W4 and W5 without dlt.")
    parser.add_argument("--json", type=Path, metavar="FILE", help="Write every run's figures there, too.")
    parser.add_argument("--envs", type=Path, default=environments.USUAL, metavar="DIR", help="Keep environments there.")
    parser.add_argument("--kore-etl", type=Path, metavar="COMMAND", help="Measure this one as us.")
    chosen = parser.parse_args()
    if chosen.smoke:
        chosen.workloads, chosen.programs, chosen.rounds = ("W1", "W4", "W5"), ("us", "limit", "script"), 1
    return chosen


def some_of(known: tuple[str, ...]) -> Callable[[str], tuple[str, ...]]:
    """How an option's names, joined by commas, are read."""

    def read(text: str) -> tuple[str, ...]:
        names = tuple(text.split(","))
        if not set(names) <= set(known):
            raise argparse.ArgumentTypeError(f"choose from {', '.join(known)}")
        return names

    return read


def takers(chosen: argparse.Namespace) -> list[Program]:
    """The programs in the order in which they take their turns."""
    from bench import checking, programs

    kore_etl = environments.command(chosen.kore_etl)
    made = {
        "limit": lambda: [programs.peer("limit", "limit.py")],
        "us": lambda: [
            programs.us(kore_etl, workloads=("W1", "W2", "W3", "W4")),
            programs.us(kore_etl, workloads=("W5",), full_sweep_rows=10),
            programs.us(kore_etl, workloads=() if chosen.smoke else ("W5",), name="us, read whole"),
        ],
        "script": lambda: [programs.peer("script", "script.py")],
        "dlt": lambda: [
            programs.peer(
                "dlt",
                "dlt_rest.py",
                python=environments.installed(chosen.envs / "dlt", *environments.DLT),
                dialects=("postgresql",),
                tables=checking.BY_DLT,
            )
        ],
    }
    return [program for name in made if name in chosen.programs for program in made[name]()]


if __name__ == "__main__":
    sys.exit(main())
