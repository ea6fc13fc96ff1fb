"""Which DAGs we offer: the nightly run and the backfill, a mapped task for each account.

DAG files are parsed every few seconds, so nothing is imported before a factory is called, and nothing but Airflow then.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk import DAG

    from etl.airflow_call import Command

START = datetime(2024, 1, 1, tzinfo=UTC)
"""Any instant in the past: the DAGs don't catch up, the ledger knows what is missing."""

TASKS: Mapping[str, Any] = {
    "retries": 3,
    "retry_delay": timedelta(minutes=5),
    "retry_exponential_backoff": True,
    "execution_timeout": timedelta(hours=6),
}
"""How tasks are tried again and bounded, where `task_args` does not say otherwise."""


def campaign_sync_dag(
    dag_id: str = "kore_campaign_sync",
    *,
    schedule: Any = "15 2 * * *",
    command: Command = None,
    config: str | None = None,
    connection: str | None = "kore_ai",
    warehouse_connection: str | None = None,
    accounts_per_task: int = 1,
    wait_seconds: float = 0,
    task_args: Mapping[str, Any] | None = None,
    **dag_args: Any,
) -> DAG:
    """The nightly run: what is due of every configured account.

    command: where the tool has an environment of its own, its path there ("/opt/kore/bin/kore-etl"); else leave it out.
    config: the configuration file, on every worker. connection: host, login (Client ID), password (Client Secret), and
    in extra any settings; None where configuration and environment say it all. warehouse_connection: the database.
    wait_seconds: how long to wait for an account that another run holds. task_args: what every task gets, such as pool,
    queue, retries or executor_config. dag_args: what the DAG gets.
    """
    from airflow.sdk import Param

    params = {"accounts": _accounts(), "accept_deletions": Param(False, type="boolean", description=ACCEPT_DELETIONS)}
    return _dag(
        dag_id,
        {"schedule": schedule, "doc_md": SYNC_DOC, "params": params} | dag_args,
        {"command": command, "config": config, "connection": connection, "warehouse_connection": warehouse_connection},
        accounts_per_task,
        {
            "start": "{{ dag_run.data_interval_start or '' }}",
            "end": "{{ dag_run.data_interval_end or '' }}",
            "wait_seconds": wait_seconds,
        },
        task_args,
    )


def campaign_backfill_dag(
    dag_id: str = "kore_campaign_backfill",
    *,
    command: Command = None,
    config: str | None = None,
    connection: str | None = "kore_ai",
    warehouse_connection: str | None = None,
    accounts_per_task: int = 1,
    wait_seconds: float = 600,
    task_args: Mapping[str, Any] | None = None,
    **dag_args: Any,
) -> DAG:
    """Reads an interval again when triggered: parameters start, end, accounts, only_gaps. Else as the nightly run."""
    from airflow.sdk import Param

    params = {
        "start": Param(type="string", format="date", description="First day (UTC) of the campaigns to read again."),
        "end": Param(type="string", format="date", description="The day after the last one."),
        "accounts": _accounts(),
        "only_gaps": Param(False, type="boolean", description="Read only what of it was never proven."),
    }
    return _dag(
        dag_id,
        {"schedule": None, "doc_md": BACKFILL_DOC, "params": params} | dag_args,
        {"command": command, "config": config, "connection": connection, "warehouse_connection": warehouse_connection},
        accounts_per_task,
        {"start": "{{ params.start }}", "end": "{{ params.end }}", "wait_seconds": wait_seconds},
        task_args,
    )


SYNC_DOC = """Reads what is due of every configured account of Kore.ai, proves it complete, and stores it.

One task for each account. What a task leaves unproven, its retries and the next run read by themselves.
An account's asset `kore-etl://accounts/ACCOUNT_ID` gets an event only when all of it is proven."""

BACKFILL_DOC = """Reads the campaigns created in an interval again, and stores what is new.

One task for each account."""

ACCEPT_DELETIONS = "Believe Kore.ai this once, however many campaigns are gone: after a run that stopped at the brake."


def _accounts() -> Any:
    from airflow.sdk import Param

    return Param(
        [], type=["null", "array"], items={"type": "string"}, description="Only these account ids; empty: all."
    )


def _dag(
    dag_id: str,
    dag_args: Mapping[str, Any],
    calling: Mapping[str, Any],
    accounts_per_task: int,
    reading: Mapping[str, Any],
    task_args: Mapping[str, Any] | None,
) -> DAG:
    """List the accounts when the run begins, then a task for each of them."""
    from airflow.sdk import DAG, AssetAlias

    from etl.airflow_operator import PROVEN, ListAccountsOperator, ReadAccountsOperator

    usual = {"start_date": START, "catchup": False, "max_active_runs": 1, "tags": ["kore-etl"]}
    with DAG(dag_id, **{**usual, "default_args": {**TASKS, **(task_args or {})}, **dag_args}) as dag:
        accounts = ListAccountsOperator(task_id="accounts", accounts_per_task=accounts_per_task, **calling)
        ReadAccountsOperator.partial(
            task_id="read", outlets=[AssetAlias(PROVEN)], map_index_template="{{ task.title }}", **calling, **reading
        ).expand_kwargs(accounts.output)
    return dag
