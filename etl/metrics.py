"""What Prometheus is told: the names of all metrics, and a run and the warehouse's standing as the text it reads. Pure.

Gauges speak of the last run and of each listing as it stands; counters are sums over the ledger, so they only grow,
whichever machine ran. A listing that was never proven has 0 as its `proven_until`: alerts on its age then fire.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from etl.model import RunOutcome, Scope

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

LISTING = ("account_id", "app_id", "channel")


class Standing(Struct, frozen=True):
    """How one configured listing stands in the warehouse."""

    scope: Scope
    proven_until: datetime | None = None
    last_proven_at: datetime | None = None
    unproven_windows: int = 0
    live_campaigns: int = 0
    rejects_waiting: int = 0


class Sums(Protocol):
    """What all runs in the ledger came to."""

    @property
    def runs(self) -> Mapping[tuple[str, str], int]:
        """(verb, verdict) -> how many runs ended so."""

    @property
    def counts(self) -> Mapping[str, float]:
        """By the names in COUNTED."""


def text(outcome: RunOutcome, version: str, standings: Sequence[Standing], sums: Sums | None) -> bytes:
    """The metrics in Prometheus' text format. `sums` None: the warehouse could not be asked."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.registry import Collector

    class Told(Collector):
        def collect(self) -> Iterator[Metric]:
            yield from _last_run(outcome, version)
            yield from _listings(standings)
            yield from _counters(sums) if sums is not None else ()

    registry = CollectorRegistry()
    registry.register(Told())
    return generate_latest(registry)


def push_address(url: str) -> str:
    """Where a push gateway takes them: under a job of our name, unless the address names a group of its own."""
    return url if "/metrics/job" in url else f"{url.rstrip('/')}/metrics/job/kore_etl"


def _last_run(outcome: RunOutcome, version: str) -> Iterator[Metric]:
    from prometheus_client.metrics_core import GaugeMetricFamily

    def gauge(name: str, told: str, value: float, **labels: str) -> Metric:
        family = GaugeMetricFamily(f"kore_etl_{name}", told, labels=list(labels))
        family.add_metric(list(labels.values()), value)
        return family

    accounts = {scope.scope.account_id for scope in outcome.scopes}
    troubled = {one.scope.account_id for one in outcome.scopes if one.error is not None or one.rejects_waiting}
    seconds = (outcome.finished_at - outcome.started_at).total_seconds()
    yield gauge("build_info", "The version that ran, as a label", 1, version=version)
    yield gauge("last_run_timestamp_seconds", "When the last nightly run ended", outcome.finished_at.timestamp())
    yield gauge("last_run_duration_seconds", "How long the last nightly run took", seconds)
    yield gauge("last_run_exit_code", "The exit code of the last nightly run, 0 = complete", outcome.exit_code)
    yield gauge("last_run_verdict", "The last nightly run's verdict, as a label", 1, verdict=outcome.verdict.value)
    yield gauge("last_run_accounts", "Accounts of the last nightly run", len(accounts))
    yield gauge("last_run_troubled_accounts", "Accounts of the last nightly run with an error", len(troubled))


def _listings(standings: Sequence[Standing]) -> Iterator[Metric]:
    from prometheus_client.metrics_core import GaugeMetricFamily

    def gauges(name: str, told: str, values: Iterator[float]) -> Metric:
        family = GaugeMetricFamily(f"kore_etl_{name}", told, labels=LISTING)
        for one, value in zip(standings, values, strict=True):
            family.add_metric([one.scope.account_id, one.scope.app_id, one.scope.channel.value], value)
        return family

    yield gauges(
        "proven_until_timestamp_seconds",
        "Everything created before is proven complete; 0 = nothing is",
        (_seconds(one.proven_until) for one in standings),
    )
    yield gauges(
        "last_proven_timestamp_seconds",
        "When the last proven read ended; 0 = never",
        (_seconds(one.last_proven_at) for one in standings),
    )
    yield gauges(
        "unproven_windows",
        "Stretches whose last read was not proven",
        (one.unproven_windows for one in standings),
    )
    yield gauges(
        "campaigns_live", "Campaigns stored and not taken as deleted", (one.live_campaigns for one in standings)
    )
    yield gauges(
        "rejected_waiting",
        "Records in quarantine, neither gone nor acknowledged",
        (one.rejects_waiting for one in standings),
    )


def _seconds(instant: datetime | None) -> float:
    return 0.0 if instant is None else instant.timestamp()


COUNTERS = {
    "requests": ("requests", "Requests sent, retries included"),
    "retries": ("retries", "Requests that were tried again"),
    "throttled_seconds": ("throttled_seconds", "Seconds that accounts waited because Kore.ai asked to"),
    "inserted": ("campaigns_inserted", "Campaigns stored for the first time"),
    "updated": ("campaigns_updated", "Campaigns whose row changed"),
    "unchanged": ("campaigns_unchanged", "Campaigns read and found unchanged"),
    "missing": ("campaigns_missing", "Campaigns newly marked as missing"),
    "deleted": ("campaigns_deleted", "Campaigns newly marked as deleted"),
    "revived": ("campaigns_revived", "Campaigns that came back"),
    "rejected": ("records_rejected", "Records that could not be stored"),
}
"""Name in `report.COUNTS` -> name of the counter, without prefix and `_total`, and what it says."""

STATES = ("proven", "open", "unproven", "failed")

COUNTED = (*STATES, *COUNTERS)
"""The counts that are wanted of the ledger."""


def _counters(sums: Sums) -> Iterator[Metric]:
    from prometheus_client.metrics_core import CounterMetricFamily

    runs = CounterMetricFamily("kore_etl_runs", "Runs that ended", labels=("verb", "verdict"))
    for (verb, verdict), count in sorted(sums.runs.items()):
        runs.add_metric([verb, verdict], count)
    yield runs
    windows = CounterMetricFamily("kore_etl_windows", "Windows read, by what the read amounted to", labels=("state",))
    for state in STATES:
        windows.add_metric([state], sums.counts.get(state, 0))
    yield windows
    for count_name, (name, told) in COUNTERS.items():
        counter = CounterMetricFamily(f"kore_etl_{name}", told)
        counter.add_metric([], sums.counts.get(count_name, 0))
        yield counter
