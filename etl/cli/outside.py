"""Who outside hears how a nightly run ended, and what: `[notify]`. A listener that is not reached changes nothing.

The nightly run is a `sync` of everything: what somebody runs by hand for one account says nothing about the night. Nor
does a run that was stopped by a signal: somebody did that, and a watch on age tells if no other run follows.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from etl import __version__, bootstrap, metrics, notify
from etl.cli import config
from etl.cli.output import Output
from etl.errors import WarehouseError
from etl.extract.wire import is_loopback
from etl.model import RunOutcome, Scope, Verb, Verdict
from etl.report import EXIT_WAREHOUSE
from etl.settings import Settings
from etl.warehouse.reading import ScopeFreshness


def is_told(settings: Settings, outcome: RunOutcome, *, narrowed: bool) -> bool:
    """Whether anybody outside is to hear of this run; `narrowed`: it read only what options chose."""
    listens = any(value is not None for value in settings.notify.model_dump().values())
    return listens and not narrowed and outcome.verb is Verb.SYNC and outcome.verdict is not Verdict.STOPPED


async def tell(output: Output, settings: Settings, outcome: RunOutcome) -> None:
    """Metrics after every run, the heartbeat after those with exit code 0; who is not reached is named on stderr."""
    async for problem in _problems(settings, outcome):
        output.complain(f"kore-etl: warning: [notify] {problem}.")


async def _problems(settings: Settings, outcome: RunOutcome) -> AsyncIterator[str]:
    wanted = settings.notify
    if wanted.metrics_file is not None or wanted.pushgateway_url is not None:
        text, problem = await _metrics(settings, outcome)
        if problem is not None:
            yield f"metrics are without the listings: {problem.rstrip('.')}"
        if wanted.metrics_file is not None and (
            problem := notify.replace_file(settings.path(wanted.metrics_file), text)
        ):
            yield f"metrics_file: {problem}"
        if wanted.pushgateway_url is not None:
            address = metrics.push_address(wanted.pushgateway_url.get_secret_value())
            if problem := await _ask("PUT", address, settings, text):
                yield f"pushgateway_url: {problem}"
    if outcome.exit_code:
        return
    if wanted.heartbeat_file is not None:
        line = f"{outcome.finished_at.isoformat()} {outcome.run_id}\n".encode()
        if problem := notify.replace_file(settings.path(wanted.heartbeat_file), line):
            yield f"heartbeat_file: {problem}"
    if wanted.heartbeat_url is not None and (
        problem := await _ask("GET", wanted.heartbeat_url.get_secret_value(), settings)
    ):
        yield f"heartbeat_url: {problem}"


async def _ask(method: str, url: str, settings: Settings, body: bytes | None = None) -> str | None:
    outside = not is_loopback(urlsplit(url).hostname or "")  # a proxy of the environment knows nothing of this machine
    return await notify.ask(method, url, body=body, tls=bootstrap.tls(settings), trust_env=outside)


async def _metrics(settings: Settings, outcome: RunOutcome) -> tuple[bytes, str | None]:
    """With how each configured listing stands; without that, and why, where the warehouse cannot say."""
    try:
        async with bootstrap.warehouse(settings) as store:
            fresh = {line.scope: line for line in await store.freshness()}
            sums = await store.run_sums(metrics.COUNTED)
    except WarehouseError as error:  # of a run that the warehouse broke off it was said already
        problem = None if outcome.exit_code == EXIT_WAREHOUSE else str(error)
        return metrics.text(outcome, __version__, (), None), problem
    standings = [_standing(scope, fresh.get(scope)) for scope in config.names(settings)]
    return metrics.text(outcome, __version__, standings, sums), None


def _standing(scope: Scope, line: ScopeFreshness | None) -> metrics.Standing:
    if line is None:
        return metrics.Standing(scope)
    return metrics.Standing(
        scope,
        proven_until=line.proven_until,
        last_proven_at=line.last_proven_at,
        unproven_windows=line.unproven_windows,
        live_campaigns=line.live_rows,
        rejects_waiting=line.rejects_waiting,
    )
