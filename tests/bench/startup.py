"""How long the command takes to start: `python tests/bench/startup.py` prints medians of whole processes."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

RUNS = 10
COMMANDS = (("-c", "pass"), ("-m", "etl", "--help"), ("-m", "etl", "--version"), ("-m", "etl", "sync", "--help"))


def seconds(arguments: tuple[str, ...]) -> float:
    """One run's wall seconds."""
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    """Print the median of each command; the first one is an interpreter that does nothing."""
    print(f"{Path(sys.executable).name} {sys.version.split()[0]}, medians of {RUNS} runs")
    for arguments in COMMANDS:
        times = [seconds(arguments) for _ in range(RUNS + 1)][1:]
        print(f"{' '.join(arguments):24} {statistics.median(times) * 1000:7.0f} ms")


if __name__ == "__main__":
    main()
