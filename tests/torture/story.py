"""The small fixed run: what the source holds before it, what changed, and how it is served from a process of its own.

Three windows of one account, two of SMS and one of voice. In each there is one campaign of every role, so that
whichever call is the last, something of every kind is on its way: new rows, changed attributes, moved counters, links
added and taken off, a deletion seen for the first and one seen for the second time, and a return.
"""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from typing import Any

from month.oracle import Oracle, Scope, Wire

from etl.sandbox.app import Sandbox
from etl.sandbox.catalogue import CHANNELS, Catalogue, SandboxAccount, invent_accounts

WINDOWS = (("sms", 600), ("sms", 60), ("voice", 300))
"""Channel, and how many days ago its campaigns were created."""

SETTINGS = "\n[sync]\nmax_window_rows = 10\n"
"""Cuts the SMS of `WINDOWS` in two."""

NIGHTS = 3
"""Runs before the one that is tortured."""

ROLES = ("quiet", "renamed", "counted", "gained", "lost", "gone", "missing", "back")


@dataclass(frozen=True, slots=True)
class Told:
    """The source at one moment: where it is served, and each listing's records by campaign id."""

    url: str
    accounts: tuple[SandboxAccount, ...]
    listings: dict[str, dict[str, Wire]]


class Story:
    """A catalogue and what becomes of it; each step happens before the night of its number."""

    def __init__(self) -> None:
        self.catalogue = Catalogue(invent_accounts(1))
        self._account = self.catalogue.accounts[0].account_id
        self._now = datetime.now(UTC).replace(microsecond=0)
        self._ids: dict[tuple[int, str], str] = {}
        self._rows: dict[tuple[int, str], Any] = {}

    def step(self, night: int) -> None:
        """1: everybody is there; 2 and 3: a past worth keeping; 4: what the tortured run has to bring."""
        steps: dict[int, Callable[[int, str], None]] = {
            1: self._begin,
            2: self._second,
            3: self._third,
            4: self._change,
        }
        for window, (channel, _) in enumerate(WINDOWS):
            steps[night](window, channel)

    def _begin(self, window: int, channel: str) -> None:
        for role in ROLES:
            self._insert(window, channel, role)

    def _second(self, window: int, channel: str) -> None:
        self._update(window, channel, "renamed", 3, name=f"renamed once {window}")
        self._count(window, channel, 3, sent=500, instance=f"cid-{window}-one")
        self._delete(window, channel, "back")

    def _third(self, window: int, channel: str) -> None:
        self._delete(window, channel, "missing")

    def _change(self, window: int, channel: str) -> None:
        self._insert(window, channel, "new")
        self._update(window, channel, "renamed", 1, name=f"renamed twice {window}", status="Active")
        self._count(window, channel, 1, sent=40, instance=f"cid-{window}-two")
        self._update(window, channel, "gained", 1, contactLists=["kept", f"taken off {window}", f"gained {window}"])
        self._update(window, channel, "lost", 1, contactLists=["kept"])
        self._delete(window, channel, "gone")
        self._listing(channel).put(self._rows[window, "back"])
        self._update(window, channel, "back", 1, name=f"came back {window}")

    def _listing(self, channel: str) -> Any:
        return self.catalogue.of(self._account, channel)

    def _insert(self, window: int, channel: str, role: str) -> None:
        age = timedelta(days=WINDOWS[window][1] - len(self._ids) % 10)
        created = self._now - age
        sent = {"totalMessagesSent": 100} if channel == "sms" else {}
        self._ids[window, role] = self.catalogue.insert(
            self._account,
            channel,
            created_at=created,
            now=created,
            name=f"{role} {window}",
            status="Completed",
            contactLists=["kept", f"taken off {window}"],
            campaignInstanceId=f"cid-{window}-{role}",
            **sent,
        )

    def _update(self, window: int, channel: str, role: str, days_ago: int, **fields: Any) -> None:
        now = self._now - timedelta(days=days_ago)
        self.catalogue.update(self._account, channel, self._ids[window, role], now=now, **fields)

    def _count(self, window: int, channel: str, days_ago: int, *, sent: int, instance: str) -> None:
        counter = {"totalMessagesSent": sent} if channel == "sms" else {}
        self._update(window, channel, "counted", days_ago, campaignInstanceId=instance, **counter)

    def _delete(self, window: int, channel: str, role: str) -> None:
        campaign_id = self._ids[window, role]
        self._rows[window, role] = self._listing(channel).rows[campaign_id]
        self.catalogue.delete(self._account, channel, campaign_id)

    def listings(self) -> dict[str, dict[str, Wire]]:
        """What the source lists, by channel and campaign id."""
        return {
            channel: {
                record.get("id") or record["_id"]: record for record in self.catalogue.listing(self._account, channel)
            }
            for channel in CHANNELS
        }


def oracle(account: SandboxAccount, nights: list[dict[str, dict[str, Wire]]]) -> Oracle:
    """What the copy must tell after these nights; the last one is read once more, which confirms deletions."""
    told = Oracle()
    for night, listings in enumerate([*nights, nights[-1]], 1):
        for channel, records in listings.items():
            told.met(night, Scope(account.account_id, account.app_id, channel), records, None)
    return told


# -- a process of its own ----------------------------------------------------------------------------------------------


@contextmanager
def served() -> Iterator[Callable[[int], Told]]:
    """The source on a socket, in a process of its own; what is given makes a step of the story and tells the result."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()

    def step(night: int) -> Told:
        ours.send(night)
        told: Told = ours.recv()
        return told

    try:
        yield step
    finally:
        ours.send(None)
        process.join(10)


def _serve(orders: Connection) -> None:
    asyncio.run(_serving(orders))


async def _serving(orders: Connection) -> None:
    story = Story()
    async with Sandbox(story.catalogue) as sandbox:
        while (night := await asyncio.to_thread(orders.recv)) is not None:
            story.step(night)
            orders.send(Told(sandbox.url, story.catalogue.accounts, story.listings()))
