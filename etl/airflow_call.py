"""How Airflow words a call of the command, and what it makes of the answer. Pure; imports nothing but Python."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from math import ceil
from typing import Any
from urllib.parse import unquote

PREFIX = "KORE_ETL_"

FINAL = {2: "usage or configuration", 3: "every account was refused", 70: "a bug"}
"""Exit codes that trying again does not mend, and why; the next run reads what is missing once the cause is gone."""

AGAIN = {
    1: "something is not proven yet",
    4: "another run holds the account",
    5: "the source could not be read",
    6: "the warehouse failed",
    130: "stopped by a signal",
    143: "stopped by a signal",
}
"""Exit codes after which the task's retries go on with what is missing."""

COUNTS = (
    "windows",
    "proven",
    "unproven",
    "failed",
    "seen",
    "inserted",
    "updated",
    "deleted",
    "rejected",
    "requests",
)
"""The totals that a task leaves behind as its summary."""

Command = str | Sequence[str] | None
"""Where the command is: a path, its words, or None for the one beside the Python that runs the task."""


def words(command: Command, config: str | None, *rest: str) -> list[str]:
    """The whole command line. Nothing secret is ever in it."""
    if command is None:
        program = [sys.executable, "-m", "etl"]
    else:
        program = shlex.split(command) if isinstance(command, str) else list(command)
    return [*program, *(["--config", config] if config else []), "--json", *rest]


def reading(
    accounts: Sequence[str],
    interval: tuple[datetime, datetime] | None,
    *,
    only_gaps: bool = False,
    accept_deletions: bool = False,
    wait_seconds: float = 0,
    resume_from: datetime | None = None,
) -> list[str]:
    """The verb that reads these accounts, and its options: an interval is a backfill, none is the nightly run."""
    if interval is None:
        verb = ["sync", *(["--accept-deletions"] if accept_deletions else [])]
    else:
        start, end = (instant.isoformat() for instant in interval)
        verb = ["backfill", "--start", start, "--end", end, *(["--only-gaps"] if only_gaps else [])]
    if resume_from is not None:
        verb += ["--resume-from", resume_from.isoformat()]
    if wait_seconds:
        verb += ["--wait", f"{wait_seconds:g}"]
    return verb + of_accounts(accounts)


def of_accounts(accounts: Sequence[str]) -> list[str]:
    """The options that narrow a verb to these accounts."""
    return [word for account in accounts for word in ("--account", account)]


def interval_of(start: str, end: str) -> tuple[datetime, datetime] | None:
    """An interval as its templates were rendered; None where it is empty or has no width, as cron schedules have it
    since Airflow 3. A bare date is midnight UTC. Raises ValueError for what is no instant."""
    if not start or not end:
        return None
    first, last = _instant(start), _instant(end)
    return (first, last) if first < last else None


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def what(interval: tuple[datetime, datetime] | None) -> str:
    """What a task is about to read, for its log."""
    if interval is None:
        return "No data interval, or one without width: reading what is due (the sliding window of `kore-etl sync`)."
    return f"Reading the interval from {interval[0].isoformat()} up to {interval[1].isoformat()} (`kore-etl backfill`)."


def event(summary: Mapping[str, Any], interval: tuple[datetime, datetime] | None) -> dict[str, Any]:
    """What an asset event says of the read that proved the account."""
    start, end = (None, None) if interval is None else (instant.isoformat() for instant in interval)
    return {"run_id": summary["run_id"], "proven_at": summary["finished_at"], "start": start, "end": end}


def environment(base: Mapping[str, str], kore_ai: Mapping[str, Any], warehouse: str | None) -> dict[str, str]:
    """The command's environment: `base` without Airflow's own settings, and what the connections say.

    `kore_ai` has host, port, schema, login, password and extra; what is empty there leaves the configuration alone.
    Extra is an object of settings: `{"api": {"requests_per_minute": 30}, "accounts": [...]}`.
    """
    host, port = kore_ai.get("host"), kore_ai.get("port")
    if host and "://" not in host and kore_ai.get("schema"):
        host = f"{kore_ai['schema']}://{host}"
    given: dict[str, Any] = {
        "API__HOST": f"{host}:{port}" if host and port else host,
        "AUTH__CLIENT_ID": kore_ai.get("login"),
        "AUTH__CLIENT_SECRET": kore_ai.get("password"),
        "WAREHOUSE__URL": warehouse,
    }
    for section, value in (kore_ai.get("extra") or {}).items():
        if isinstance(value, Mapping):
            given |= {f"{section}__{key}": one for key, one in value.items()}
        else:
            given[section] = value
    ours = {PREFIX + name.upper(): _text(value) for name, value in given.items() if value not in (None, "")}
    return {name: text for name, text in base.items() if not name.startswith(("AIRFLOW", "_AIRFLOW"))} | ours


def secrets_of(environment: Mapping[str, str]) -> list[str]:
    """The secrets that the command is given: the Client Secret, and the database's password as it stands in its URL."""
    url = environment.get(f"{PREFIX}WAREHOUSE__URL", "")
    password = url.rpartition("@")[0].partition("://")[2].partition(":")[2]
    return [text for text in (environment.get(f"{PREFIX}AUTH__CLIENT_SECRET", ""), password, unquote(password)) if text]


def masked(line: str, secrets: Sequence[str]) -> str:
    """A line for the task's log. `airflow dags test` was seen to show a connection's password, so it is done here."""
    for secret in secrets:
        line = line.replace(secret, "***")
    return line


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def batches(accounts: Sequence[Mapping[str, Any]], size: int, most: int) -> list[dict[str, Any]]:
    """One mapped task's arguments each: `size` accounts a task, more where there would be over `most` tasks.

    `accounts` is what `kore-etl --json accounts` lists: the apps of one account share its lease, and so its task.
    """
    names: dict[str, str] = {}
    for account in accounts:
        names.setdefault(account["account_id"], account["name"])
    ids = list(names)
    size = max(size, ceil(len(ids) / max(most, 1)), 1)
    return [_batch(ids[start : start + size], names) for start in range(0, len(ids), size)]


def _batch(ids: list[str], names: Mapping[str, str]) -> dict[str, Any]:
    others = f" and {len(ids) - 1} more" if ids[1:] else ""
    return {"accounts": ids, "title": names[ids[0]] + others}


def document(stdout: str) -> dict[str, Any]:
    """The command's one JSON document; empty where it left none, as when it was killed."""
    try:
        found = json.loads(stdout)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def summary(told: Mapping[str, Any], accounts: Sequence[str]) -> dict[str, Any]:
    """A few words and numbers of a run, small enough for XCom."""
    totals = told.get("totals") or {}
    facts = {name: told.get(name) for name in ("run_id", "verb", "verdict", "exit_code", "started_at", "finished_at")}
    return facts | {"accounts": list(accounts)} | {name: totals.get(name, 0) for name in COUNTS}


def lines(told: Mapping[str, Any]) -> list[str]:
    """A run for the task's log: a line for each listing, and what was wrong with it."""
    return [_line(scope) for scope in told.get("scopes") or ()]


def _line(scope: Mapping[str, Any]) -> str:
    closed = scope["windows"] - scope["open"]
    said = (
        f"{scope['account_id']} {scope['channel']}: {scope['proven']} of {closed} windows proven, "
        f"{scope['seen']} seen, {scope['inserted']} new, {scope['updated']} changed, {scope['requests']} requests"
    )
    return f"{said}. {scope['error']}" if scope["error"] else said


def complaint(verb: str, code: int, told: Mapping[str, Any]) -> str:
    """Why a task failed, in a sentence or two; the command's own words where it has any."""
    if code < 0:
        why = f"was killed by signal {-code}"
    else:
        why = f"ended with exit code {code}: {(FINAL | AGAIN).get(code, 'see its log above')}"
    errors = told.get("errors") or [scope["error"] for scope in told.get("scopes") or () if scope.get("error")]
    return " ".join([f"kore-etl {verb} {why}.", *dict.fromkeys(errors)][:4])
