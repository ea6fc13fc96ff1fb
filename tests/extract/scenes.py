"""What the tests of reading have in common: one account's campaigns in the sandbox, and windows of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from etl.model import Channel, Reason, Scope, Window
from etl.sandbox.catalogue import Catalogue, SandboxAccount

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PAST = NOW - timedelta(days=100)
SCOPE = Scope("a1", "st-1", Channel.SMS)
ACCOUNT = SandboxAccount("a1", "st-1", "cs-1", "canary-secret-0123456789-0123456789", "one")


def insert(rows: Catalogue, created_at: datetime, updated_at: datetime | None = None, **fields: str) -> str:
    return rows.insert("a1", "sms", created_at=created_at, now=updated_at or created_at, **fields)


def catalogue(count: int) -> Catalogue:
    """So many campaigns, an hour apart, none updated since."""
    made = Catalogue([ACCOUNT])
    for number in range(count):
        insert(made, PAST + timedelta(hours=number))
    return made


def window(
    start: datetime = PAST, end: datetime = NOW - timedelta(minutes=10), reason: Reason = Reason.FIRST
) -> Window:
    return Window(SCOPE, start, end, reason)
