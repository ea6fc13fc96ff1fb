"""How long the command takes to start: `python tests/bench/startup.py` prints medians of whole processes, and whose
modules a `sync` loads. Run it with the Python of a standard install: an editable one may compile as it goes."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

RUNS = 7
SYNC = (
    "from etl.cli import garbage; garbage.later();"
    "import etl.cli.sync, etl.cli.running, etl.sources, etl.cli.outside; garbage.no_more()"
)
"""What `kore-etl sync` loads before it opens its configuration; a PostgreSQL warehouse loads asyncpg besides."""

COMMANDS = {
    "an interpreter that does nothing": ("-c", "pass"),
    "kore-etl --help": ("-m", "etl", "--help"),
    "kore-etl --version": ("-m", "etl", "--version"),
    "kore-etl sync --help": ("-m", "etl", "sync", "--help"),
    "all that sync imports": ("-c", SYNC),
}
PACKAGES = 12


def seconds(arguments: tuple[str, ...]) -> float:
    """One run's wall seconds."""
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def imports() -> Counter[str]:
    """Microseconds that each package's own modules took in one run."""
    run = subprocess.run([sys.executable, "-X", "importtime", "-c", SYNC], check=True, capture_output=True, text=True)
    spent: Counter[str] = Counter()
    for line in run.stderr.splitlines()[1:]:
        own, _, module = line.removeprefix("import time:").split("|")
        spent[module.strip().partition(".")[0]] += int(own)
    return spent


def main() -> None:
    """Print the median of each command, then of each package that takes longest to load."""
    print(f"{Path(sys.executable).name} {sys.version.split()[0]}, medians of {RUNS} runs")
    for title, arguments in COMMANDS.items():
        times = [seconds(arguments) for _ in range(RUNS + 1)][1:]
        print(f"{title:34} {statistics.median(times) * 1000:7.0f} ms")
    runs = [imports() for _ in range(RUNS)]
    medians = Counter({name: statistics.median(run[name] for run in runs) for name in runs[0]})
    print(f"\nof these imports, the {PACKAGES} packages that take longest (modules of their own, measuring included)")
    for name, spent in medians.most_common(PACKAGES):
        print(f"{name:34} {spent / 1000:7.0f} ms")
    print(f"{'all others':34} {(medians.total() - sum(n for _, n in medians.most_common(PACKAGES))) / 1000:7.0f} ms")


if __name__ == "__main__":
    main()
