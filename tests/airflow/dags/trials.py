"""DAGs that only the tests run: quick to try again, and each with something to go wrong."""

import os
from datetime import timedelta

from airflow.sdk import DAG, CronDataIntervalTimetable

from etl.airflow_dag import campaign_backfill_dag, campaign_sync_dag
from etl.airflow_sensor import WindowProvenSensor

QUICK = {"retries": 1, "retry_delay": timedelta(seconds=1), "retry_exponential_backoff": False}
APART = os.environ.get("TRIAL_COMMAND")

campaign_sync_dag("apart_sync", schedule=None, command=APART, task_args=QUICK)
campaign_backfill_dag("apart_backfill", command=APART, task_args=QUICK)
campaign_sync_dag("trial", schedule=None, task_args=QUICK)
campaign_sync_dag("trial_two_each", schedule=None, accounts_per_task=2, task_args=QUICK)
campaign_sync_dag("trial_interval", schedule=CronDataIntervalTimetable("0 0 * * *", "UTC"), task_args=QUICK)
campaign_sync_dag("trial_hurried", schedule=None, task_args=QUICK | {"execution_timeout": timedelta(seconds=20)})
campaign_sync_dag("trial_talkative", schedule=None, command=["sh", "-c", "env >&2; exit 70", "sh"], task_args=QUICK)

with DAG("trial_sensor", schedule=None):
    WindowProvenSensor(
        task_id="proven",
        start="2020-01-01",
        end=os.environ.get("TRIAL_END", "2026-01-01"),
        poke_interval=1,
        timeout=300,
    )
