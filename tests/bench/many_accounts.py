"""Thousands of accounts on one machine: `python tests/bench/many_accounts.py [ACCOUNTS] [CAMPAIGNS]`.

Serves a sandbox in a process of its own (half of an account's campaigns SMS, half voice), lists its accounts in a CSV
file, and prints wall and processor seconds, requests and peak memory of whole `kore-etl` processes: the first load, the
night after it, and the same with `--postgresql`.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from postgres import running

COLUMNS = ("account_id", "app_id", "name", "client_id", "client_secret_file")


@dataclass(frozen=True, slots=True)
class Measured:
    """One process: what it printed, and what it cost."""

    document: Any
    wall: float
    processor: float
    peak_mb: float


def kore_etl(config: Path, *arguments: str) -> Measured:
    """Run the command in a process of its own."""
    with tempfile.TemporaryFile("w+") as printed:
        began = time.perf_counter()
        command = [sys.executable, "-m", "etl", "--config", str(config), "--json", *arguments]
        process = subprocess.Popen(command, stdout=printed)
        _, _, spent = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = 0  # waited for above
        printed.seek(0)
        return Measured(json.load(printed), wall, spent.ru_utime + spent.ru_stime, spent.ru_maxrss / 1024)


@contextlib.contextmanager
def sandbox(folder: Path, accounts: int, campaigns: int) -> Iterator[Any]:
    """A sandbox's announcement, with its configuration's path."""
    options = ["--port", "0", "--accounts", str(accounts), "--campaigns", str(campaigns // 2)]
    command = [sys.executable, "-m", "etl", "--json", "sandbox", *options, "--write-config", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield json.loads(server.stdout.readline())
        finally:
            server.terminate()


def configured(folder: Path, served: Any, warehouse: str) -> Path:
    """A configuration whose accounts stand in a CSV file."""
    with (folder / "accounts.csv").open("w", newline="") as file:
        rows = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
        rows.writeheader()
        for number, account in enumerate(served["accounts"], 1):
            rows.writerow(account | {"client_secret_file": f"account-{number}.secret"})
    config = folder / "many.toml"
    config.write_text(
        f'accounts_from = "accounts.csv"\n[api]\nhost = "{served["url"]}"\nrequests_per_minute = 0\n'
        f'[warehouse]\nurl = "{warehouse}"\n'
    )
    return config


def measure(folder: Path, served: Any, warehouse: str, accounts: int) -> None:
    """The configuration alone, a first load, and the night after it."""
    config = configured(folder, served, warehouse)
    kore_etl(config, "migrate")
    for name, verb in (("plan", "plan"), ("first load", "sync"), ("next night", "sync")):
        seen = kore_etl(config, verb)
        spent = f"{seen.wall:6.1f} s wall, {seen.processor:6.1f} s processor, {seen.peak_mb:4.0f} MB peak"
        totals = seen.document["totals"]
        counts = f"{totals['requests']:,} requests" if verb == "sync" else f"{totals['windows']:,} windows"
        more = f", {totals['seen']:,} campaigns seen, {seen.document['verdict']}" if verb == "sync" else ""
        print(f"{warehouse.partition(':')[0]:10}  {name:10}  {spent}, {counts}{more}", flush=True)
        if verb == "sync":
            per_account = 1000 * seen.wall / accounts
            print(
                f"{'':10}  {'':10}  {per_account:6.1f} ms an account, {totals['requests'] / seen.wall:,.0f} requests/s"
            )


def main() -> None:
    """Measure with 2,000 accounts of 50 campaigns, unless the arguments say otherwise."""
    parser = argparse.ArgumentParser(description="Thousands of accounts on one machine.")
    parser.add_argument("accounts", type=int, nargs="?", default=2000)
    parser.add_argument("campaigns", type=int, nargs="?", default=50, help="of each account, both channels")
    parser.add_argument("--postgresql", action="store_true", help="also into a PostgreSQL that is started for it")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as passing, contextlib.ExitStack() as open_:
        folder = Path(passing)
        began = time.perf_counter()
        served = open_.enter_context(sandbox(folder / "config", chosen.accounts, chosen.campaigns))
        up = time.perf_counter() - began
        print(f"{chosen.accounts:,} accounts of {chosen.campaigns} campaigns, sandbox up in {up:.1f} s")
        measure(folder / "config", served, f"sqlite:///{folder / 'many.db'}", chosen.accounts)
        if chosen.postgresql:
            server = open_.enter_context(running())
            measure(folder / "config", served, server.url("postgres"), chosen.accounts)


if __name__ == "__main__":
    main()
