"""How long the command takes to start: `python tests/bench/startup.py` prints medians of whole processes."""

from __future__ import annotations

import subprocess
import sys
import time

RUNS = 10
COMMANDS = (("-c", "pass"), ("-m", "etl", "--help"), ("-m", "etl", "--version"), ("-m", "etl", "sync", "--help"))


def seconds(arguments: tuple[str, ...]) -> float:
    """One run's wall seconds."""
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    """Print the median of each command, over an interpreter that does nothing."""
    for arguments in COMMANDS:
        [seconds(arguments) for _ in range(RUNS + 1)][1:]


if __name__ == "__main__":
    main()
