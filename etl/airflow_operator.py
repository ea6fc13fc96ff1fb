"""What one Airflow task does: it runs the command once, as a process of its own, and turns its exit code into a state.

The same way whether the tool shares Airflow's environment or has one of its own.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import threading
from collections.abc import Mapping, Sequence
from typing import IO, Any

from airflow.sdk import Asset, AssetAlias, BaseOperator, Connection
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowNotFoundException

from etl import airflow_call as call

STOP_SECONDS = 15.0
"""The command ends within ten seconds of SIGTERM; what has not by then is killed."""

PROVEN = "kore_etl_proven_accounts"
"""The alias under which the accounts' assets are made: which accounts there are is known only when a task runs."""


def account_asset(account_id: str) -> Asset:
    """The asset that gets an event whenever the account was read and proven; to schedule other DAGs by."""
    return Asset(name=f"kore_campaigns_{account_id}", uri=f"kore-etl://accounts/{account_id}")


class KoreEtlOperator(BaseOperator):
    """A task that calls the command: what operators and the sensor share."""

    def __init__(
        self,
        *,
        command: call.Command = None,
        config: str | None = None,
        connection: str | None = "kore_ai",
        warehouse_connection: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.command, self.config = command, config
        self.connection, self.warehouse_connection = connection, warehouse_connection
        self._process: subprocess.Popen[str] | None = None

    def call(self, *rest: str) -> tuple[int, dict[str, Any]]:
        """Exit code and document of one call; its log lines become the task's."""
        words = call.words(self.command, self.config, *rest)
        self.log.info("Running: %s", shlex.join(words))
        environment = call.environment(os.environ, self._kore_ai(), self._warehouse())
        secrets = call.secrets_of(environment)
        with self._started(words, environment) as process:
            self._process = process
            said: list[str] = []
            reader = threading.Thread(target=_collect, args=(process.stdout, said), daemon=True)
            reader.start()
            try:
                self._relay(process, secrets)
            except BaseException:  # Airflow's time limit: the command is not to go on by itself
                self._end(process, secrets)
                raise
            reader.join()
        self._process = None
        return process.returncode, call.document("".join(said))

    def _relay(self, process: subprocess.Popen[str], secrets: Sequence[str]) -> None:
        for line in process.stderr or ():
            self.log.info("%s", call.masked(line.rstrip(), secrets))

    def _end(self, process: subprocess.Popen[str], secrets: Sequence[str]) -> None:
        """Ask the command to end, and hear it out: within ten seconds it has, else it is ended."""
        process.terminate()
        late = threading.Timer(STOP_SECONDS, process.kill)
        late.start()
        self._relay(process, secrets)
        process.wait()
        late.cancel()

    def on_kill(self) -> None:
        """Airflow ends the task: the command gets SIGTERM, and ends cleanly within ten seconds."""
        if self._process is not None:
            self._process.terminate()

    def failure(self, code: int, told: Mapping[str, Any], verb: str) -> AirflowException:
        """What to raise: without retries where trying again mends nothing."""
        kind = AirflowFailException if code in call.FINAL else AirflowException
        return kind(call.complaint(verb, code, told))

    def _started(self, words: list[str], environment: Mapping[str, str]) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        try:
            return subprocess.Popen(  # noqa: S603  no shell, and the words are the DAG author's
                words, env=environment, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True, errors="replace"
            )
        except OSError as error:  # a retry may find another worker, or the end of an upgrade
            raise AirflowException(f"{words[0]} cannot be started: {error.strerror}.") from None

    def _kore_ai(self) -> dict[str, Any]:
        found = self._found(self.connection)
        if found is None:
            return {}
        fields = {name: getattr(found, name) for name in ("host", "port", "schema", "login", "password")}
        return fields | {"extra": found.extra_dejson}

    def _warehouse(self) -> str | None:
        found = self._found(self.warehouse_connection)
        return None if found is None else found.get_uri()

    def _found(self, conn_id: str | None) -> Connection | None:
        """An Airflow connection, whose secrets Airflow masks from then on; None where there is none of that name."""
        if conn_id is None:
            return None
        try:
            return Connection.get(conn_id)
        except AirflowNotFoundException:
            self.log.info("No connection %s: what it would say is left to configuration and environment.", conn_id)
            return None


def _collect(stream: IO[str], said: list[str]) -> None:
    said.append(stream.read())


class ListAccountsOperator(KoreEtlOperator):
    """Which accounts there are, as the arguments of the tasks mapped over them. Opens no secret, sends no request."""

    def __init__(self, *, accounts_per_task: int = 1, **options: Any) -> None:
        super().__init__(**options)
        self.accounts_per_task = accounts_per_task

    def execute(self, context: Any) -> list[dict[str, Any]]:
        """One element for each task; narrowed by the parameter `accounts`."""
        code, told = self.call("accounts")
        if code:
            raise self.failure(code, told, "accounts")
        accounts, wanted = told["accounts"], set(context["params"].get("accounts") or ())
        if unknown := wanted - {account["account_id"] for account in accounts}:
            raise AirflowFailException(f"Parameter accounts: not configured: {', '.join(sorted(unknown))}.")
        chosen = [account for account in accounts if not wanted or account["account_id"] in wanted]
        batches = call.batches(chosen, self.accounts_per_task, conf.getint("core", "max_map_length"))
        self.log.info("%d accounts in %d tasks.", sum(len(one["accounts"]) for one in batches), len(batches))
        return batches


class ReadAccountsOperator(KoreEtlOperator):
    """Reads and proves some accounts: the interval from `start` to `end`, or, where that has no width, what is due.

    A retry goes on with what the DAG run has not proven yet. Where all is proven, each account's asset gets an event,
    provided that `outlets` names the alias.
    """

    template_fields = ("accounts", "start", "end")
    ui_color = "#e4f0e8"

    def __init__(
        self,
        *,
        accounts: Sequence[str],
        title: str = "",
        start: str = "",
        end: str = "",
        wait_seconds: float = 0,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.accounts, self.title, self.start, self.end = accounts, title, start, end
        self.wait_seconds = wait_seconds

    def execute(self, context: Any) -> dict[str, Any]:
        """A small summary, which failed tasks leave behind as well."""
        interval = call.interval_of(self.start, self.end)
        self.log.info("%s", call.what(interval))
        words = call.reading(
            self.accounts,
            interval,
            only_gaps=bool(context["params"].get("only_gaps")),
            accept_deletions=bool(context["params"].get("accept_deletions")),
            wait_seconds=self.wait_seconds,
            resume_from=context["dag_run"].start_date,
        )
        code, told = self.call(*words)
        for line in call.lines(told):
            self.log.info("%s", line)
        summary = call.summary(told, self.accounts)
        if code:
            context["ti"].xcom_push(key="return_value", value=summary)
            raise self.failure(code, told, words[0])
        for account_id in self.accounts:
            context["outlet_events"][AssetAlias(PROVEN)].add(
                account_asset(account_id), extra=call.event(summary, interval)
            )
        return summary
