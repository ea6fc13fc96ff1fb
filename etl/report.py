"""What a run's outcomes amount to: verdict, exit code, and the JSON document that outside scripts read. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from etl.model import AccountEnd, AccountOutcome, RunOutcome, ScopeOutcome, State, Verdict

EXIT_OK = 0
EXIT_INCOMPLETE = 1
EXIT_REFUSED = 3
EXIT_HELD = 4
EXIT_UNREADABLE = 5
EXIT_WAREHOUSE = 6
EXIT_BUG = 70
"""EX_SOFTWARE of sysexits.h."""

_UNREAD = (AccountEnd.REFUSED, AccountEnd.UNAVAILABLE)

COUNTS = (
    "windows",
    "proven",
    "open",
    "unproven",
    "failed",
    "source_total",
    "seen",
    "inserted",
    "updated",
    "unchanged",
    "missing",
    "deleted",
    "revived",
    "links_added",
    "links_removed",
    "rejected",
    "requests",
    "retries",
    "throttled_seconds",
)
"""The counts of a scope, in the document's order; `totals` has the same, summed."""


def judge(accounts: Sequence[AccountOutcome]) -> tuple[Verdict, int]:
    """The run's verdict and exit code: the first of design's order that applies (3, 5, 1, 4, 0)."""
    tried = [account for account in accounts if account.end is not AccountEnd.HELD]
    if accounts and all(account.end is AccountEnd.REFUSED and not account.answered for account in accounts):
        return Verdict.REFUSED, EXIT_REFUSED
    if tried and all(account.end in _UNREAD and not account.answered for account in tried):
        return Verdict.UNREADABLE, EXIT_UNREADABLE
    if any(map(_incomplete, tried)):
        return Verdict.INCOMPLETE, EXIT_INCOMPLETE
    if len(tried) < len(accounts):
        return Verdict.HELD, EXIT_HELD
    return Verdict.COMPLETE, EXIT_OK


def _incomplete(account: AccountOutcome) -> bool:
    return account.end is not AccountEnd.DONE or any(
        scope.rejects_waiting
        or scope.braked
        or scope.disagrees
        or scope.windows.get(State.UNPROVEN)
        or scope.windows.get(State.FAILED)
        for scope in account.scopes
    )


def scope_counts(scope: ScopeOutcome) -> dict[str, int | float | None]:
    """One scope's counts by the names of COUNTS; `source_total` is None where no proof established one."""
    values: tuple[int | float | None, ...] = (
        sum(scope.windows.values()),
        scope.windows.get(State.PROVEN, 0),
        scope.windows.get(State.OPEN, 0),
        scope.windows.get(State.UNPROVEN, 0),
        scope.windows.get(State.FAILED, 0),
        scope.source_total,
        scope.seen,
        scope.loaded.inserted,
        scope.loaded.updated,
        scope.loaded.unchanged,
        scope.missing,
        scope.deleted,
        scope.loaded.revived,
        scope.loaded.links_added,
        scope.loaded.links_removed,
        scope.loaded.rejected,
        scope.cost.requests,
        scope.cost.retries,
        round(scope.cost.throttled_seconds, 3),
    )
    return dict(zip(COUNTS, values, strict=True))


def totals(outcome: RunOutcome) -> dict[str, int | float]:
    """The same counts over all scopes; an unestablished `source_total` adds nothing."""
    per_scope = [scope_counts(scope) for scope in outcome.scopes]
    return {name: sum(counts[name] or 0 for counts in per_scope) for name in COUNTS}


def document(outcome: RunOutcome) -> Mapping[str, Any]:
    """The JSON of `sync` and `backfill`."""
    return {
        "run_id": outcome.run_id,
        "verb": outcome.verb.value,
        "verdict": outcome.verdict.value,
        "exit_code": outcome.exit_code,
        "started_at": outcome.started_at.isoformat(),
        "finished_at": outcome.finished_at.isoformat(),
        "totals": totals(outcome),
        "late": list(outcome.late),
        "scopes": [
            {
                "account_id": scope.scope.account_id,
                "app_id": scope.scope.app_id,
                "channel": scope.scope.channel.value,
                **scope_counts(scope),
                "error": scope.error,
            }
            for scope in outcome.scopes
        ],
    }
