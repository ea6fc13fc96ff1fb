"""How another DAG waits until a stretch of time is proven complete."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import BaseSensorOperator
from airflow.sdk.exceptions import AirflowFailException

from etl import airflow_call as call
from etl.airflow_operator import KoreEtlOperator


class WindowProvenSensor(KoreEtlOperator, BaseSensorOperator):
    """Passes once everything created from `start` up to `end` is proven, for all configured accounts or for some.

    `start` and `end` are templates, ISO 8601; an empty `start` is the beginning of the history. It asks the warehouse
    (`kore-etl gaps`), never Kore.ai, and occupies no worker between two looks.
    """

    template_fields = ("accounts", "start", "end")
    ui_color = "#e6eaf5"

    def __init__(self, *, end: str, start: str = "", accounts: Sequence[str] = (), **options: Any) -> None:
        usual: dict[str, Any] = {"mode": "reschedule", "poke_interval": 300, "timeout": 24 * 3600}
        super().__init__(**usual | options)
        self.accounts, self.start, self.end = accounts, start, end

    def poke(self, context: Any) -> bool:
        """Whether it is proven by now."""
        if not self.end:
            raise AirflowFailException("The sensor's `end` is empty: name the instant up to which all must be proven.")
        since = ["--start", self.start] if self.start else []
        code, told = self.call("gaps", *since, "--end", self.end, *call.of_accounts(self.accounts))
        if code > 1 or code < 0:
            raise self.failure(code, told, "gaps")
        gaps = told.get("gaps") or []
        for gap in gaps[:5]:
            self.log.info("Not proven: %s %s, %s to %s", *(gap[k] for k in ("account_id", "channel", "start", "end")))
        self.log.info("Proven." if code == 0 else f"{len(gaps)} intervals are not proven yet.")
        return code == 0
