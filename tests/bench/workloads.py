"""What work the programs of the bench are given, and what of it issue 6 asks of us."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

LATENCY_MS = 80.0


@dataclass(frozen=True, slots=True)
class Workload:
    """One run of every program. `again` starts from a warehouse that a first load filled."""

    key: str
    title: str
    accounts: int
    campaigns: int
    """Of each account."""
    latency_ms: float = 0.0
    again: bool = False
    changed: int = 0
    """Campaigns changed in each account before the run, which then only wants what changed."""


def workloads(accounts: int = 20, campaigns: int = 2500, changed: int = 30) -> tuple[Workload, ...]:
    """W1 to W5. The one large account of W3 holds as much as all the others together."""
    total, many = accounts * campaigns, f"{accounts} x {campaigns:,}"
    late = f"{LATENCY_MS:g} ms a request"
    return (
        Workload("W1", f"first load of {many}", accounts, campaigns),
        Workload("W2", f"first load of {many}, {late}", accounts, campaigns, LATENCY_MS),
        Workload("W3", f"first load of 1 x {total:,}, {late}", 1, total, LATENCY_MS),
        Workload("W4", f"{many} again, nothing changed", accounts, campaigns, again=True),
        Workload(
            "W5",
            f"a small night: {accounts} x {changed} changed, {late}",
            accounts,
            campaigns,
            LATENCY_MS,
            True,
            changed,
        ),
    )


@dataclass(frozen=True, slots=True)
class Target:
    """A ratio of wall seconds that has to hold: `slower` over `faster` at most, or at least, so much."""

    slower: str
    faster: str
    at_most: float | None = None
    at_least: float | None = None

    def holds(self, ratio: float) -> bool:
        return (self.at_most is None or ratio <= self.at_most) and (self.at_least is None or ratio >= self.at_least)

    def __str__(self) -> str:
        return f"at most {self.at_most:g}" if self.at_most is not None else f"at least {self.at_least:g}"


def _limit(ratio: float) -> Target:
    return Target("us", "limit", at_most=ratio)


def _dlt(ratio: float) -> Target:
    return Target("dlt", "us", at_least=ratio)


_SCRIPT = Target("script", "us", at_least=1.0)
PEAK_MB = 150
"""The most memory that we may need, on every workload."""

TARGETS: Mapping[tuple[str, str], tuple[Target, ...]] = {
    ("postgresql", "W1"): (_limit(1.5), _dlt(3), _SCRIPT),
    ("postgresql", "W2"): (_limit(1.5), _dlt(3), _SCRIPT),
    ("postgresql", "W3"): (_limit(1.5), _dlt(12), _SCRIPT),
    ("postgresql", "W4"): (_limit(2.0), _dlt(8), _SCRIPT),
    ("postgresql", "W5"): (_limit(2.0), _dlt(2.5)),
    ("sqlite", "W1"): (_limit(2.0),),
    ("sqlite", "W2"): (_limit(2.0),),
    ("sqlite", "W3"): (_limit(2.0),),
    ("sqlite", "W4"): (_limit(2.0),),
}
