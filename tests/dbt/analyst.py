"""What an analyst does with the dbt package, on a real PostgreSQL that the real command filled night after night.

Started by `run.py`. Each step is one line; the numbers that the models must show are known from what was changed at the
source between the nights. The analyst is a user of their own, with a password, who may only read.
"""

# ruff: noqa: T201  a script: printing is what it is for

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
from night import hours_ago, merged, midnight, served
from postgres import Server, running
from steps import Steps

from etl.cli.sandbox import write_config
from etl.sandbox.app import Sandbox
from etl.sandbox.catalogue import Catalogue, build_catalogue
from etl.sandbox.faults import parse_faults

SCHEMA = "Night_Shift"
"""A name that is not found unless it is quoted."""

PASSWORD = "wh4t-0nly-the-analyst-kn0ws"
NEW_LIST = "Only ever on one campaign"
DBT_SECONDS = 300


@dataclass
class Dbt:
    """dbt in the written project, as the analyst."""

    program: Path
    project: Path
    environment: dict[str, str]
    output: str = ""
    statuses: dict[str, str] = field(default_factory=dict)
    """Of the last call: the name of each test, model or source -> what dbt says of it."""

    def __call__(self, *arguments: str, **environment: str) -> int:
        """The exit code."""
        for name in ("run_results.json", "sources.json"):
            (self.project / "target" / name).unlink(missing_ok=True)
        done = subprocess.run(
            [self.program, "--no-use-colors", *arguments],
            cwd=self.project,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=DBT_SECONDS,
            check=False,
        )
        self.output = done.stdout + done.stderr
        self.statuses = dict(self._results())
        return done.returncode

    def _results(self) -> Iterator[tuple[str, str]]:
        for name in ("run_results.json", "sources.json"):
            path = self.project / "target" / name
            if path.exists():
                for result in json.loads(path.read_text())["results"]:
                    yield result["unique_id"].split(".", 2)[2], result["status"]

    def troubles(self) -> set[str]:
        """The names of what neither passed nor succeeded, without dbt's digests."""
        return {
            re.sub(r"\.[0-9a-f]{10}$", "", name)
            for name, status in self.statuses.items()
            if status not in ("pass", "success")
        }


def clean_environment() -> dict[str, str]:
    """Ours without anything that would say where a database is."""
    told = ("PG", "DBT_", "KORE_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(told)}
    return kept | {"DO_NOT_TRACK": "1"}


# -- the nights -------------------------------------------------------------------------------------------------------


@dataclass
class Source:
    """The made-up account, and what happens to a few of its campaigns."""

    catalogue: Catalogue
    sandbox: Sandbox
    config: Path
    sent: dict[str, int] = field(default_factory=dict)
    """Campaign -> messages that the nights must show."""

    def __post_init__(self) -> None:
        self.account = self.catalogue.accounts[0].account_id
        listed = self.catalogue.listing(self.account, "sms")
        busy = [one for one in listed if one["status"] == "Completed" and len(one["contactLists"]) >= 2]
        self.seller, self.mover, self.rerun, self.leaver = [one["id"] for one in busy[:4]]

    def change(self, campaign_id: str, hours: float, *, more: int = 0, **fields: Any) -> None:
        """Change a campaign as of some hours ago; `more` messages were sent since the last night."""
        if more:
            now = self.catalogue.get(self.account, "sms", campaign_id)["totalMessagesSent"]
            fields["totalMessagesSent"] = now + more
            self.sent[campaign_id] = self.sent.get(campaign_id, 0) + more
        self.catalogue.update(self.account, "sms", campaign_id, now=hours_ago(hours), **fields)

    def first_day(self) -> None:
        self.change(self.seller, 8, more=50, status="Active")
        # Its new list came with the read that showed these ten: they count for the lists it had before.
        self.change(self.mover, 8, more=10, contactLists=[NEW_LIST])

    def second_day(self) -> None:
        self.change(self.seller, 6, more=25, status="Completed")
        self.change(self.mover, 6, more=7)
        self.change(self.rerun, 6, totalMessagesSent=5, campaignInstanceId="cid-0000-again")
        self.sent[self.rerun] = 5
        self.catalogue.delete(self.account, "sms", self.leaver)

    def sync(self, *arguments: str) -> int:
        """One night; its exit code."""
        return kore_etl("--config", str(self.config), "--quiet", "sync", *arguments).returncode


def kore_etl(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The installed command."""
    program = Path(sys.executable).parent / "kore-etl"
    return subprocess.run(
        [program, *arguments], env=clean_environment(), capture_output=True, text=True, timeout=DBT_SECONDS, check=False
    )


@contextmanager
def source(folder: Path, warehouse_url: str) -> Iterator[Source]:
    """A sandbox with two accounts, and a configuration that syncs it into the schema."""
    catalogue = build_catalogue(accounts=2, campaigns=60, now=midnight())
    with served(catalogue) as sandbox:
        config = write_config(folder, sandbox.url, catalogue.accounts, warehouse_url)
        text = merged(config.read_text(), "[api]\nmax_attempts = 1\n\n")
        config.write_text(text.replace("[warehouse]", f'[warehouse]\nschema = "{SCHEMA}"'))
        yield Source(catalogue, sandbox, config)


# -- the analyst ------------------------------------------------------------------------------------------------------


async def main(dbt_program: Path) -> int:
    """Exit code 1 if anything did not hold."""
    began, steps = time.monotonic(), Steps()
    with tempfile.TemporaryDirectory(prefix="kore-etl-analyst-") as name, running() as server:
        folder = Path(name)
        admin = await asyncpg.connect(server.url("postgres"))
        await admin.execute("CREATE DATABASE warehouse")
        await admin.close()
        owner = await asyncpg.connect(server.url("warehouse"))
        try:
            with source(folder / "config", server.url("warehouse")) as made_up:
                await nights(steps, made_up)
                dbt = await project(steps, folder, made_up, owner, dbt_program, server)
                await healthy(steps, dbt, owner, made_up)
                await broken(steps, dbt, owner)
                await late(steps, dbt, owner, made_up)
            secrecy(steps, dbt)
        finally:
            await owner.close()
    print(f"\nThe dbt package on PostgreSQL, {time.monotonic() - began:.0f} s:")
    print(f"{steps.passed} passed, {steps.failed} failed")
    return 1 if steps.failed else 0


async def nights(steps: Steps, made_up: Source) -> None:
    """Four of them; the campaign that left is taken as deleted after the second that misses it."""
    codes = [made_up.sync()]
    made_up.first_day()
    codes.append(made_up.sync())
    made_up.second_day()
    codes += [made_up.sync(), made_up.sync()]
    steps.equal("four nights synced, complete", codes, [0, 0, 0, 0])


async def project(
    steps: Steps, folder: Path, made_up: Source, owner: asyncpg.Connection, program: Path, server: Server
) -> Dbt:
    """The project as the command writes it, the analyst as its README makes them; the owner looks into the schema."""
    place = folder / "dbt project"
    done = kore_etl("--config", str(made_up.config), "dbt-init", str(place))
    steps.check("kore-etl dbt-init writes a project", holds=done.returncode == 0, otherwise=done.stderr)
    grants = re.findall(r"```sql\n(.*?)```", (place / "README.md").read_text(), re.DOTALL)
    await owner.execute("\n".join(grants))
    await demand_password(owner)
    environment = clean_environment() | {"KORE_DBT_USER": "analyst", "PGPASSFILE": str(folder / "absent")}
    dbt = Dbt(program, place, environment)
    steps.check("dbt debug without a password is refused", holds=dbt("debug") != 0, otherwise=dbt.output)
    password_file = folder / "pgpass"
    password_file.touch(mode=0o600)
    password_file.write_text(f"127.0.0.1:{server.port}:warehouse:analyst:{PASSWORD}\n")
    code = dbt("debug", PGPASSFILE=str(password_file))
    steps.check("dbt debug connects with libpq's password file", holds=code == 0, otherwise=dbt.output)
    dbt.environment["DBT_ENV_SECRET_KORE_PASSWORD"] = PASSWORD
    code = dbt("debug")
    steps.check("dbt debug connects with the password from the environment", holds=code == 0, otherwise=dbt.output)
    return dbt


async def demand_password(owner: asyncpg.Connection) -> None:
    """From here on the server lets the analyst in with the password only."""
    await owner.execute(f"ALTER ROLE analyst PASSWORD '{PASSWORD}'")
    place = await owner.fetchval("SHOW hba_file")
    lines = "('host all analyst 127.0.0.1/32 scram-sha-256'), ('host all all 127.0.0.1/32 trust')"
    await owner.execute(f"COPY (VALUES {lines}) TO '{place}'")
    await owner.execute("SELECT pg_reload_conf()")


async def healthy(steps: Steps, dbt: Dbt, owner: asyncpg.Connection, made_up: Source) -> None:
    """Everything is green, and the models show what plain SQL shows."""
    code = dbt("source", "freshness")
    steps.check("dbt source freshness: fresh", holds=(code, dbt.troubles()) == (0, set()), otherwise=dbt.output)
    code = dbt("build", "--no-partial-parse", "--show-all-deprecations")
    steps.check(
        "dbt build: models and tests are green", holds=(code, dbt.troubles()) == (0, set()), otherwise=dbt.output
    )
    steps.check(f"dbt build ran {len(dbt.statuses)} models and tests", holds=len(dbt.statuses) > 50)
    said = [line for line in dbt.output.splitlines() if re.search("deprecat|warn(?!=0)", line, re.IGNORECASE)]
    steps.equal("dbt has nothing deprecated to tell", said, [])
    await described(steps, dbt, owner)
    await same(steps, owner, "campaign_messages_by_day is what plain SQL says", BY_DAY, BY_DAY_AGAIN)
    await same(steps, owner, "contact_list_performance is what plain SQL says", PERFORMANCE, PERFORMANCE_AGAIN)
    await known(steps, owner, made_up)


async def described(steps: Steps, dbt: Dbt, owner: asyncpg.Connection) -> None:
    """Columns of tables, views and models are those in the project's descriptions, in that order."""
    manifest = json.loads((dbt.project / "target" / "manifest.json").read_text())
    nodes = [*manifest["sources"].values(), *(n for n in manifest["nodes"].values() if n["resource_type"] == "model")]
    told = {(node["schema"], node["name"]): list(node["columns"]) for node in nodes}
    rows = await owner.fetch(
        "SELECT table_schema, table_name, column_name FROM information_schema.columns ORDER BY ordinal_position"
    )
    there = {key: [row[2] for row in rows if (row[0], row[1]) == key] for key in told}
    steps.equal(f"the columns of {len(told)} sources and models are as described", there, told)


async def same(steps: Steps, owner: asyncpg.Connection, what: str, one: str, other: str) -> None:
    """Two queries have the same rows."""
    found, wanted = [[tuple(row) for row in await owner.fetch(query)] for query in (one, other)]
    steps.equal(f"{what} ({len(wanted)} rows)", found, wanted)


BY_DAY = """
SELECT campaign_id, day, messages, messages_to_date, account_messages, share_of_account, status, is_live
FROM analytics.campaign_messages_by_day ORDER BY campaign_id, day"""

BY_DAY_AGAIN = """
WITH d AS (
    SELECT h.campaign_id, c.account_id, c.channel, c.status, c.deleted_at, h.day, sum(h.next_messages) AS messages
    FROM campaign_counter_history h JOIN campaigns c USING (campaign_id) WHERE h.next_messages IS NOT NULL
    GROUP BY h.campaign_id, c.account_id, c.channel, c.status, c.deleted_at, h.day
), a AS (SELECT account_id, channel, day, sum(messages) AS messages FROM d GROUP BY account_id, channel, day)
SELECT d.campaign_id, d.day, d.messages::bigint,
    (SELECT sum(e.messages) FROM d e WHERE e.campaign_id = d.campaign_id AND e.day <= d.day), a.messages,
    CASE WHEN a.messages > 0 THEN round(d.messages / a.messages, 4) END, d.status, d.deleted_at IS NULL
FROM d JOIN a USING (account_id, channel, day) ORDER BY d.campaign_id, d.day"""

PERFORMANCE = """
SELECT contact_list_id, name, campaigns, active_campaigns, campaigns_ever, messages_sent, messages_per_campaign,
    messages_observed
FROM analytics.contact_list_performance ORDER BY contact_list_id"""

PERFORMANCE_AGAIN = """
WITH k AS (
    SELECT campaign_id, contact_list_id, valid_from, 'infinity'::timestamptz AS valid_to FROM campaign_contact_lists
    UNION ALL SELECT campaign_id, contact_list_id, valid_from, valid_to FROM campaign_contact_list_history
), now AS (
    SELECT l.contact_list_id, count(*) AS campaigns, count(*) FILTER (WHERE c.status = 'Active') AS active,
        coalesce(sum(c.total_messages_sent), 0) AS sent
    FROM campaign_contact_lists l JOIN campaigns c USING (campaign_id) WHERE c.deleted_at IS NULL GROUP BY 1
)
SELECT l.contact_list_id, l.name, coalesce(now.campaigns, 0), coalesce(now.active, 0),
    (SELECT count(DISTINCT k.campaign_id) FROM k WHERE k.contact_list_id = l.contact_list_id),
    coalesce(now.sent, 0), round(now.sent / now.campaigns, 1),
    (SELECT coalesce(sum(h.next_messages), 0) FROM k JOIN campaign_counter_history h USING (campaign_id)
        WHERE k.contact_list_id = l.contact_list_id AND h.superseded_at > k.valid_from
            AND h.superseded_at <= k.valid_to)
FROM contact_lists l LEFT JOIN now USING (contact_list_id) ORDER BY l.contact_list_id"""


async def known(steps: Steps, owner: asyncpg.Connection, made_up: Source) -> None:
    """What the nights changed is what the models show; nothing where nothing of the past is kept yet."""
    if not await owner.fetchval("SELECT count(*) FROM campaign_counter_history"):
        steps.equal(
            "the history tables are empty, and so is the model of days",
            await owner.fetchval("SELECT count(*) FROM analytics.campaign_messages_by_day"),
            0,
        )
        return
    days = await owner.fetch(
        "SELECT campaign_id, sum(messages) AS messages, sum(resets) AS resets "
        "FROM analytics.campaign_messages_by_day GROUP BY campaign_id"
    )
    steps.equal("messages by campaign are those sent", {row[0]: int(row[1]) for row in days}, made_up.sent)
    steps.equal("one campaign was run again", {row[0] for row in days if row[2]}, {made_up.rerun})
    row = await owner.fetchrow(
        "SELECT campaigns, campaigns_ever, messages_observed FROM analytics.contact_list_performance WHERE name = $1",
        NEW_LIST,
    )
    steps.equal("a new list counts what was sent with it, not what came before", tuple(row or ()), (1, 1, 7))
    changes = await owner.fetch(
        "SELECT new_status FROM campaign_status_changes WHERE campaign_id = $1 ORDER BY changed_at", made_up.seller
    )
    steps.equal("status changes are those made", [row[0] for row in changes], ["Active", "Completed"])
    left = await owner.fetchval("SELECT deleted_at IS NOT NULL FROM campaigns WHERE campaign_id = $1", made_up.leaver)
    steps.equal("the campaign that left is taken as deleted", left, True)


async def broken(steps: Steps, dbt: Dbt, owner: asyncpg.Connection) -> None:
    """What must never be in the warehouse turns just the tests red that speak of it."""
    await owner.execute("ALTER TABLE campaign_history ALTER valid_to DROP NOT NULL")
    await insert_version(owner, number=0, valid_to="valid_from + interval '1 second'")
    await insert_version(owner, number=1, valid_to="NULL")
    overlap = "source_never_overlapping_kore_etl_campaign_versions_valid_to__campaign_id__valid_from"
    steps.equal(
        "a version on top of another and a second open one turn dbt test red",
        (dbt("test"), dbt.troubles()),
        (1, {overlap, "campaigns_have_one_open_version"}),
    )
    found = sorted(re.findall(r"Got (\d+) results?, configured to fail", dbt.output))
    steps.equal("each test found what there is to find: both, and the open one", found, ["1", "2"])
    await owner.execute("DELETE FROM campaign_history WHERE run_id = 'broken'")
    await owner.execute("ALTER TABLE campaign_history ALTER valid_to SET NOT NULL")
    await owner.execute(
        "INSERT INTO campaign_contact_lists SELECT 'cd-nowhere', contact_list_id, now() FROM contact_lists LIMIT 1"
    )
    code = dbt("test", "--select", "source:kore_etl.campaign_contact_lists")
    steps.check(
        "a link of no campaign turns it red as well",
        holds=code == 1 and len(dbt.troubles()) == 1 and "relationships" in dbt.troubles().pop(),
        otherwise=dbt.output,
    )
    await owner.execute("DELETE FROM campaign_contact_lists WHERE campaign_id = 'cd-nowhere'")


async def insert_version(owner: asyncpg.Connection, *, number: int, valid_to: str) -> None:
    """Give one live campaign a past that ends in its present."""
    columns = await owner.fetch(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = $1 AND "
        "table_name = 'campaign_history' AND column_name NOT IN ('valid_from', 'valid_to', 'run_id')",
        SCHEMA,
    )
    names = ", ".join(row[0] for row in columns)
    await owner.execute(
        f"INSERT INTO campaign_history (valid_from, valid_to, run_id, {names}) "
        f"SELECT valid_from - interval '1 day', {valid_to}, 'broken', {names} "
        f"FROM campaigns WHERE deleted_at IS NULL ORDER BY campaign_id LIMIT 1 OFFSET {number}"
    )


async def late(steps: Steps, dbt: Dbt, owner: asyncpg.Connection, made_up: Source) -> None:
    """Nights that failed do not look fresh, and an account that failed is told."""
    account = made_up.catalogue.accounts[1].account_id
    await age(owner, hours=40)
    made_up.sandbox.faults = parse_faults(f"500@account:{account}")
    steps.equal("a night in which one account fails is incomplete", made_up.sync(), 1)
    steps.equal("and makes the copy fresh: it read something", (dbt("source", "freshness"), dbt.troubles()), (0, set()))
    await owner.execute(
        "UPDATE sync_windows SET window_end = window_end - interval '40 hours' WHERE account_id = $1", account
    )
    steps.equal(
        "40 hours without that account, dbt build goes through and warns",
        (dbt("build"), dbt.troubles()),
        (0, {"accounts_are_proven_lately"}),
    )
    steps.check("of both its channels", holds="Got 2 results" in dbt.output, otherwise=dbt.output)
    await age(owner, hours=40)
    made_up.sandbox.faults = parse_faults("500")
    steps.equal("a night in which every account fails is unreadable", made_up.sync(), 5)
    freshness = dbt("source", "freshness"), set(dbt.statuses.values())
    steps.equal("and makes nothing fresh: after 40 hours a warning", freshness, (0, {"warn"}))
    await age(owner, hours=80)
    freshness = dbt("source", "freshness"), set(dbt.statuses.values())
    steps.equal("after 80 hours an error", freshness, (1, {"error"}))


async def age(owner: asyncpg.Connection, *, hours: int) -> None:
    """All that ever read something did so these hours ago."""
    await owner.execute(
        "UPDATE sync_runs SET finished_at = clock_timestamp() - make_interval(hours => $1) "
        "WHERE verdict IN ('complete', 'incomplete')",
        hours,
    )


def secrecy(steps: Steps, dbt: Dbt) -> None:
    """The password is in no file of the project, dbt's own logs and artifacts included."""
    files = [path for path in dbt.project.rglob("*") if path.is_file()]
    holders = [str(path) for path in files if PASSWORD.encode() in path.read_bytes()]
    steps.equal(f"the password is in none of {len(files)} files", holders, [])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--dbt", type=Path, required=True)
    sys.exit(asyncio.run(main(parser.parse_args().dbt)))
