"""A night of a large account: what it costs against a full read, and that `plan` knew it.

`python tests/bench/large_account.py [CAMPAIGNS] [CHANGES]` serves a sandbox account with four years of history, loads
it into SQLite, changes campaigns of any age, and prints requests and seconds of the next night.
"""

from __future__ import annotations

import contextlib
import io
import json
import random
import sqlite3
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from night import hours_ago, midnight, served

from etl.cli.main import run
from etl.cli.sandbox import write_config
from etl.sandbox.catalogue import Catalogue, build_catalogue


def kore_etl(config: Path, *arguments: str) -> tuple[Any, float]:
    """The JSON document of a command, and its seconds."""
    printed = io.StringIO()
    started = time.perf_counter()
    with contextlib.redirect_stdout(printed):
        run(["--config", str(config), "--json", *arguments])
    return json.loads(printed.getvalue()), time.perf_counter() - started


def change(catalogue: Catalogue, count: int) -> None:
    """Rename campaigns of any age."""
    account_id = catalogue.accounts[0].account_id
    records = catalogue.listing(account_id, "sms")
    for record in random.Random(1).sample(records, count):
        catalogue.update(account_id, "sms", record["id"], now=hours_ago(0), name="Changed in the bench")


def measure(folder: Path, campaigns: int, changes: int) -> None:
    """One first load, one night, one verify."""
    catalogue = build_catalogue(accounts=1, campaigns=campaigns, now=midnight(), years=4.0, channels=("sms",))
    database = folder / "bench.db"
    with served(catalogue) as sandbox:
        config = write_config(folder / "config", sandbox.url, catalogue.accounts, f"sqlite:///{database}")
        config.write_text(config.read_text().replace('channels = ["sms", "voice"]', 'channels = ["sms"]'))
        first, first_seconds = kore_etl(config, "sync")
        change(catalogue, changes)
        plan, _ = kore_etl(config, "plan")
        second, seconds = kore_etl(config, "sync")
        verify, verify_seconds = kore_etl(config, "verify")
    with contextlib.closing(sqlite3.connect(database)) as connection:
        brought = connection.execute("SELECT count(*) FROM campaigns WHERE name = 'Changed in the bench'").fetchone()[0]
    full, spent = first["totals"]["requests"], second["totals"]["requests"]
    print(f"first load   {campaigns:,} campaigns, {full} requests, {first_seconds:.1f} s, {first['verdict']}")
    share = f"{spent} requests ({spent / full:.1%} of a full read)"
    print(f"the night    {brought} of {changes} changes, {share}, {seconds:.1f} s")
    print(f"plan said    {plan['totals']['requests']} requests")
    print(f"verify       {len(verify['differences'])} differences, {verify_seconds:.1f} s")


def main() -> None:
    """Measure with 50,000 campaigns and 50 changes, unless the arguments say otherwise."""
    campaigns, changes = (int(argument) for argument in (*sys.argv[1:3], *("50000", "50")[len(sys.argv) - 1 :]))
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), campaigns, changes)


if __name__ == "__main__":
    main()
